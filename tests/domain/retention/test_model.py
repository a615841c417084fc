"""The model checker: random years of nights, and after each expire nothing that must stay is gone.

A history is a list of steps; hypothesis shrinks a broken one to the shortest that breaks.
"""

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muniment.domain.firm.firm import Policy
from muniment.domain.holds.hold import Hold
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault import keys
from muniment.domain.vault.dependencies import missing_here, wal_of_point
from muniment.domain.vault.inventory import WalFile
from muniment.domain.vault.registers import Point
from tests.support.worlds import DAY, World, make_policy

type Lost = dict[int, set[int]]

# Short ones: a history of forty steps then passes every limit many times.
policies = st.builds(
    lambda retention, window, least: make_policy(
        retention=retention * DAY,
        point_in_time_window=min(window, retention) * DAY,
        minimum_verified_points=least,
    ),
    st.integers(1, 8),
    st.integers(0, 6),
    st.integers(1, 3),
)
a_night = st.tuples(st.just("night"), st.booleans(), st.integers(0, 3))
steps = st.one_of(
    a_night,
    a_night,
    a_night,
    st.tuples(st.just("failed night"), st.booleans()),
    st.tuples(st.just("gap"), st.integers(1, 12)),
    st.tuples(st.just("wal"), st.integers(1, 4)),
    st.tuples(st.just("document"), st.sampled_from("abc")),
    st.tuples(st.just("hold"), st.integers(0, 300), st.one_of(st.none(), st.integers(0, 100))),
    st.tuples(st.just("release")),
    st.tuples(st.just("policy"), policies),
    st.tuples(st.just("killed"), st.integers(0, 12)),
    st.tuples(st.just("leftover")),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(policies, st.lists(steps, min_size=10, max_size=40))
def test_whatever_happens_nothing_that_is_needed_goes(policy: Policy, history: list[Any]) -> None:
    world = World(policy=policy)
    for step in history:
        _take(world, step)


def _take(world: World, step: tuple[Any, ...]) -> None:
    """A day passes, then the step's method is called with its arguments."""
    world.now += DAY
    name, *arguments = step
    {
        "night": _night,
        "failed night": lambda world, full: world.night(full=full or not world.backups, fails=True),
        "gap": _gap,
        "wal": World.push_wal,
        "document": World.change_document,
        "hold": _hold,
        "release": lambda world: world.holds.clear(),
        "policy": _change_policy,
        "killed": _killed,
        "leftover": lambda world: world.put(keys.chunk(f"2025{len(world.objects):04d}T", "base", 0)),
    }[name](world, *arguments)


def _night(world: World, full: bool, wal: int) -> None:
    world.night(full=full or not world.backups, wal=2 + wal)
    _expire_and_check(world)


def _gap(world: World, days: int) -> None:
    world.now += days * DAY


def _hold(world: World, hours_ago: int, hours: int | None) -> None:
    start = world.now - timedelta(hours=hours_ago)
    end = None if hours is None else start + timedelta(hours=hours, minutes=10)
    world.hold(f"hold-{len(world.holds)}", start, end)


def _change_policy(world: World, policy: Policy) -> None:
    world.policy = policy


def _killed(world: World, objects: int) -> None:
    if world.points:
        _expire_and_check(world, killed_after=objects)


def _expire_and_check(world: World, killed_after: int | None = None) -> None:
    before, points = dict(world.objects), list(world.points)
    complete_before, numbers_before = _complete(world), world.inventory().segments
    world.expire(stop_after=killed_after)
    gone = [version for key, version in before.items() if key not in world.objects]
    _every_point_that_shows_is_complete(world, complete_before)
    _never_fewer_than_the_minimum(world, complete_before)
    lost = {system: numbers - world.inventory().segments[system] for system, numbers in numbers_before.items()}
    _nothing_under_a_hold_is_gone(world, gone, points)
    for hold in world.holds:
        _the_held_range_can_be_replayed(world, hold, points, lost)
    _the_window_can_be_replayed(world, points, lost)
    if killed_after is None:
        _a_second_run_finds_nothing(world)


def _complete(world: World) -> list[str]:
    inventory = world.inventory()
    return [point.id for point in world.points if not missing_here(point, inventory)]


def _every_point_that_shows_is_complete(world: World, complete_before: list[str]) -> None:
    assert {point.id for point in world.points} & set(complete_before) == set(_complete(world))


def _never_fewer_than_the_minimum(world: World, complete_before: list[str]) -> None:
    assert len(_complete(world)) >= min(world.policy.minimum_verified_points, len(complete_before))


def _nothing_under_a_hold_is_gone(world: World, gone: list[ObjectVersion], points: list[Point]) -> None:
    for hold in world.holds:
        assert not [version.key for version in gone if hold.covers(version.modified_at)]
        held = [point for point in points if hold.covers(point.taken_at)]
        assert {point.id for point in held} <= {point.id for point in world.points}


def _the_held_range_can_be_replayed(world: World, hold: Hold, points: list[Point], lost: Lost) -> None:
    """From the point before it: nothing of that WAL is lost now. (A hold does not bring back what went before it.)"""
    earlier = [point for point in points if point.taken_at <= hold.covers_from]
    if earlier and (written := _wal_written(world, hold)):
        begin = earlier[-1]
        assert begin.id in {point.id for point in world.points}
        first = wal_of_point(begin, world.backups).first
        assert not lost[begin.system_identifier] & set(range(first, max(written) + 1))


def _wal_written(world: World, hold: Hold) -> list[int]:
    sizes = world.inventory().segment_bytes
    files = [
        (WalFile.of(key.removeprefix(keys.WAL), sizes).number, version.modified_at)
        for key, version in world.objects.items()
        if key.startswith(keys.WAL)
    ]
    return [number for number, at in files if number is not None and hold.covers(at)]


def _the_window_can_be_replayed(world: World, points: list[Point], lost: Lost) -> None:
    """From the point that begins the window on, nothing is lost; nor since the newest point, window or not."""
    begin = world.now - world.policy.point_in_time_window
    anchor = ([point for point in points if point.taken_at <= begin] or points[:1])[-1]
    assert anchor.id in {point.id for point in world.points}
    first = wal_of_point(anchor, world.backups).first
    assert not {number for number in lost[anchor.system_identifier] if number >= first}


def _a_second_run_finds_nothing(world: World) -> None:
    assert not world.plan().going


def test_the_checker_sees_a_rule_that_is_broken() -> None:
    """A model that cannot fail proves nothing: one kept point's WAL is taken away, and it is told."""
    world = World()
    world.night()
    world.push_wal(2)
    world.now += DAY
    world.night()
    complete = _complete(world)
    world.objects.pop(next(key for key in world.objects if key.startswith(keys.WAL)))
    try:
        _every_point_that_shows_is_complete(world, complete)
    except AssertionError:
        return
    raise AssertionError("the checker did not notice")


def test_years_pass_and_the_vault_does_not_grow() -> None:
    world = World(policy=make_policy(retention=10 * DAY, point_in_time_window=3 * DAY))
    sizes = []
    for day in range(120):
        world.now += DAY - timedelta(minutes=20)
        world.change_document("abc"[day % 3])
        world.push_wal(2)
        world.night(full=day % 7 == 0)
        world.expire()
        sizes.append(len(world.objects))
    assert max(sizes[60:]) <= max(sizes[20:60])
