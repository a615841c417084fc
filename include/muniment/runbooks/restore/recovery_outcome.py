"""Reads back from a recovered server where its recovery ended, and compares that with the plan."""

from muniment.adapters.postgres.recovery_state import RecoveryState, read_recovery_state, read_timeline_history
from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.recovery.wal_coverage import TimelineHistory
from muniment.domain.restore.outcome import Reached, differences
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.wal.facts import same_place
from muniment.domain.wal.names import Lsn
from muniment.errors import TargetNotReached


def recovery_reached(server: PostgresServer, plan: RestorePlan) -> Reached:
    """Of a server that was recovered by ``plan`` and promoted. Its role must be allowed pg_read_file.

    Raises ``TargetNotReached`` for any difference, and where it is still in recovery; ``PostgresError``.
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
    state = read_recovery_state(server)
    if state.in_recovery:
        return None, state.segment_bytes
    timeline, text = read_timeline_history(server)
    parent, left_at = TimelineHistory.parse(timeline, text).ancestors[-1]
    last_commit_at = state.last_commit_at if _is_of(state, left_at) else None
    return Reached(lsn=left_at, last_commit_at=last_commit_at, timeline=parent), state.segment_bytes


def _is_of(state: RecoveryState, left_at: Lsn) -> bool:
    """A server that crashed later has replayed its own WAL since."""
    return state.replayed is not None and same_place(state.replayed, left_at, state.segment_bytes)


def _not_reached(plan: RestorePlan, found: list[str]) -> TargetNotReached:
    return TargetNotReached(firm=plan.firm, plan=plan.id, target=plan.target, differences="; ".join(found))
