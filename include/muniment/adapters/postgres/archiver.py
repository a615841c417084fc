"""What the live server says about its own WAL and its archiver."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.wal.names import Lsn, TimelineId, WalSegment

_STATE = """
SELECT pg_current_wal_insert_lsn()::text AS lsn, c.timeline_id AS timeline, i.bytes_per_wal_segment AS segment_bytes,
       a.archived_count, a.last_archived_wal, a.last_archived_time,
       a.failed_count, a.last_failed_wal, a.last_failed_time, c.checkpoint_lsn::text AS checkpoint_lsn,
       c.oldest_active_xid::text AS oldest_active_xid, c.next_xid, pg_snapshot_xmax(pg_current_snapshot())::text AS xmax
FROM pg_stat_archiver a, pg_control_checkpoint() c, pg_control_init() i
"""
_READY = "SELECT name FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'"
_SWITCH = "SELECT pg_switch_wal()::text AS lsn"


@dataclass(frozen=True, slots=True)
class ArchiverState:
    """``pg_stat_archiver`` and where the log is at this moment."""

    live_lsn: Lsn
    checkpoint_lsn: Lsn
    is_quiet: bool
    """No transaction has written since the last checkpoint, and none was open then."""
    timeline: TimelineId
    segment_bytes: int
    archived_count: int
    last_archived: str | None
    last_archived_at: datetime | None
    failed_count: int
    last_failed: str | None
    last_failed_at: datetime | None

    @property
    def last_failure(self) -> str:
        return f"{self.last_failed} at {self.last_failed_at:%Y-%m-%d %H:%M:%S %Z}" if self.last_failed_at else "none"


def read_archiver(postgres: PostgresServer) -> ArchiverState:
    row = postgres.row(_STATE)
    return ArchiverState(
        live_lsn=Lsn.parse(row["lsn"]),
        checkpoint_lsn=Lsn.parse(row["checkpoint_lsn"]),
        is_quiet=_is_quiet(row),
        timeline=int(row["timeline"]),
        segment_bytes=int(row["segment_bytes"]),
        archived_count=int(row["archived_count"]),
        last_archived=row["last_archived_wal"],
        last_archived_at=row["last_archived_time"],
        failed_count=int(row["failed_count"]),
        last_failed=row["last_failed_wal"],
        last_failed_at=row["last_failed_time"],
    )


def _is_quiet(row: Mapping[str, Any]) -> bool:
    """``next_xid`` is written as ``epoch:xid``; a shutdown checkpoint has 0 for the oldest open transaction."""
    epoch, xid = (int(part) for part in row["next_xid"].split(":"))
    none_was_open = int(row["oldest_active_xid"]) in {0, xid}
    return none_was_open and int(row["xmax"]) == epoch << 32 | xid


def waiting_files(postgres: PostgresServer) -> frozenset[str]:
    """Files that the archiver has not delivered yet."""
    with postgres.connect() as connection:
        return frozenset(row["name"].removesuffix(".ready") for row in connection.execute(_READY))


def checkpoint(postgres: PostgresServer) -> None:
    with postgres.anywhere() as connection:
        connection.execute("CHECKPOINT")


def checkpoint_and_switch(postgres: PostgresServer, segment_bytes: int) -> WalSegment:
    """Writes a checkpoint and ends its segment; returns the segment that holds it.

    On an idle server the checkpoint is what makes a segment that can be ended. Where the archiver's own timeout ended
    it first, the position told is the beginning of the next segment, and the one before it is meant.
    """
    # In the firm's own database: the right to call a function is granted database by database.
    with postgres.connect() as connection:
        connection.execute("CHECKPOINT")
        timeline = connection.execute("SELECT timeline_id FROM pg_control_checkpoint()").fetchone()
        switched = connection.execute(_SWITCH).fetchone()
    if timeline is None or switched is None:
        message = "a function of one row returned none"
        raise LookupError(message)
    return WalSegment.ending(Lsn.parse(switched["lsn"]), int(timeline["timeline_id"]), segment_bytes)
