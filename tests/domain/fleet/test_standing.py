"""No firm is shown as safe that nobody has seen to be so."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.fleet.row import FirmRow, OpenIncident, VaultCell
from muniment.domain.fleet.standing import WORST_FIRST, Standing, recoverable_to, rpos_of, standing_of, worst_rpo
from muniment.domain.watch.duty import Duty
from muniment.domain.watch.freshness import ROTATION_STALE_AFTER, STALE_AFTER
from tests.support.fleet_rows import LOOKED, NOW, firm_row, open_incident, vault_cell

DUTIES: tuple[Duty, ...] = ("wal flow", "nightly point", "second copy", "verification", "drill", "sign-off", "watch")
_ages = st.integers(-3 * 3600, 9 * 3600).map(lambda seconds: NOW - timedelta(seconds=seconds))
_instants = st.none() | _ages
_duties = st.lists(st.sampled_from(DUTIES), max_size=2).map(tuple)
_cells = st.fixed_dictionaries(
    {
        "seen_at": _instants,
        "rpo_s": st.none() | st.floats(0, 3000),
        "rpo_known_at": _instants,
        "recoverable_to": _instants,
    }
)
_incidents = st.lists(st.sampled_from(("warning", "error", "critical")), max_size=2).map(
    lambda severities: tuple(open_incident(severity=each) for each in severities)
)


@st.composite
def _rows(draw: st.DrawFn) -> FirmRow:
    """Most of each is well: all that is needed for safe does occur."""

    def now_and_then(strategy: st.SearchStrategy[Any], usual: Any) -> Any:
        return draw(strategy) if draw(st.integers(0, 5)) == 0 else usual

    sides = now_and_then(st.sampled_from([(), ("primary",)]), ("primary", "replica"))
    vaults = tuple(vault_cell(side, **now_and_then(_cells, {})) for side in sides)
    return firm_row(
        seen_at=now_and_then(_ages, LOOKED),
        server_seen_at=now_and_then(_instants, LOOKED),
        evidence_at=now_and_then(_instants, LOOKED),
        vaults=vaults,
        points=now_and_then(st.just(0), 60),
        is_new=now_and_then(st.booleans(), False),
        nights_due=now_and_then(st.just(0), 30),
        missing=now_and_then(_duties, ()),
        late=now_and_then(_duties, ()),
        suspended=now_and_then(_duties, ()),
        unknown=now_and_then(_duties, ()),
        hole_now=now_and_then(st.booleans(), False),
        left_registry_at=now_and_then(_instants, None),
    )


def _is_old(at: datetime | None, lasts: timedelta = STALE_AFTER) -> bool:
    return at is None or abs(NOW - at) > lasts


@given(_rows(), _incidents)
def test_what_is_not_known_to_be_well_is_not_safe(row: FirmRow, incidents: tuple[OpenIncident, ...]) -> None:
    standing = standing_of(row, incidents, NOW)
    looks = [row.seen_at, row.server_seen_at, *(cell.seen_at for cell in row.vaults)]
    known = [cell.rpo_s for cell in row.vaults if cell.recoverable_to and not _is_old(cell.rpo_known_at)]
    ills = [
        any(_is_old(look) for look in looks),
        _is_old(row.evidence_at, ROTATION_STALE_AFTER),
        len(row.vaults) < 2,
        len(known) < 2 or None in known,
        any(rpo is not None and rpo > row.rpo_promise_s for rpo in known),
        row.points == 0,
        any(cell.recoverable_to is None for cell in row.vaults),
        bool(row.missing or row.suspended or row.unknown),
        row.hole_now,
        row.left_registry_at is not None,
        any(each.severity != "warning" for each in incidents),
    ]
    if any(ills):
        assert standing.state != "safe"
    elif not row.is_new:
        assert standing == Standing("safe")


@given(_rows(), _incidents)
def test_each_state_has_a_reason_and_only_safe_has_none(row: FirmRow, incidents: tuple[OpenIncident, ...]) -> None:
    standing = standing_of(row, incidents, NOW)
    assert bool(standing.why) == (standing.state != "safe")
    assert len(set(standing.why)) == len(standing.why)


@given(_rows(), _incidents)
def test_not_recoverable_is_only_who_was_owed_points(row: FirmRow, incidents: tuple[OpenIncident, ...]) -> None:
    if standing_of(row, incidents, NOW).state == "not recoverable":
        assert row.points == 0
        assert row.nights_due or "nightly point" in row.missing
        assert not row.is_new
        assert not _is_old(row.evidence_at, ROTATION_STALE_AFTER)


@given(_rows())
def test_a_look_that_is_too_old_makes_nobody_worse_than_unknown(row: FirmRow) -> None:
    later = NOW + 2 * ROTATION_STALE_AFTER
    assert standing_of(row, (), later + timedelta(hours=9)).state == "unknown"


@given(_rows())
def test_rpo_that_is_unknown_is_no_number(row: FirmRow) -> None:
    known = rpos_of(row, NOW)
    assert (worst_rpo(row, NOW) is None) == (len(known) < 2 or None in known)
    if _is_old(row.server_seen_at) or _is_old(row.seen_at):
        assert worst_rpo(row, NOW) is None


def _with_vault(side: int, **changed: Any) -> FirmRow:
    cells: list[VaultCell] = [vault_cell("primary"), vault_cell("replica")]
    cells[side] = cells[side].model_copy(update=changed)
    return firm_row(vaults=tuple(cells))


@pytest.mark.parametrize(
    ("row", "state", "why"),
    [
        (firm_row(), "safe", ()),
        (firm_row(late=("drill",)), "safe", ()),
        (
            firm_row(points=0, missing=("nightly point",)),
            "not recoverable",
            ("there is no recovery point, and nights were due", "missing: nightly point"),
        ),
        (
            firm_row(points=0, nights_due=0, late=("nightly point",)),
            "at risk",
            ("there is no recovery point yet: the first night is late",),
        ),
        (
            firm_row(points=0, nights_due=0, suspended=("nightly point",)),
            "suspended",
            ("there is no recovery point yet", "suspended: nightly point"),
        ),
        (firm_row(points=0, nights_due=0, is_new=True), "new", ("no night was due yet",)),
        (
            firm_row(
                points=0,
                is_new=True,
                evidence_at=None,
                server_seen_at=None,
                vaults=tuple(vault_cell(side, seen_at=None) for side in ("primary", "replica")),
                unknown=DUTIES,
            ),
            "new",
            ("its vaults are not made yet",),
        ),
        (
            _with_vault(1, rpo_s=2040.0),
            "at risk",
            ("RPO 34 min 00 s in the replica vault, promised 15 min 00 s",),
        ),
        (_with_vault(0, rpo_s=900.0), "safe", ()),
        (_with_vault(0, rpo_s=None), "unknown", ("the RPO of the primary vault is unknown",)),
        (
            _with_vault(1, recoverable_to=None),
            "unknown",
            ("to which instant the replica vault brings it back is unknown",),
        ),
        (
            _with_vault(1, recoverable_to=None).model_copy(update={"last_copied_at": None}),
            "at risk",
            ("nothing can be restored from the replica vault: no recovery point is in it",),
        ),
        (
            _with_vault(1, seen_at=NOW - timedelta(hours=3)),
            "unknown",
            ("the replica vault has not answered for 3 h 00 min",),
        ),
        (_with_vault(1, seen_at=None), "unknown", ("the replica vault has not answered yet",)),
        (
            firm_row(seen_at=NOW + timedelta(hours=3)),
            "unknown",
            ("the watch has not looked by any clock that is right",),
        ),
        (firm_row(missing=("drill", "sign-off")), "at risk", ("missing: drill, sign-off",)),
        (firm_row(suspended=("drill",)), "suspended", ("suspended: drill",)),
        (
            firm_row(left_registry_at=NOW - timedelta(days=2)),
            "suspended",
            ("it left the registry on 2026-11-26: no night is taken any more",),
        ),
        (firm_row(hole_now=True), "at risk", ("WAL is missing in a vault: a hole now",)),
        (firm_row(holes=2), "safe", ()),
        (firm_row(evidence_at=None), "unknown", ("its registers were not read yet",)),
    ],
)
def test_how_a_firm_stands(row: FirmRow, state: str, why: tuple[str, ...]) -> None:
    standing = standing_of(row, (), NOW)
    assert (standing.state, standing.why) == (state, why)


def test_a_grave_incident_counts_without_a_look_and_a_warning_does_not() -> None:
    long_ago = firm_row(seen_at=NOW - timedelta(days=1))
    standing = standing_of(long_ago, [open_incident()], NOW)
    assert standing.state == "at risk"
    assert standing.why == ("incident: its archiver fails", "the watch has not looked for 1 d 0 h")
    assert standing_of(firm_row(), [open_incident(severity="warning")], NOW).state == "safe"


def test_the_worst_has_the_lowest_rank_and_each_its_shape() -> None:
    ranks = [Standing(state).rank for state in WORST_FIRST]
    assert ranks == sorted(ranks)
    assert [Standing(state).shape for state in WORST_FIRST] == [
        "lost",
        "risk",
        "unknown",
        "suspended",
        "new",
        "safe",
    ]


def test_it_can_be_recovered_to_what_the_better_vault_has() -> None:
    earlier = LOOKED - timedelta(minutes=9)
    assert recoverable_to(_with_vault(0, recoverable_to=earlier)) == LOOKED
    assert recoverable_to(_with_vault(1, recoverable_to=None)) == LOOKED
    assert recoverable_to(firm_row(vaults=())) is None
