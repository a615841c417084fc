"""A line holds what was seen, and what is unknown in a pass takes back nothing that is known to come back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from muniment.domain.fleet.row import DutyCell, FirmRow
from muniment.domain.fleet.row_of import row_of
from muniment.domain.vault.registers import RecoveryWindow, WalHole
from muniment.domain.wal.names import Lsn
from muniment.domain.watch.duty import DutyState, Suspension
from muniment.domain.watch.evidence import Evidence
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.vault import VaultSeen
from tests.support.firm_histories import firm_history
from tests.support.firms import paper_firm
from tests.support.watched import NOW, SEGMENT, firm_seen, vault_seen

FIRM = paper_firm()
NIGHT = NOW - timedelta(hours=3)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
WINDOW = RecoveryWindow(
    backup="b", timeline=1, start_lsn=Lsn(0), end_lsn=Lsn(SEGMENT), start_at=NIGHT - DAY, end_at=NIGHT
)


def primary(at: datetime = NOW, **changed: Any) -> VaultSeen:
    facts = {"windows": (WINDOW,), "rpo_s": 40.0, "rpo_known_at": at, **changed}
    return vault_seen("primary", FIRM.id, at).model_copy(update=facts)


def replica(at: datetime = NOW, **changed: Any) -> VaultSeen:
    facts = {"windows": (WINDOW,), "rpo_s": 100.0, "rpo_known_at": at, **changed}
    return vault_seen("replica", FIRM.id, at).model_copy(update=facts)


def seen(*vaults: VaultSeen, at: datetime = NOW, **changed: Any) -> FirmSeen:
    return firm_seen(FIRM.id, at, vaults=vaults or (primary(at), replica(at)), **changed)


def row(of: FirmSeen, before: FirmRow | None = None) -> FirmRow:
    return row_of(of, None, before, FIRM, of.seen_at)


def recoverable(of: FirmRow) -> list[datetime | None]:
    return [cell.recoverable_to for cell in of.vaults]


def test_what_was_seen_stands_in_the_line() -> None:
    read = Evidence(
        read_at=NOW - MINUTE,
        points=60,
        last_point="p",
        last_point_at=NIGHT,
        last_copied_at=NIGHT,
        last_verified_at=NIGHT - DAY,
        last_drill="d",
        last_drill_at=NOW - 9 * DAY,
        last_drill_failed=True,
        drill_rto_s=612.5,
    )
    found = row(seen(evidence=read, server_unseen="it is silent"))
    assert (found.firm, found.region, found.server_seen_at, found.server_unseen) == (
        FIRM.id,
        "eu-central-1",
        NOW,
        "it is silent",
    )
    assert recoverable(found) == [NOW - timedelta(seconds=40), NOW - timedelta(seconds=100)]
    assert (found.window_start_at, found.window_end_at) == (WINDOW.start_at, NOW - timedelta(seconds=40))
    assert (found.evidence_at, found.points, found.last_copied_at) == (NOW - MINUTE, 60, NIGHT)
    assert (found.last_verified_at, found.last_drill, found.last_drill_failed) == (NIGHT - DAY, "d", True)
    assert (found.day, found.day_until) == ((100.0,), NOW.replace(minute=15, second=0, microsecond=0))


def test_duties_are_named_by_their_states() -> None:
    states = ("kept", "missing", "late", "suspended", "unknown", "new")
    duties = ("wal flow", "drill", "documents", "second copy", "verification", "sign-off")
    states_of = tuple(
        DutyState.model_validate({"firm": FIRM.id, "duty": duty, "state": state, "due_at": None, "grace_until": None})
        for duty, state in zip(duties, states, strict=True)
    )
    found = row(seen(duties=states_of))
    assert (found.missing, found.late, found.suspended, found.unknown) == (
        ("drill",),
        ("documents",),
        ("second copy",),
        ("verification",),
    )
    assert [(cell.duty, cell.state) for cell in found.duties] == list(zip(duties, states, strict=True))


def test_a_duty_has_its_instants_and_until_when_it_is_suspended() -> None:
    until = NOW + DAY
    said = Suspension(firm=FIRM.id, duty="drill", until=until, by="a", why="b", made_at=NIGHT)
    state = DutyState(
        firm=FIRM.id,
        duty="drill",
        state="suspended",
        due_at=NIGHT,
        grace_until=NOW,
        evidence_at=NIGHT - DAY,
        suspension=said,
    )
    found = row(seen(duties=(state,)))
    assert found.duties == (DutyCell("drill", "suspended", NIGHT, NIGHT - DAY, until),)
    assert FirmRow.from_json(found.to_json()) == found


def test_what_is_unknown_is_unknown_and_what_came_back_does_still() -> None:
    known = row(seen())
    later = NOW + 5 * MINUTE
    away = {"unseen": "it is away", "rpo_s": None, "seen_at": NOW, "rpo_known_at": NOW}
    found = row(seen(primary(later, **away), replica(later), at=later), known)
    assert recoverable(found) == [NOW - timedelta(seconds=40), later - timedelta(seconds=100)]
    assert (found.vaults[0].unseen, found.vaults[0].rpo_s, found.vaults[0].seen_at) == ("it is away", None, NOW)
    assert found.day == (None,), "the worst of both is unknown"
    silent = {"rpo_s": None, "rpo_known_at": NOW}
    assert recoverable(row(seen(primary(later, **silent), replica(later, **silent), at=later), known)) == [
        NOW - timedelta(seconds=40),
        NOW - timedelta(seconds=100),
    ]


@pytest.mark.parametrize("lost", ["held", "missing", "windows"])
def test_what_is_gone_does_not_come_back(lost: str) -> None:
    known, later = row(seen()), NOW + 5 * MINUTE
    held = primary().held
    assert held
    facts: dict[str, Any] = {
        "held": {"held": None},
        "missing": {"held": held.model_copy(update={"missing": ("000000010000000000000003",), "number": 2})},
        "windows": {"windows": ()},
    }[lost]
    found = row(seen(primary(later, rpo_s=None, rpo_known_at=NOW, **facts), at=later), known)
    assert recoverable(found) == [NIGHT if lost == "missing" else None]


def test_another_vault_in_its_place_knows_nothing_of_it() -> None:
    known, later = row(seen()), NOW + 5 * MINUTE
    other = primary(later, rpo_s=None, rpo_known_at=None, unseen="it is away", seen_at=None, held=None, windows=())
    assert recoverable(row(seen(other, at=later), known)) == [None]


def test_without_a_point_nothing_can_be_restored() -> None:
    found = row(seen(primary(windows=(), rpo_s=0.0), replica(windows=(), rpo_s=0.0)))
    assert (recoverable(found), found.window_start_at, found.window_end_at) == ([None, None], None, None)


def test_the_window_is_the_replicas_where_the_primary_has_none() -> None:
    found = row(seen(primary(windows=()), replica()))
    assert (found.window_start_at, found.window_end_at) == (WINDOW.start_at, NOW - timedelta(seconds=100))


def test_holes_of_either_vault_count() -> None:
    hole = WalHole(start_at=NIGHT - DAY, end_at=NIGHT)
    assert row(seen(primary(), replica(holes=(hole,)))).holes == 1
    assert row(seen(primary(holes=(hole,)), replica(holes=(hole,)))).holes == 1
    assert row(seen(primary(holes=(hole,), held=None), replica())).holes == 1


@pytest.mark.parametrize(
    ("held", "is_one"),
    [
        ({}, False),
        ({"missing": ("000000010000000000000005",)}, True),
        ({"missing": ("000000010000000000000005",), "missing_since": NOW}, False),
        ({"missing_before": ("000000010000000000000001",)}, True),
    ],
)
def test_wal_that_is_missing_now_is_a_hole_now(held: dict[str, Any], is_one: bool) -> None:
    whole = replica().held
    assert whole
    assert row(seen(primary(), replica(held=whole.model_copy(update=held)))).hole_now is is_one


def test_a_firm_is_new_until_a_night_was_due() -> None:
    fresh = Evidence(read_at=NOW, vaults_made_at=NOW - MINUTE)
    new = DutyState(firm=FIRM.id, duty="nightly point", state="new", due_at=None, grace_until=None)
    assert row(seen(evidence=fresh, duties=(new,))).is_new
    late = new.model_copy(update={"state": "late"})
    assert not row(seen(evidence=fresh, duties=(late,))).is_new
    assert not row(seen(evidence=fresh.model_copy(update={"points": 1}), duties=(new,))).is_new
    assert not row(seen(evidence=None, duties=(new,))).is_new
    unmade = {"unseen": "no such bucket", "unseen_kind": "StoreRefused", "seen_at": None}
    waits = seen(primary(**unmade), replica(**unmade), evidence=None, watched_since=NOW - MINUTE)
    assert row(waits).is_new


def test_nights_are_counted_when_their_history_is_read_and_stay_until_then() -> None:
    made = Evidence(read_at=NOW, vaults_made_at=NOW - 99 * DAY, points=0)
    told = firm_history(FIRM.id, NOW)
    of = seen(evidence=made, watched_since=NOW - 99 * DAY)
    counted = row_of(of, told, None, FIRM, NOW)
    assert (counted.nights_due, counted.nights_kept) == (30, 0)
    kept = counted.model_copy(update={"nights_kept": 7})
    assert (row(of, kept).nights_due, row(of, kept).nights_kept) == (30, 7)


def test_the_next_night_is_by_its_file_and_who_left_has_none() -> None:
    assert row(seen()).next_night_at == datetime(2026, 11, 28, 8, 14, tzinfo=UTC)
    left = row(seen(left_registry_at=NOW))
    assert (left.next_night_at, left.left_registry_at) == (None, NOW)
