"""What somebody outside hears of a pass: its end, that nobody could be told, and nothing where it looked at nobody."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from muniment.adapters.site.logins import Login, find_login
from muniment.adapters.site.site import Site
from muniment.adapters.watch.store import WatchStore
from muniment.domain.firm.firm import Firm
from muniment.domain.watch.settings import WatchSettings
from muniment.errors import InvalidConfiguration
from muniment.runbooks.incidents.tell import UNTOLD
from muniment.runbooks.watch.one_pass import Watch, one_pass
from muniment.runbooks.watch.watch_fleet import LEASE
from tests.support.firms import paper_firm
from tests.support.progress import Told

NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)


class _Nowhere:
    """Of all connections there is the heartbeat's alone."""

    def login(self, connection_id: str) -> Login:
        return find_login(connection_id)

    def site(self, firm: Firm) -> Site:
        raise InvalidConfiguration(count=1, faults=f"{firm.id} has no connections")

    watch_site = site


@dataclass
class Outside:
    server: HTTPServer
    store: WatchStore

    def hears(self, *firm_ids: str) -> list[str]:
        firms = {firm_id: paper_firm(firm_id) for firm_id in firm_ids}
        watch = Watch(WatchSettings(heartbeat="outside"), firms, {}, _Nowhere())
        one_pass(watch, None, clock=lambda: NOW, progress=Told())
        return [request.path for request, _ in self.server.log]


@pytest.fixture
def outside(httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outside:
    for end in ("/start", "/fail", ""):
        httpserver.expect_request(f"/ping{end}").respond_with_data("OK")
    connection = {"conn_type": "http", "host": httpserver.url_for("/ping")}
    monkeypatch.setenv("AIRFLOW_CONN_OUTSIDE", json.dumps(connection))
    monkeypatch.setenv("MUNIMENT_WATCH_STORE", str(tmp_path / "watch.sqlite"))
    return Outside(httpserver, WatchStore.open(str(tmp_path / "watch.sqlite")))


def test_a_pass_that_came_to_its_end_is_told(outside: Outside) -> None:
    assert outside.hears("acme") == ["/ping/start", "/ping"]


def test_that_no_channel_takes_anything_is_a_failure(outside: Outside) -> None:
    """Nobody else hears of it: what has to be told is that nothing can be told."""
    facts = {"subject": "acme: the database went back", "why": "pager: no answer", "tried_at": NOW.isoformat()}
    facts["made_at"] = (NOW - timedelta(minutes=10)).isoformat()
    outside.store.remember(*UNTOLD, {"a notice": facts}, NOW)
    assert outside.hears("acme") == ["/ping/start", "/ping/fail"]


def test_where_nobody_was_looked_at_no_end_is_told(outside: Outside) -> None:
    """A registry without a sound firm, and a pass that was killed and still has its lease, look at nobody."""
    assert outside.hears() == ["/ping/start"]
    outside.store.begin_pass("us-east-1", NOW, LEASE)
    assert outside.hears("acme") == ["/ping/start"] * 2
