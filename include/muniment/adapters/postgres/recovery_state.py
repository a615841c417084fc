"""Where a server's recovery stands, or ended. Its role must be allowed pg_read_file."""

from dataclasses import dataclass
from datetime import datetime

from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.wal.names import Lsn, TimelineId, history_name

# The functions of recovery keep their last answer after promotion, and lose it when the server is started again.
_STATE = """
    SELECT pg_is_in_recovery() AS in_recovery,
           pg_last_wal_replay_lsn()::text AS replayed,
           pg_last_xact_replay_timestamp() AS last_commit_at,
           pg_size_bytes(current_setting('wal_segment_size')) AS segment_bytes
"""
_TIMELINE = "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline"
_HISTORY = "SELECT pg_read_file('pg_wal/' || %s) AS text"


@dataclass(frozen=True, slots=True)
class RecoveryState:
    in_recovery: bool
    replayed: Lsn | None
    last_commit_at: datetime | None
    segment_bytes: int


def read_recovery_state(server: PostgresServer) -> RecoveryState:
    """Raises ``PostgresError``."""
    row = server.row(_STATE)
    replayed = row["replayed"]
    return RecoveryState(
        in_recovery=row["in_recovery"],
        replayed=None if replayed is None else Lsn.parse(replayed),
        last_commit_at=row["last_commit_at"],
        segment_bytes=row["segment_bytes"],
    )


def read_timeline_history(server: PostgresServer) -> tuple[TimelineId, str]:
    """The timeline of a server that has been promoted, and the text of its history file."""
    timeline = int(server.row(_TIMELINE)["timeline"], 16)
    return timeline, str(server.row(_HISTORY, history_name(timeline))["text"])
