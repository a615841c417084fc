"""airflow_settings.yaml: what the Astro CLI would read, for the firms that the registry has, and no secret."""

from typing import Any

import pytest
import yaml

from muniment.adapters.site.logins import find_login
from muniment.registry import load_registry
from muniment.registry.watch_file import load_watch_settings
from muniment_airflow.pools import POOLS
from tests.registry.conftest import ROOT

FILE = ROOT / "airflow_settings.yaml"
# astro-cli, settings/types.go at ed93cc5.
CONNECTION_KEYS = {
    "conn_id", "conn_type", "conn_host", "conn_schema", "conn_login", "conn_password", "conn_port", "conn_uri",
    "conn_extra",
}  # fmt: skip
POOL_KEYS = {"pool_name", "pool_slot", "pool_description"}


@pytest.fixture
def airflow() -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(FILE.read_text())
    assert list(values) == ["airflow"]
    return dict(values["airflow"])


def test_it_has_the_astro_clis_exact_keys(airflow: dict[str, Any]) -> None:
    assert list(airflow) == ["connections", "pools", "variables"]
    for connection in airflow["connections"]:
        assert set(connection) == CONNECTION_KEYS
        assert isinstance(connection["conn_port"], int | None)
    for pool in airflow["pools"]:
        assert set(pool) == POOL_KEYS
        assert pool["pool_slot"] > 0, "the Astro CLI passes over a pool without slots"


def test_it_has_each_connection_that_the_registry_names_and_no_other(airflow: dict[str, Any]) -> None:
    firms = load_registry(ROOT / "include").firms.values()
    named: dict[str | None, str] = {
        name: kind for f in firms for name, kind in ((f.cluster.connection, "postgres"), (f.aws_connection, "aws"))
    }
    named |= {f.watch.connection: "postgres" for f in firms} | {f.watch.aws_connection: "aws" for f in firms}
    told_by = (told for f in firms for told in f.contact.told_by)
    named |= {str(told.arguments["smtp_conn_id"]): "smtp" for told in told_by}
    types = {"pagerduty": "pagerduty_events", "slack": "slackwebhook", "sns": "aws", "smtp": "smtp"}
    channels = load_watch_settings(ROOT / "include").channels
    named |= {each.connection: types[each.kind] for each in channels if each.connection}
    assert {c["conn_id"]: c["conn_type"] for c in airflow["connections"]} == named


def test_it_has_the_pools_that_the_dags_name(airflow: dict[str, Any]) -> None:
    """And with the slots that the scheduler gives to those which are missing."""
    told = {pool["pool_name"]: (pool["pool_slot"], pool["pool_description"]) for pool in airflow["pools"]}
    assert told == POOLS


def test_its_passwords_are_placeholders(airflow: dict[str, Any]) -> None:
    assert {connection["conn_password"] for connection in airflow["connections"]} <= {None, "replace-me"}


def test_the_command_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_HARBOR_LANE_PG", raising=False)
    login = find_login("harbor_lane_pg", FILE)
    assert (login.host, login.port, login.schema) == ("postgres.harbor-lane.example", 5432, "practice")
    assert "sslmode=verify-full" in login.conninfo().reveal()
