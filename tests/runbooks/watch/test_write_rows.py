"""A pass leaves a line of each of its firms, which holds what the series and the vaults hold."""

from datetime import timedelta
from pathlib import Path

import pytest

from muniment.adapters.watch.store import WatchStore
from muniment.domain.firm.firm import Firm
from muniment.domain.fleet.row import FirmRow, unread_row
from muniment.domain.watch.duty import Suspension
from muniment.domain.watch.evidence import Evidence
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.runbooks.watch.write_rows import write_rows
from tests.support.firm_histories import firm_history
from tests.support.firms import paper_firm
from tests.support.watched import NOW, firm_seen

DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> WatchStore:
    return WatchStore.open(str(tmp_path / "watch.sqlite"))


def firms(*firm_ids: str) -> dict[str, Firm]:
    return {firm_id: paper_firm(firm_id) for firm_id in firm_ids}


def seen(firm: str, *, is_whole: bool) -> FirmSeen:
    made = Evidence(read_at=NOW, vaults_made_at=NOW - 99 * DAY)
    return firm_seen(firm, watched_since=NOW - 99 * DAY, whole_at=NOW if is_whole else NOW - DAY, evidence=made)


def rows(store: WatchStore) -> dict[str, FirmRow]:
    return {row.firm: row for row in store.fleet_rows()}


def test_nights_are_counted_of_those_whose_history_was_read(store: WatchStore) -> None:
    both = firms("acme", "birch")
    store.put_histories(firm_history(firm, NOW) for firm in both)
    write_rows(store, both, [seen("acme", is_whole=False), seen("birch", is_whole=False)], clock=lambda: NOW)
    assert {row.nights_due for row in rows(store).values()} == {30}, "of whoever has no line yet"
    store.put_suspension(
        Suspension(firm="birch", duty=None, until=NOW - DAY, by="ada", why="a move", made_at=NOW - 90 * DAY)
    )
    write_rows(store, both, [seen("acme", is_whole=False), seen("birch", is_whole=True)], clock=lambda: NOW)
    assert (rows(store)["acme"].nights_due, rows(store)["birch"].nights_due) == (30, 1)


def test_a_line_of_whom_nobody_looked_at_stays(store: WatchStore) -> None:
    write_rows(
        store, firms("acme", "birch"), [seen("acme", is_whole=True), seen("birch", is_whole=True)], clock=lambda: NOW
    )
    later = firm_seen("acme", NOW + timedelta(minutes=5))
    write_rows(store, firms("acme"), [later], clock=lambda: NOW + timedelta(minutes=5))
    assert [(row.firm, row.seen_at, len(row.day)) for row in store.fleet_rows()] == [
        ("acme", later.seen_at, 1),
        ("birch", NOW, 1),
    ]


def test_a_line_that_cannot_be_read_is_written_anew_from_the_history(store: WatchStore) -> None:
    both = firms("acme", "birch")
    store.put_histories(firm_history(firm, NOW) for firm in both)
    store.put_rows([unread_row("acme"), unread_row("birch")])
    write_rows(store, both, [seen("acme", is_whole=False), seen("birch", is_whole=False)], clock=lambda: NOW)
    assert [(row.is_unread, row.nights_due, len(row.day)) for row in store.fleet_rows()] == [(False, 30, 1)] * 2
