"""Where a recovery really ended, and whether that is where its plan said."""

from collections.abc import Iterator
from datetime import datetime

from pydantic import AwareDatetime

from muniment.domain.record import Record
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.wal.facts import same_place
from muniment.domain.wal.lsn_text import LsnText
from muniment.domain.wal.names import Lsn, WalSegment


class Reached(Record):
    """``timeline`` is the one that was recovered along; the server has gone on on another one since."""

    lsn: LsnText
    """The end of the last record that was replayed."""
    last_commit_at: AwareDatetime | None
    """When the last transaction ended that was replayed; ``None`` where none was, or where the server forgot."""
    timeline: int


def differences(plan: RestorePlan, reached: Reached, segment_bytes: int) -> Iterator[str]:
    """A sentence each; none where the recovery ended where it should.

    A plan that was made with the WAL at hand knows the end to the byte, whatever kind its target is of: the commit that
    it stops before, the transaction or the name that it stops behind. Without it, the target itself is all that is
    known.
    """
    if reached.timeline != plan.timeline:
        yield f"it followed timeline {reached.timeline}, not {plan.timeline}"
    if plan.reaches_lsn is None:
        yield from _off_target(plan, reached, segment_bytes)
        return
    if not same_place(reached.lsn, plan.reaches_lsn, segment_bytes):
        yield f"replay ended at {reached.lsn}, not at {plan.reaches_lsn}"
    if reached.last_commit_at is not None and reached.last_commit_at != plan.reaches_at:
        yield f"its last transaction ended at {_when(reached.last_commit_at)}, not at {_when(plan.reaches_at)}"


def _off_target(plan: RestorePlan, reached: Reached, segment_bytes: int) -> Iterator[str]:
    target = RecoveryTarget.parse(plan.target)
    exclusive = plan.settings.get("recovery_target_inclusive") == "off"
    if target.kind == "latest":
        last = WalSegment.parse(plan.replay.wal.last_segment, segment_bytes)
        if not last.start < reached.lsn <= last.end:
            yield f"replay ended at {reached.lsn}, not in the archive's last segment, {last.name}"
    elif "recovery_target_lsn" in plan.settings:
        asked = Lsn.parse(plan.settings["recovery_target_lsn"])
        if exclusive and not same_place(reached.lsn, asked, segment_bytes):
            yield f"replay ended at {reached.lsn}, not at {asked}"
        if not exclusive and reached.lsn <= asked:
            yield f"replay ended at {reached.lsn}, not behind {asked}"


def _when(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S.%f} UTC" if at else "any time: none was expected"
