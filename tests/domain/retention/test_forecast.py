"""What is left after a night, and what the next one takes: the same as that night then does."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from muniment.domain.firm.firm import NightlyWindow
from muniment.domain.record import new_id
from muniment.domain.retention.forecast import as_of_next_night, inventory_after, next_expiry_at, stock_of
from muniment.domain.retention.plan import VaultPlan
from muniment.domain.retention.rules import plan_expiry
from muniment.domain.retention.stock import Stock
from muniment.domain.vault import keys
from muniment.domain.vault.inventory import KINDS, Inventory, Kind
from muniment.domain.wal.names import WalSegment
from tests.support.firms import paper_firm
from tests.support.worlds import DAY, SEGMENT_BYTES, START, SYSTEM, World, make_policy


def nights(world: World, count: int) -> World:
    """Of one a day, each followed by its expiry; the last one's is still to come."""
    for number in range(count):
        world.change_document("abc"[number % 3])
        world.night(full=number % 3 == 0)
        if number < count - 1:
            world.expire()
            world.push_wal(2)
            world.now += DAY - timedelta(minutes=20)
    return world


def going(plan: VaultPlan, kind: Kind) -> set[str]:
    return {verdict.group.id for verdict in plan.going if verdict.group.kind == kind}


@pytest.mark.parametrize("least", [1, 3, 9])
@pytest.mark.parametrize("window_days", [0, 2])
def test_a_forecast_is_what_the_next_night_then_takes(window_days: int, least: int) -> None:
    """More points than the retention has nights are kept where the policy says so. Of WAL the forecast has what no new
    point makes needless."""
    policy = make_policy(retention=6 * DAY, point_in_time_window=window_days * DAY, minimum_verified_points=least)
    world, foretold = nights(World(policy=policy), 16), 0
    for number in range(16, 25):
        left = inventory_after(world.inventory(), world.expire())
        firm = paper_firm("alder").model_copy(update={"policy": policy})
        forecast = plan_expiry(left, policy=as_of_next_night(firm).policy, now=world.now + DAY)
        world.push_wal(2)
        world.now += DAY - timedelta(minutes=20)
        world.change_document("abc"[number % 3])
        world.night(full=number % 3 == 0)
        then = world.plan()
        for kind in KINDS:
            if kind != "wal":
                assert going(forecast, kind) == going(then, kind), kind
        assert going(forecast, "wal") <= going(then, "wal")
        foretold += len(forecast.going)
    assert foretold > 9, "something goes"


def test_what_is_left_is_what_lies_there_after_the_expiry() -> None:
    world = nights(World(policy=make_policy(retention=6 * DAY)), 16)
    before = world.inventory()
    left, then = inventory_after(before, world.expire()), world.inventory()
    assert len(left.versions) < len(before.versions)
    assert (left.versions, left.points, left.backups, left.documents.ids) == (
        then.versions, then.points, then.backups, then.documents.ids,
    )  # fmt: skip


def test_what_was_refused_is_there_still_and_did_not_go() -> None:
    world = nights(World(policy=make_policy(retention=6 * DAY, point_in_time_window=0 * DAY)), 16).later(3)
    before = world.inventory()
    plan = world.plan()
    whole = stock(before, plan)
    backup = next(verdict.group for verdict in plan.going if verdict.group.kind == "backup")
    refused = next(version for version in backup.versions if version.key.endswith("/00000001"))
    held = stock(before, plan.with_refused((refused.key,)))
    assert objects(held, "backup") == objects(whole, "backup") + 1
    assert went_bytes(held) == went_bytes(whole) - refused.size_bytes
    point = next(verdict.group for verdict in plan.going if verdict.group.kind == "point")
    kept = inventory_after(before, plan.with_refused((keys.point(point.id),)))
    assert point.id in {each.id for each in kept.points}


def stock(before: Inventory, plan: VaultPlan) -> Stock:
    left = inventory_after(before, plan)
    return stock_of("alder", left, plan, plan, at=START, next_at=START + DAY)


