"""What a firm's nights tell together: clusters, chains, windows and holes."""

from datetime import timedelta
from typing import Any

from muniment.domain.fleet.history import NightSeen
from muniment.domain.fleet.nights import holes_of, related, windows_of
from muniment.domain.fleet.of_registers import night_seen
from muniment.domain.vault.firm_mark import FirmMark, FormerCluster
from muniment.domain.vault.registers import DocumentChanges, RecoveryWindow, WalHole, WalRange
from muniment.domain.wal.names import Lsn
from tests.support.points import make_point
from tests.support.vault_looks import NOW

OLD, SERVING = 7, 8
WAL = WalRange(timeline=1, first_segment="1", last_segment="1", through_lsn=Lsn(1))


def mark(*former: int) -> FirmMark:
    replaced = tuple(FormerCluster(system_identifier=each, until=NOW, adoption="a") for each in former)
    return FirmMark(firm="alder", system_identifier=SERVING, role="primary", created_at=NOW, former=replaced)


def night(name: str, days_ago: int, system: int = SERVING, *, chain: tuple[str, ...] = (), **known: Any) -> NightSeen:
    at = NOW - timedelta(days=days_ago)
    window = RecoveryWindow(backup=name, timeline=1, start_lsn=Lsn(1), end_lsn=Lsn(2), start_at=at)
    told = {"system_identifier": system, "chain": chain or (name,), "windows": (window,), **known}
    return night_seen(make_point(name, WAL, at=at, **told), in_replica=True)


def test_nights_of_a_cluster_that_was_replaced_are_told_apart_and_keep_their_windows() -> None:
    nights = related([night("d", 1), night("c", 2), night("b", 3, OLD), night("a", 4, OLD)], mark(OLD))
    assert [each.point for each in nights] == ["a", "b", "c", "d"]
    assert [each.is_present for each in nights] == [False, False, True, True]
    assert [window.backup for window in windows_of(nights)] == ["b", "d"]
    again = related(nights, mark(OLD))
    assert again == nights
    before = related([night("b", 3, OLD)], mark(OLD))
    assert before[0].is_present, "the new cluster has none yet"


def test_a_chain_is_as_large_as_all_of_it_and_stays_so_when_a_parents_night_is_gone() -> None:
    full = night("a", 3, stored_bytes=100)
    second = night("b", 2, chain=("a", "b"), stored_bytes=10)
    third = night("c", 1, chain=("a", "b", "c"), stored_bytes=1)
    nights = related([full, second, third], mark())
    assert [each.chain_stored_bytes for each in nights] == [100, 110, 111]
    assert [each.chain_stored_bytes for each in related(nights[1:], mark())] == [110, 111]
    assert [each.chain_stored_bytes for each in related([second, third], mark())] == [None, None]


def test_a_hole_is_told_once_and_goes_with_its_night() -> None:
    first, second = (WalHole(start_at=NOW - timedelta(hours=each), end_at=NOW) for each in (9, 5))
    nights = related([night("b", 1, new_holes=(first, second)), night("a", 2, new_holes=(first,))], mark())
    assert holes_of(nights) == (first, second)
    assert holes_of(nights[:1]) == (first,)


def test_documents_that_were_added_are_those_that_no_other_key_had() -> None:
    """Eight of ten are left; of the nine that are there now one is new. A copy that went takes nothing from it."""
    changes = DocumentChanges(before=10, overwritten=3, vanished=2)
    assert night("a", 1, document_count=9, document_changes=changes).added == 1
    assert night("a", 1, document_count=7, document_changes=changes).added == 0
    assert night("a", 1, document_count=9).added is None
