"""A pass asks Airflow for each login once; whose session it is depends on what the connection asks for."""

import json
from typing import Any

import pytest

from muniment.adapters.site.site import Site
from muniment.domain.firm.firm import WatchRights
from muniment.domain.vault import keys
from muniment_airflow.fleet_connections import AirflowConnections
from tests.fixtures.sites import site_env, with_firm

# The providers' own libraries.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning")


@pytest.fixture
def watched(site17: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Its watch has a connection of its own, ``the_watch``, which a test may change."""
    env = site_env(site17)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    own = next(value for value in env.values() if json.loads(value)["conn_type"] == "aws")
    monkeypatch.setenv("AIRFLOW_CONN_THE_WATCH", own)
    return with_firm(site17, watch=WatchRights(aws_connection="the_watch"))


def extra(monkeypatch: pytest.MonkeyPatch, watched: Site, **more: Any) -> None:
    told = json.loads(next(v for v in site_env(watched).values() if json.loads(v)["conn_type"] == "aws"))
    told["extra"] = {**told["extra"], **more}
    monkeypatch.setenv("AIRFLOW_CONN_THE_WATCH", json.dumps(told))


@pytest.mark.parametrize("more", [{}, {"assume_role_method": "assume_role"}], ids=["ours", "the provider's"])
def test_either_session_reaches_both_vaults(
    watched: Site, monkeypatch: pytest.MonkeyPatch, more: dict[str, str]
) -> None:
    extra(monkeypatch, watched, **more)
    site = AirflowConnections().watch_site(watched.firm)
    assert all(vault.head(keys.FIRM) is not None for vault in site.vaults)
    assert type(site.clients).__module__ == ("muniment_airflow.hooks" if more else "muniment.adapters.site.logins")


def test_firms_that_share_the_watchs_login_share_its_clients(watched: Site) -> None:
    connections = AirflowConnections()
    other = with_firm(watched, id="another", aws_connection="of_another").firm
    assert connections.watch_site(watched.firm).clients is connections.watch_site(other).clients
    assert connections.watch_site(watched.firm).firm.aws_connection == "the_watch"