def objects(of: Stock, kind: str) -> int:
    return next((each.objects for each in of.held if each.kind == kind), 0)


def went_bytes(of: Stock) -> int:
    return sum(each.size_bytes for each in of.went)


def test_a_stock_has_a_line_for_each_kind_and_reason() -> None:
    world = nights(World(policy=make_policy(retention=6 * DAY, point_in_time_window=0 * DAY)), 16)
    for number in range(40):
        world.put(keys.document_object("matters", f"orphan {number}", "1"), 10)
    world.now += 7 * DAY
    plan, before = world.plan(), world.inventory()
    left = inventory_after(before, plan)
    told = stock_of("alder", left, plan, plan, at=world.now, next_at=world.now + DAY)
    assert (told.id, told.firm, told.bucket, told.at) == (new_id(world.now), "alder", "alder-vault", world.now)
    assert [each.kind for each in told.held] == [kind for kind in KINDS if kind in {e.kind for e in told.held}]
    assert sum(each.size_bytes for each in told.held) == plan.kept_bytes
    assert sum(each.objects for each in told.held) == len(left.versions)
    assert went_bytes(told) == plan.going_bytes
    assert sum(each.groups for each in told.went) == len(plan.going)
    assert len({(each.kind, each.why) for each in told.went}) == len(told.went) <= 2 * len(KINDS)
    assert told.next_goes == told.went
    for line in told.went:
        ids = {v.group.id for v in plan.going if (v.group.kind, v.why) == (line.kind, line.why)}
        assert (line.first, line.last, line.groups) == (min(ids), max(ids), len(ids))


def test_wal_goes_by_its_timelines() -> None:
    """So that a line tells from where to where."""
    world = nights(World(policy=make_policy(retention=6 * DAY, point_in_time_window=0 * DAY)), 9)
    world.put(keys.wal(SYSTEM, WalSegment(2, 5, SEGMENT_BYTES).name), 10)
    world.put(keys.wal(SYSTEM + 1, WalSegment(1, 7, SEGMENT_BYTES).name), 10)
    world.now += 3 * DAY
    plan = world.plan()
    lines = [each for each in stock(world.inventory(), plan).went if each.kind == "wal"]
    timelines = {each.rpartition("/")[0] for each in going(plan, "wal")}
    assert len(timelines) > 1
    assert [(each.first.rpartition("/")[0], each.last.rpartition("/")[0]) for each in lines] == [
        (each, each) for each in sorted(timelines)
    ]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-20 22:40", "2026-11-21 22:40"),
        ("2026-11-21 03:10", "2026-11-22 03:10"),
        ("2026-11-21 15:00", "2026-11-22 06:00"),  # by hand
        ("2026-10-31 22:40", "2026-11-01 22:40"),  # the clocks go back
    ],
)
def test_the_next_expiry_comes_as_long_after_the_nights_begin(now: str, expected: str) -> None:
    firm = paper_firm("alder")
    window = NightlyWindow.model_validate({"start": "22:00", "end": "22:00"})
    policy = firm.policy.model_copy(update={"nightly_window": window})
    firm = firm.model_copy(update={"policy": policy, "time_zone": "America/New_York"})
    zone = ZoneInfo("America/New_York")
    at, due = (datetime.fromisoformat(each).replace(tzinfo=zone) for each in (now, expected))
    assert next_expiry_at(firm, at) == due


def test_one_point_at_least_is_kept() -> None:
    firm = paper_firm("alder")
    for least, expected in ((1, 1), (2, 1), (3, 2)):
        policy = firm.policy.model_copy(update={"minimum_verified_points": least})
        found = as_of_next_night(firm.model_copy(update={"policy": policy}))
        assert found.policy.minimum_verified_points == expected


def test_no_lease_of_tonight_counts_a_night_later() -> None:
    world = nights(World(policy=make_policy(retention=6 * DAY)), 3)
    leased = replace(world.inventory(), leases=(object(),))  # type: ignore[arg-type]
    assert inventory_after(leased, world.plan()).leases == ()
