"""Plans reviewed by eye: tests/golden/expiry-*.txt. Changed on purpose? MUNIMENT_WRITE_GOLDEN=1, then look at each."""

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from muniment.domain.leases.lease import LeasedWal, Needs, Standing
from muniment.domain.record import new_id
from muniment.domain.retention.plan import VaultPlan
from muniment.domain.retention.rules import (
    GRACE,
    chain_locked_until,
    documents_locked_until,
    point_locked_until,
)
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault import keys
from muniment.domain.vault.incomplete import Incomplete, NotRead, What
from muniment.domain.vault.inventory import group_versions, is_register
from muniment.domain.wal.names import WalSegment
from tests.support.worlds import DAY, SEGMENT_BYTES, START, SYSTEM, World, make_policy

GOLDEN = Path(__file__).parents[2] / "golden"


def assert_golden(name: str, plan: VaultPlan) -> None:
    path, text = GOLDEN / f"expiry-{name}.txt", "\n".join(plan.lines(with_kept=True)) + "\n"
    if os.environ.get("MUNIMENT_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


def nights(world: World, count: int, *, wal: int = 3, chain: int = 3) -> World:
    """A full backup and ``chain - 1`` incrementals, again and again; some WAL and a changed document every day."""
    for number in range(count):
        world.change_document("abc"[number % 3])
        world.night(full=number % chain == 0, wal=wal)
        world.push_wal(2)
        world.now += DAY - timedelta(minutes=20)
    world.night(full=count % chain == 0, wal=wal)
    return world


def test_nightly_points_without_a_window() -> None:
    """Starter: between the nights' own WAL everything goes."""
    assert_golden(
        "nightly-points", nights(World(policy=make_policy(retention=4 * DAY, point_in_time_window=0 * DAY)), 8).plan()
    )


def test_a_point_in_time_window() -> None:
    assert_golden(
        "window", nights(World(policy=make_policy(retention=6 * DAY, point_in_time_window=2 * DAY)), 9).plan()
    )


def test_a_hold_over_the_past() -> None:
    world = nights(World(policy=make_policy(retention=2 * DAY, point_in_time_window=0 * DAY)), 9)
    world.hold("smith-v-jones", START + 3.5 * DAY, START + 4.5 * DAY)
    assert_golden("hold", world.plan())


def test_object_lock_keeps_what_policy_lets_go() -> None:
    world = nights(
        World(policy=make_policy(retention=2 * DAY, point_in_time_window=0 * DAY, minimum_verified_points=1)), 6
    )
    oldest = world.points[0]
    locks = {key: world.now + 3 * DAY for key in (keys.backup_register(oldest.backup), keys.point(world.points[1].id))}
    assert_golden("locks", world.plan(locks=locks))


def incomplete(world: World, *whats: What) -> None:
    """The newest point lacks one thing of each kind."""
    lacking = Incomplete.of([NotRead(what=what, name="x", reason="closed") for what in whats])
    world.points[-1] = world.points[-1].model_copy(update={"incomplete": lacking})


def test_incomplete_points_let_the_last_complete_ones_stay() -> None:
    """Each night lacks one document: after the retention, only the last points that have it have it."""
    world = nights(World(policy=make_policy(retention=2 * DAY, minimum_verified_points=2)), 3)
    complete = [point.id for point in world.points[-2:]]
    for _ in range(9):
        world.night()
        incomplete(world, "document")
        world.now += DAY
    kept = world.plan().kept_ids("point")
    assert set(complete) < kept
    assert {point.id for point in world.points[-2:]} < kept
    why = {verdict.group.id: verdict.reasons for verdict in world.plan().verdicts if verdict.group.kind == "point"}
    assert all("one of the newest 2 complete points in which all could be read" in why[each] for each in complete)


def test_the_last_point_that_had_a_setting_stays_where_something_else_is_never_read() -> None:
    world = World(policy=make_policy(retention=2 * DAY, minimum_verified_points=1))
    for number in range(12):
        world.night()
        incomplete(world, "document", *(("secret",) if number > 3 else ()))
        world.now += DAY
    had, last = world.points[3].id, world.points[-1].id
    assert {had, last} <= world.plan().kept_ids("point")
    why = {verdict.group.id: verdict.reasons for verdict in world.plan().verdicts if verdict.group.kind == "point"}
    assert why[had] == ("the last in which secret x could be read",)


def test_a_point_that_names_damaged_files_is_none_of_the_minimum() -> None:
    world = nights(World(policy=make_policy(retention=2 * DAY, minimum_verified_points=2)), 3)
    sound = [point.id for point in world.points[-2:]]
    for _ in range(9):
        world.night()
        incomplete(world, "relation file")
        world.now += DAY
    kept = world.plan().kept_ids("point")
    assert set(sound) <= kept
    assert len(kept - set(sound)) <= 3  # by their age alone
    world.now += 30 * DAY
    assert world.plan().kept_ids("point") == set(sound)


def test_a_cluster_that_was_taken_back_keeps_its_minimum_and_its_wal_beside_newer_points_of_another() -> None:
    world = nights(World(policy=make_policy(retention=2 * DAY, minimum_verified_points=2)), 2)
    world.push_wal(5)
    own = {point.id for point in world.points[-2:]}
    since = max(group.id for group in group_versions(world.inventory().versions) if group.kind == "wal")
    theirs = {night_of_another_cluster(world, SYSTEM + 1) for _ in range(3)}
    world.now += 30 * DAY
    kept = world.plan()
    assert own < kept.kept_ids("point") < own | theirs
    assert since in kept.kept_ids("wal")


def night_of_another_cluster(world: World, system: int) -> str:
    before = set(world.objects)
    world.night()
    point = world.points[-1] = world.points[-1].model_copy(update={"system_identifier": system})
    world.backups[point.backup] = replace(world.backups[point.backup], system_identifier=system)
    for key in {each for each in world.objects if each.startswith("wal/")} - before:
        theirs = key.replace(str(SYSTEM), str(system))
        world.objects[theirs] = replace(world.objects.pop(key), key=theirs)
    world.now += DAY
    return point.id


def test_a_gap_of_weeks_keeps_the_minimum() -> None:
    world = nights(World(policy=make_policy(retention=2 * DAY, point_in_time_window=1 * DAY)), 4)
    world.now += 40 * DAY
    world.night(full=True)
    assert_golden("gap", world.plan())


def test_killed_runs() -> None:
    world = World(policy=make_policy(retention=5 * DAY))
    world.put(keys.chunk("20260105T080000000Z", "base", 0))
    world.put(keys.document_object("matters", "half", "1"))
    world.now += 3 * DAY
    world.night()
    world.now += DAY
    world.put(keys.chunk("20260109T080000000Z", "base", 0))
    world.night(full=False)
    assert_golden("killed-runs", world.plan())


def test_a_vault_without_a_complete_point_keeps_everything() -> None:
    world = nights(World(policy=make_policy(retention=DAY, point_in_time_window=0 * DAY)), 5)
    for point in world.points:
        del world.objects[keys.config(point.id)]
    plan = world.plan()
    assert not plan.going
    assert {verdict.why for verdict in plan.kept} == {"this vault has no complete recovery point"}


def test_a_point_that_misses_something_does_not_count_towards_the_minimum() -> None:
    policy = make_policy(retention=DAY, point_in_time_window=0 * DAY, minimum_verified_points=2)
    world = nights(World(policy=policy), 6)
    second_newest = world.points[-2]
    del world.objects[keys.config(second_newest.id)]
    kept = world.plan().kept_ids("point")
    assert {world.points[-1].id, world.points[-3].id} <= kept


def test_both_vaults_keep_a_point_that_one_of_them_keeps() -> None:
    world = nights(World(policy=make_policy(retention=DAY, point_in_time_window=0 * DAY)), 5)
    oldest = world.points[0]
    assert oldest.id not in world.plan().kept_ids("point")
    plan = world.plan(kept_elsewhere=frozenset({oldest.id}))
    assert oldest.id in plan.kept_ids("point")
    assert set(oldest.chain) <= plan.kept_ids("backup")


def test_history_files_stay_and_strangers_are_left_alone() -> None:
    world = World(policy=make_policy(retention=DAY, point_in_time_window=0 * DAY))
    history, stranger = keys.wal(SYSTEM, "00000002.history"), f"{keys.wal_prefix(SYSTEM)}notes/readme.txt"
    for key in (history, stranger):
        world.put(key)
    nights(world, 4)
    assert {history.removeprefix(keys.WAL), stranger.removeprefix(keys.WAL)} <= world.plan().kept_ids("wal")


def test_wal_of_a_cluster_that_has_no_backup_any_more_goes() -> None:
    world = World(policy=make_policy(retention=DAY, point_in_time_window=0 * DAY))
    replaced = world.put(keys.wal(42, "000000010000000000000007")).removeprefix(keys.WAL)
    nights(world, 1)
    assert replaced in world.plan().kept_ids("wal")
    nights(world, 4)
    assert replaced not in world.plan().kept_ids("wal")


def test_the_window_of_a_cluster_that_was_replaced_stays_though_its_last_backup_is_older() -> None:
    """Its nights had failed for longer than the window when another cluster was adopted: it archived all the same."""
    world = World(policy=make_policy(retention=30 * DAY, point_in_time_window=2 * DAY, minimum_verified_points=1))
    world.night()
    for _ in range(4):
        world.push_wal()
        world.now += DAY
    old_wal = {key.removeprefix(keys.WAL) for key in world.objects if key.startswith(keys.WAL)}
    world.night()
    adopted, last = 42, world.points[-1]
    world.serving = adopted
    world.points[-1] = last.model_copy(update={"system_identifier": adopted})
    world.backups[last.backup] = replace(world.backups[last.backup], system_identifier=adopted)
    for key in [key for key in world.objects if key.startswith(keys.WAL) and key.removeprefix(keys.WAL) not in old_wal]:
        del world.objects[key]
        world.put(keys.wal(adopted, key.rsplit("/", 1)[1]))
    world.now += DAY / 2
    assert old_wal <= world.plan().kept_ids("wal")
    world.now += 3 * DAY
    assert not old_wal <= world.plan().kept_ids("wal")


def test_a_label_stays_as_long_as_its_segment() -> None:
    world = World(policy=make_policy(retention=DAY, point_in_time_window=0 * DAY, minimum_verified_points=1))
    label = world.put(keys.wal(SYSTEM, "000000010000000000000001.00000028.backup")).removeprefix(keys.WAL)
    world.night()
    assert label in world.plan().kept_ids("wal")
    nights(world.later(1), 5, chain=1)
    assert label not in nights(world.later(1), 5, chain=1).plan().kept_ids("wal")


def test_registers_go_newest_first_and_before_what_they_name() -> None:
    world = nights(World(policy=make_policy(retention=DAY, point_in_time_window=0 * DAY, minimum_verified_points=1)), 6)
    plan = world.plan()
    registers = [version.key for version in plan.registers_going() if is_register(version)]
    assert registers == sorted(registers, reverse=True)
    assert not [version for version in plan.contents_going() if is_register(version)]
    everything = {*plan.points_going(), *plan.registers_going(), *plan.contents_going()}
    assert everything == {version for verdict in plan.going for version in verdict.group.versions}


def test_only_what_retention_owns_is_looked_at() -> None:
    others = ("firm.json", "restore-kit/README.md", "holds/h.json", "drills/1.json", "audit/verified/1")
    assert group_versions(ObjectVersion(key, 1, START, "v") for key in others) == ()


@pytest.mark.parametrize(("days", "kept"), [(1, True), (2.5, False)])
def test_a_leftover_is_kept_for_the_grace(days: float, kept: bool) -> None:
    world = World()
    leftover = world.put(keys.chunk("20250101T000000000Z", "base", 0)).split("/")[1]
    world.now += days * DAY
    world.night()
    assert (leftover in world.plan().kept_ids("backup")) is kept
    assert GRACE == 2 * DAY


def test_locks_last_as_long_as_what_they_hold_is_needed() -> None:
    policy = make_policy(retention=30 * DAY)
    assert chain_locked_until(policy, START) == START + 37 * DAY
    assert point_locked_until(policy, START) == START + 30 * DAY
    assert documents_locked_until(policy, START) == START + 60 * DAY


def test_a_ledger_stays_as_long_as_some_of_its_wal() -> None:
    world = World(policy=make_policy(retention=4 * DAY, point_in_time_window=0 * DAY, minimum_verified_points=1))

    def ledger(first: int, last: int) -> str:
        positions = [WalSegment(1, number, SEGMENT_BYTES).name[8:] for number in (first, last)]
        return world.put(keys.verified_wal(SYSTEM, new_id(world.now), *positions))

    of_the_first_night, of_both, of_the_second = ledger(1, 4), ledger(5, 6), ledger(7, 8)
    of_before_keys_told = world.put(f"{keys.VERIFIED_WAL}{SYSTEM}/{new_id(world.now)}.json")
    world.night(wal=3)
    world.push_wal(2)
    world.now += 30 * DAY
    world.night(wal=3)
    assert ledgers_of(world, going=True) == {of_the_first_night, of_before_keys_told}
    assert ledgers_of(world, going=False) == {of_both, of_the_second}
    (why,) = {verdict.why for verdict in world.plan().going if verdict.group.kind == "ledger"}
    assert why == "the WAL that it vouches for is gone"


def ledgers_of(world: World, *, going: bool) -> set[str]:
    verdicts = world.plan().going if going else world.plan().kept
    return {version.key for v in verdicts if v.group.kind == "ledger" for version in v.group.versions}


def test_a_night_that_never_had_a_point_is_kept_for_the_retention() -> None:
    """Its snapshot, and what only that one names."""
    world = World(policy=make_policy(retention=10 * DAY, point_in_time_window=0 * DAY, minimum_verified_points=1))
    world.change_document("a")
    lost = world.night()
    assert lost is not None
    (only_then,) = world.documents[lost.id]
    world.points.clear()
    del world.objects[keys.point(lost.id)]
    for days in range(1, 14):
        world.now = START + days * DAY
        world.change_document("a")
        world.night()
        world.expire()
        assert (only_then in world.objects) == (days < 10)
    assert keys.document_snapshot(lost.id) not in world.objects


def test_what_is_leased_stays_and_the_plan_says_to_whom() -> None:
    world = World(policy=make_policy(retention=4 * DAY, point_in_time_window=0 * DAY, minimum_verified_points=1))
    old = world.night()
    assert old is not None
    world.push_wal(2)
    world.now += 30 * DAY
    world.night()
    going = {version.key for verdict in world.plan().going for version in verdict.group.versions}
    wal = LeasedWal.between(SYSTEM, WalSegment(1, 1, SEGMENT_BYTES), WalSegment(1, 5, SEGMENT_BYTES))
    needs = Needs(points=(old.id,), backups=old.chain, snapshots=(old.documents,), configs=(old.config,), wal=(wal,))
    world.leases.append(Standing("one", "a restore", world.now + DAY, needs))
    assert going
    assert world.plan().going == ()
    why = f"leased until {world.now + DAY:%Y-%m-%d %H:%M} to a restore"
    for verdict in world.plan().kept:
        if verdict.group.kind in {"point", "wal"} and verdict.group.first_at < START + DAY:
            assert verdict.why == why
    world.leases[0] = Standing("one", "a restore", world.now + DAY, None)
    assert {verdict.why for verdict in world.plan().kept} == {why}
