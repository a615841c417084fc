"""What the pages are drawn from, out of a real store of each kind that is opened to be read alone."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.watch.places import url_of
from muniment.adapters.watch.store import WatchStore
from muniment.domain.fleet.history import FirmHistory
from muniment.domain.incidents.incident import Delivery, Incident, Silence
from muniment.domain.incidents.trouble import Scope
from muniment.domain.incidents.wording import notice_of
from muniment.domain.secret import Secret
from muniment.domain.watch.duty import Suspension
from muniment.runbooks.fleet.reader import FleetReader
from muniment.runbooks.incidents.tell import UNTOLD
from tests.support.watched import NOW, firm_row, firm_seen, incident, sample

DAY = timedelta(days=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield str(tmp_path / "watch.sqlite")
        return
    cluster: LocalCluster = request.getfixturevalue("cluster")
    yield url_of(Secret(cluster.conninfo())).reveal()
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS muniment_watch CASCADE")


@pytest.fixture
def store(url: str) -> WatchStore:
    return WatchStore.open(url)


@pytest.fixture
def reader(url: str, store: WatchStore) -> FleetReader:
    return FleetReader(WatchStore.open(url, read_only=True), None, lambda: NOW)


def put(store: WatchStore, *incidents: Incident) -> None:
    with store.book() as book:
        for each in incidents:
            book.put(each)


def own(number: int, firm: str = "acme", **changed: Any) -> Incident:
    told = {"scope": Scope(kind="firm", name=firm), **changed}
    return incident(number, key=f"key-{number}", firms=(firm,), **told)


def test_the_fleet_with_what_is_everybodys(store: WatchStore, reader: FleetReader) -> None:
    assert reader.fleet().rows == ()
    store.put_rows([firm_row("birch"), firm_row("acme")])
    channel = incident(2, key="c", firms=(), scope=Scope(kind="channel", name="on-call"))
    seen_once = incident(3, key="d", firms=(), scope=Scope(kind="channel", name="mail"), state="observed")
    put(store, incident(1, firms=("acme", "birch")), channel, seen_once)
    begun = store.begin_pass("default", NOW, DAY)
    assert begun is not None
    ended = begun.model_copy(update={"ended_at": NOW})
    store.end_pass(begun, ended)
    found = reader.fleet()
    assert [row.firm for row in found.rows] == ["acme", "birch"]
    assert {firm: [each.id for each in told] for firm, told in found.open_incidents.items()} == {
        "acme": ["incident-1"],
        "birch": ["incident-1"],
    }
    assert [each.id for each in found.common_incidents] == ["incident-2"]
    assert (found.passes, found.airflow, found.read_at) == ((ended,), None, NOW)


def test_a_firm_and_nothing_of_another_one(store: WatchStore, reader: FleetReader) -> None:
    assert reader.firm("acme") is None
    store.put_firms([firm_seen("acme"), firm_seen("birch")])
    store.put_rows([firm_row("acme"), firm_row("birch")])
    store.put_histories([FirmHistory(firm="acme", read_at=NOW), FirmHistory(firm="birch", read_at=NOW)])
    put(store, own(1), own(2, "birch"), own(3, state="resolved", resolved_at=NOW - 399 * DAY))
    for firm in ("acme", "birch"):
        store.put_suspension(Suspension(firm=firm, duty=None, until=NOW + DAY, by="ann", why="a move", made_at=NOW))
    store.add_samples([sample("acme"), sample("birch")])
    found = reader.firm("acme")
    assert found is not None
    assert (found.seen, found.row) == (firm_seen("acme"), firm_row("acme"))
    assert found.history == FirmHistory(firm="acme", read_at=NOW)
    assert [each.id for each in found.incidents] == ["incident-1", "incident-3"]
    assert [each.firm for each in found.suspensions] == ["acme"]
    assert reader.samples("acme", NOW - DAY, NOW) == [sample("acme")]


def test_when_nobody_looked_is_told_of_any_part_of_it(store: WatchStore, reader: FleetReader) -> None:
    assert reader.unwatched("acme", NOW - DAY, NOW) == []
    hour = timedelta(hours=1)
    store.add_samples(sample(at=NOW - hours * hour) for hours in (40, 10))
    store.add_samples(sample(at=NOW - 5 * hour - number * timedelta(minutes=5)) for number in range(12))
    assert reader.unwatched("acme", NOW - 2 * DAY, NOW) == [
        (NOW - 40 * hour, NOW - 10 * hour),
        (NOW - 10 * hour, NOW - 5 * hour - timedelta(minutes=55)),
        (NOW - 5 * hour, NOW),
    ]
    assert reader.unwatched("acme", NOW - 30 * hour, NOW - 20 * hour) == [(NOW - 30 * hour, NOW - 20 * hour)]
    assert reader.unwatched("acme", NOW - 15 * hour, NOW - 10 * hour) == [(NOW - 15 * hour, NOW - 10 * hour)]
    assert reader.unwatched("acme", NOW - 3 * DAY, NOW - 2 * DAY) == []
    assert reader.unwatched("birch", NOW - DAY, NOW) == []


def test_the_list_has_what_was_open_within_a_month(store: WatchStore, reader: FleetReader) -> None:
    over = {"state": "resolved", "opened_at": NOW - 50 * DAY}
    put(
        store,
        own(1),
        own(2, state="observed"),
        own(3, **over, resolved_at=NOW - 29 * DAY),
        own(4, **over, resolved_at=NOW - 31 * DAY),
        own(5, state="resolved", opened_at=None, resolved_at=None, last_bad_at=NOW),
    )
    assert [each.id for each in reader.incidents(include_over=False)] == ["incident-1"]
    assert [each.id for each in reader.incidents(include_over=True)] == ["incident-1", "incident-3"]


def test_an_incident_by_its_id_and_by_its_key_with_who_was_told(store: WatchStore, reader: FleetReader) -> None:
    store.put_rows([firm_row("acme"), firm_row("birch")])
    wider = incident(9, key="wider", firms=("acme", "birch"))
    put(store, own(1, held_back_by="wider"), own(10, held_back_by="wider", state="resolved"), wider)
    opened, ended = (notice_of(wider, kind, NOW) for kind in ("opened", "resolved"))
    other = notice_of(own(99), "opened", NOW)
    with store.book() as book:
        for each in (opened, ended, other):
            book.enqueue(each)
    took = Delivery(notice=opened.id, channel="pager", at=NOW)
    refused = Delivery(notice=ended.id, channel="pager", at=NOW, failure="refused")
    store.delivered(took)
    store.failed(refused)
    store.remember(*UNTOLD, {ended.id: {"why": "pager: refused"}}, NOW)
    silence = Silence(id="s", firm=None, cause=None, key="x", until=NOW + DAY, by="ann", why="w", made_at=NOW)
    store.put_silence(silence)
    found = reader.incident("incident-9")
    assert found == reader.incident("wider")
    assert found is not None
    assert (found.incident, found.held_back_by) == (wider, None)
    assert [each.id for each in found.holds_back] == ["incident-1"]
    assert [(each.notice, each.delivered_at, each.deliveries, each.untold) for each in found.notices] == [
        (opened, NOW, (took,), None),
        (ended, None, (refused,), "pager: refused"),
    ]
    assert (found.silences, set(found.rows)) == ((silence,), {"acme", "birch"})
    held = reader.incident("incident-1")
    assert held is not None
    assert (held.held_back_by, held.notices) == (wider, ())
    assert reader.incident("../../etc") is None
