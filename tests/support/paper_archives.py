"""Backups, points and WAL on paper: an archive of one-MiB segments that nobody stored."""

from datetime import UTC, datetime, timedelta

from muniment.domain.recovery.backup_choice import Base
from muniment.domain.recovery.timelines import Timelines
from muniment.domain.recovery.wal_coverage import (
    Archive,
    TimelineHistory,
)
from muniment.domain.vault.registers import Backup, StoredFile, WalRange
from muniment.domain.wal.names import Lsn, WalSegment
from tests.support.points import make_point

MIB = 2**20
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def segment(number: int, timeline: int = 1) -> WalSegment:
    return WalSegment(timeline, number, MIB)


def lsn(segments: float) -> Lsn:
    return Lsn(int(segments * MIB))


def archive(*segments: WalSegment, histories: tuple[TimelineHistory, ...] = ()) -> Archive:
    return Archive.of((each.name for each in segments), histories, MIB)


def run(first: int, last: int, timeline: int = 1) -> list[WalSegment]:
    return list(segment(first, timeline).through(segment(last, timeline)))


def backup(name: str, start: float, stop: float, *, timeline: int = 1, at: datetime = NOON) -> Backup:
    return Backup(
        id=name,
        firm="harlan-pike",
        point=name,
        kind="full",
        system_identifier=1,
        server_version=17,
        wal_segment_bytes=MIB,
        timeline=timeline,
        start_lsn=lsn(start),
        stop_lsn=lsn(stop),
        stop_timeline=timeline,
        started_at=at,
        finished_at=at,
        slice_bytes=MIB,
        zstd_level=3,
        archives=(),
        manifest=StoredFile(key="-", size_bytes=0, stored_bytes=0, sha256="-"),
    )


def base(name: str, start: float, stop: float, *, timeline: int = 1, at: datetime = NOON) -> Base:
    taken = backup(name, start, stop, timeline=timeline, at=at)
    wal = WalRange(timeline=timeline, first_segment="-", last_segment="-", through_lsn=taken.stop_lsn)
    point = make_point(name, wal, at=at, firm="harlan-pike", system_identifier=1)
    return Base(point, (taken,))


def written(*lines: int) -> Timelines:
    """The firm's cluster was on each for an hour, the last one now."""
    return Timelines({line: NOON + timedelta(hours=number) for number, line in enumerate(lines)})
