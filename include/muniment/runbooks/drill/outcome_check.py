"""Where a drill's recovery really ended: read back from the server, and compared with where it was sent."""

from itertools import takewhile
from pathlib import Path

from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.wal.waldump import WalDump
from muniment.domain.drill.evidence import DrillTarget
from muniment.domain.evidence import Check
from muniment.domain.wal.facts import same_place
from muniment.domain.wal.names import Lsn, WalSegment
from muniment.runbooks.restore.recovery_outcome import recovery_ended

_SEGMENTS_READ = 2
"""A record that begins in one segment is read whole with the next."""


def reached_check(
    server: PostgresServer, programs: PostgresPrograms, target: DrillTarget, timeline: int, wal: Path
) -> Check:
    """``wal`` is the folder that was replayed from: pg_waldump finds in it the record that recovery had to stop before.

    A position drawn by lot lies within a record, mostly: that one is replayed whole, and the next one is not.
    """
    reached, segment_bytes = recovery_ended(server)
    stops_before = _first_behind(target.lsn, timeline, segment_bytes, WalDump(programs, wal))
    where = f"before the record at {stops_before}" if stops_before else "no record behind it was fetched"
    expected = f"LSN {target.lsn} on timeline {timeline}: {where}"
    if reached is None:
        return Check(name="position reached", expected=expected, found="it is still in recovery", passed=False)
    is_there = stops_before is not None and same_place(reached.lsn, stops_before, segment_bytes)
    at = f", last commit {reached.last_commit_at:%Y-%m-%d %H:%M:%S.%f} UTC" if reached.last_commit_at else ""
    found = f"LSN {reached.lsn} on timeline {reached.timeline}{at}"
    return Check(
        name="position reached", expected=expected, found=found, passed=is_there and reached.timeline == timeline
    )


def _first_behind(lsn: Lsn, timeline: int, segment_bytes: int, dump: WalDump) -> Lsn | None:
    """Behind a switch a segment is empty, and pg_waldump finds nothing there: then it is asked for the next one."""
    first = WalSegment.holding(lsn, timeline, segment_bytes)
    following = (WalSegment(timeline, first.number + more, segment_bytes) for more in range(_SEGMENTS_READ + 1))
    there = list(takewhile(lambda segment: (dump.folder / segment.name).exists(), following))
    for segment in there:
        if record := dump.first_at(max(lsn, segment.start), segment, there[-1]):
            return record.start
    return None
