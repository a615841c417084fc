"""What a listing lacks of a point's needs: each thing taken away is named, and a whole one lacks nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from muniment.domain.recovery.absence import Listing, absent, absent_wal
from muniment.domain.recovery.wal_coverage import Archive, TimelineHistory
from muniment.domain.vault import keys
from muniment.domain.vault.inventory import is_register
from muniment.domain.vault.registers import ControlTotals, Point, WalRange
from muniment.domain.wal.names import Lsn, WalSegment, is_segment
from tests.support.worlds import SEGMENT_BYTES, SYSTEM, World

NIGHT = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    world = World(now=NIGHT)
    world.night()
    world.now += timedelta(days=1)
    world.night(full=False)
    return world


def listed(world: World, *, without: str = "") -> tuple[Listing, Archive]:
    sizes = {version.key: version.size_bytes for version in world.objects.values() if version.key != without}
    names = [key.rpartition("/")[2] for key in sizes if key.startswith(keys.wal_prefix(SYSTEM))]
    return Listing(sizes), Archive.of(filter(is_segment, names), (), SEGMENT_BYTES)


def stored(world: World) -> dict[str, int]:
    """As points tell it: all of a backup but its register."""
    return {
        backup.id: sum(v.size_bytes for v in world.objects.values() if v.key in backup.keys and not is_register(v))
        for backup in world.backups.values()
    }


def lacking(world: World, point: Point, without: str) -> list[str]:
    return list(absent(point, *listed(world, without=without), stored(world)))


def test_a_whole_point_lacks_nothing(world: World) -> None:
    assert [list(absent(point, *listed(world), stored(world))) for point in world.points] == [[], []]


def test_whatever_is_gone_is_named(world: World) -> None:
    """Of both backups of the chain; WAL from this night's own backup on."""
    first, second = world.points
    for backup_id in second.chain:
        parts = [keys.backup_register(backup_id), keys.backup_manifest(backup_id), keys.chunk(backup_id, "base", 0)]
        for key in parts:
            assert lacking(world, second, key) == [key]
    for key in (keys.document_snapshot(second.documents), keys.config(second.config)):
        assert lacking(world, second, key) == [key]
        assert lacking(world, first, key) == []
    begin, end = (WalSegment.parse(n, SEGMENT_BYTES) for n in (second.wal.first_segment, second.wal.last_segment))
    for segment in begin.through(end):
        key = keys.wal(SYSTEM, segment.name)
        assert lacking(world, second, key) == [key]
        assert lacking(world, first, key) == []


def test_the_last_chunk_is_missed_by_the_sum(world: World) -> None:
    """Nothing is numbered behind it."""
    second = world.points[1]
    folder, whole = keys.backup(second.backup), stored(world)[second.backup]
    found = lacking(world, second, keys.chunk(second.backup, "base", 1))
    assert found == [f"{folder} ({whole - 9_000_000:,} of {whole:,} bytes)"]


def test_wal_up_to_the_control_totals_is_needed(world: World) -> None:
    point = world.points[1]
    last = WalSegment.parse(point.wal.last_segment, SEGMENT_BYTES)
    totals = ControlTotals(lsn=Lsn(last.end.offset_bytes + 8), read_at=NIGHT, counts={}, sums={})
    _, archive = listed(world)
    later = point.model_copy(update={"control_totals": totals})
    assert list(absent_wal(later, archive)) == [keys.wal(SYSTEM, last.next().name)]


def test_wal_is_followed_along_the_timelines_history() -> None:
    """Left in segment 5 for timeline 2: that segment is read from the child, what lies before it from the parent."""
    switch = Lsn(5 * SEGMENT_BYTES + 100)
    names = [WalSegment(1, number, SEGMENT_BYTES).name for number in (3, 4, 5)]
    names += [WalSegment(2, number, SEGMENT_BYTES).name for number in (5, 6)]
    wal = WalRange(timeline=2, first_segment=names[0], last_segment=names[-1], through_lsn=Lsn(7 * SEGMENT_BYTES))
    point = world_point().model_copy(update={"wal": wal})
    history = TimelineHistory(2, ((1, switch),))
    assert list(absent_wal(point, Archive.of(names, [history], SEGMENT_BYTES))) == []
    for name, is_needed in zip(names, (True, True, False, True, True), strict=True):
        left = [each for each in names if each != name]
        found = list(absent_wal(point, Archive.of(left, [history], SEGMENT_BYTES)))
        assert found == ([keys.wal(SYSTEM, name)] if is_needed else [])
    assert list(absent_wal(point, Archive.of(names, [], SEGMENT_BYTES))) == [keys.wal(SYSTEM, "00000002.history")]


def world_point() -> Point:
    world = World(now=NIGHT)
    point = world.night()
    assert point is not None
    return point.model_copy(update={"control_totals": replace_lsn(point)})


def replace_lsn(point: Point) -> ControlTotals:
    return point.control_totals.model_copy(update={"lsn": Lsn(4 * SEGMENT_BYTES)})
