"""Reads back from a recovered server where its recovery ended, and compares that with the plan."""

from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.recovery.wal_coverage import TimelineHistory
from muniment.domain.restore.outcome import Reached, differences
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.wal.facts import same_place
from muniment.domain.wal.names import Lsn, history_name
from muniment.errors import TargetNotReached

# The functions of recovery keep their last answer after promotion, and lose it when the server is started again.
_STATE = """
    SELECT pg_is_in_recovery() AS in_recovery,
           pg_last_wal_replay_lsn()::text AS replayed,
           pg_last_xact_replay_timestamp() AS last_commit_at,
           pg_size_bytes(current_setting('wal_segment_size')) AS segment_bytes
"""
_TIMELINE = "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline"
_HISTORY = "SELECT pg_read_file('pg_wal/' || %s) AS text"


def recovery_reached(server: PostgresServer, plan: RestorePlan) -> Reached:
    """Of a server that was recovered by ``plan`` and promoted. Its role must be allowed pg_read_file.

    Raises ``TargetNotReached`` for any difference, and where it is still in recovery; ``ServerUnavailable``.
    """
    reached, segment_bytes = recovery_ended(server)
    if reached is None:
        raise _not_reached(plan, ["it is still in recovery"])
    if found := list(differences(plan, reached, segment_bytes)):
        raise _not_reached(plan, found)
    return reached


def recovery_ended(server: PostgresServer) -> tuple[Reached | None, int]:
    """Where the recovery of a promoted server ended, ``None`` where it still goes on; and the bytes of a segment.

    Where the server left its old timeline is in the new one's history file, for ever; when the last transaction ended
    is known until the server is started again.
    """
    state = server.row(_STATE, database="postgres")
    if state["in_recovery"]:
        return None, state["segment_bytes"]
    timeline = int(server.row(_TIMELINE, database="postgres")["timeline"], 16)
    text = server.row(_HISTORY, history_name(timeline), database="postgres")["text"]
    parent, left_at = TimelineHistory.parse(timeline, text).ancestors[-1]
    is_known = _is_of(state["replayed"], left_at, state["segment_bytes"])
    last_commit_at = state["last_commit_at"] if is_known else None
    return Reached(lsn=left_at, last_commit_at=last_commit_at, timeline=parent), state["segment_bytes"]


def _is_of(replayed: str | None, left_at: Lsn, segment_bytes: int) -> bool:
    """A server that crashed later has replayed its own WAL since."""
    return replayed is not None and same_place(Lsn.parse(replayed), left_at, segment_bytes)


def _not_reached(plan: RestorePlan, found: list[str]) -> TargetNotReached:
    return TargetNotReached(firm=plan.firm, plan=plan.id, target=plan.target, differences="; ".join(found))
