"""What a drill restores, from where, and when it has passed."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from muniment.domain.drill.evidence import PastDrill
from muniment.domain.drill.rules import (
    Route,
    choose_target,
    evidence_locked_until,
    overdue_since,
    planned_steps,
    promise_checks,
    route_of,
)
from muniment.domain.firm.firm import RecoveryClass
from muniment.domain.firm.schedule import drill_cron
from muniment.domain.record import new_id
from muniment.domain.vault.registers import ControlTotals, Point, RecoveryWindow, WalRange
from muniment.domain.wal.names import Lsn
from tests.support.firms import paper_firm
from tests.support.points import make_point

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
SEGMENT = 16 * 2**20
PROMISED = RecoveryClass(name="small", rpo=timedelta(hours=12), rto=timedelta(hours=2))


def totals(lsn: int, *, exact: bool = True, **counts: int) -> ControlTotals:
    return ControlTotals(lsn=Lsn(lsn), exact=exact, read_at=NOW, counts=counts, sums={"trust": "10.00"})


def point(days_ago: int, *, exact: bool = True, windows: tuple[RecoveryWindow, ...] = (), timeline: int = 1) -> Point:
    at, lsn = NOW - timedelta(days=days_ago), (100 - days_ago) * SEGMENT
    wal = WalRange(timeline=timeline, first_segment="a", last_segment="b", through_lsn=Lsn(lsn - 100))
    return make_point(new_id(at), wal, at=at, chain=("a",), windows=windows, control_totals=totals(lsn, exact=exact))


def window(first_day: int, last_day: int, timeline: int = 1) -> RecoveryWindow:
    """Of nights so many days ago; the newest one's numbers are read after its windows."""
    start, end = (100 - first_day) * SEGMENT - 100, (100 - last_day) * SEGMENT + (100 if last_day > 1 else -100)
    return RecoveryWindow(backup="a", timeline=timeline, start_lsn=Lsn(start), end_lsn=Lsn(end), start_at=NOW)


def nights(*, last_window: tuple[RecoveryWindow, ...] = (window(5, 1),), **options: Any) -> list[Point]:
    return [*(point(day, **options) for day in (5, 4, 3, 2)), point(1, windows=last_window, **options)]


def past(days_ago: float, *, passed: bool = True) -> PastDrill:
    at = NOW - timedelta(days=days_ago)
    return PastDrill(id=new_id(at), finished_at=at, side="primary", passed=passed, recover_s=60, data_lost_s=1)


def test_a_drill_asks_for_extensions_before_it_installs_one() -> None:
    steps = planned_steps(Route("primary", "muniment"), paper_firm("alder").policy)
    assert steps.index("extensions") < steps.index("read every relation")


def test_every_second_drill_has_the_replica_alone_and_every_fourth_the_kit() -> None:
    routes = [route_of(number) for number in range(1, 9)]
    assert [route.side for route in routes] == ["primary", "replica"] * 4
    assert [number for number, route in enumerate(routes, 1) if route.by == "restore-kit"] == [4, 8]


def test_a_person_may_choose_the_vault_and_by_what() -> None:
    assert route_of(1, side="replica") == Route("replica", "muniment")
    assert route_of(1, by="restore-kit") == Route("primary", "restore-kit")
    assert route_of(4, by="muniment") == Route("replica", "muniment")


def test_evidence_is_locked_as_long_as_the_audit_log_is_kept_and_as_what_was_restored() -> None:
    policy = paper_firm("alder").policy
    long = policy.model_copy(update={"audit_log": timedelta(days=731), "retention": timedelta(days=90)})
    assert evidence_locked_until(long, NOW) == NOW + timedelta(days=731)
    short = policy.model_copy(update={"audit_log": timedelta(days=365), "retention": timedelta(days=3660)})
    assert evidence_locked_until(short, NOW) > NOW + timedelta(days=3660)


def test_the_same_seed_leads_to_the_same_target() -> None:
    chosen = [choose_target(nights(), window=WEEK, now=NOW, seed=42) for _ in range(2)]
    assert chosen[0] == chosen[1]
    assert choose_target([], window=WEEK, now=NOW, seed=42) is None


def test_targets_are_points_and_positions_between_them() -> None:
    points = {each.id: each.control_totals.lsn for each in nights()}
    found = [choose_target(nights(), window=WEEK, now=NOW, seed=seed) for seed in range(200)]
    for target in found:
        assert target is not None
        if target.after is None:
            assert target.lsn == points[target.before]
        else:
            assert points[target.before] < target.lsn < points[target.after]
    assert min(Counter(target.kind for target in found if target).values()) > 60
    assert len({target.before for target in found if target}) == 5


def test_without_a_window_only_points_are_promised() -> None:
    found = [choose_target(nights(), window=timedelta(0), now=NOW, seed=seed) for seed in range(50)]
    assert {target.kind for target in found if target} == {"point"}


def test_a_hole_and_another_timeline_are_never_between() -> None:
    holed = (window(5, 4), window(2, 1))
    found = [choose_target(nights(last_window=holed), window=WEEK, now=NOW, seed=seed) for seed in range(200)]
    first, second, *_, fourth, last = [each.id for each in nights()]
    assert {(t.before, t.after) for t in found if t and t.after} == {(first, second), (fourth, last)}
    foreign = nights(last_window=(window(5, 1, timeline=2),))
    assert all(t and t.after is None for t in (choose_target(foreign, window=WEEK, now=NOW, seed=s) for s in range(50)))


def test_numbers_of_a_busy_server_are_no_points_target() -> None:
    points = [*nights()[:2], *nights(exact=False)[2:]]
    found = [choose_target(points, window=WEEK, now=NOW, seed=seed) for seed in range(100)]
    assert {target.before for target in found if target and target.kind == "point"} == {p.id for p in points[:2]}


def test_the_firms_class_is_held_against_what_was_measured() -> None:
    assert [check.passed for check in promise_checks(PROMISED, recover_s=7200, data_lost_s=43200)] == [True, True]
    assert [check.passed for check in promise_checks(PROMISED, recover_s=7201, data_lost_s=43201)] == [False, False]
    assert [check.passed for check in promise_checks(PROMISED, recover_s=1, data_lost_s=None)] == [True, None]


def test_a_drill_is_overdue_after_thirty_five_days_without_one_that_passed() -> None:
    assert overdue_since([past(34)], first_point_at=None, now=NOW) is None
    assert overdue_since([past(36), past(1, passed=False)], first_point_at=None, now=NOW) == NOW - timedelta(days=1)
    assert overdue_since([], first_point_at=NOW - timedelta(days=36), now=NOW) is not None
    assert overdue_since([], first_point_at=NOW - timedelta(days=3), now=NOW) is None
    assert overdue_since([], first_point_at=None, now=NOW) is None


def test_drills_are_spread_over_the_month_and_away_from_the_night() -> None:
    crons = [drill_cron(paper_firm(f"firm-{number}")).split() for number in range(500)]
    assert {int(day) for _, _, day, *_ in crons} == set(range(1, 29))
    assert {int(hour) for _, hour, *_ in crons} == set(range(12, 20))
    assert drill_cron(paper_firm("alder")) == drill_cron(paper_firm("alder"))
