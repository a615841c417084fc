"""A firm's drills, newest first, as its vaults told them to the watch."""

from dataclasses import dataclass

from muniment.domain.fleet.history import DrillSeen, FirmHistory
from muniment.domain.fleet.shown_word import ShownWord
from muniment.domain.shown_text import shown

MOST = 36
"""Three years of monthly drills."""


@dataclass(frozen=True, slots=True)
class PastLine:
    drill: DrillSeen
    word: ShownWord
    is_shown: bool
    """It is the one whose page this is."""
    is_late: bool
    """It took longer than was promised then."""
    signed_off: str


def past_lines(history: FirmHistory | None, drill_id: str | None = None) -> tuple[PastLine, ...]:
    newest = sorted(history.drills, key=lambda each: (each.started_at, each.id), reverse=True) if history else []
    return tuple(_line(each, drill_id) for each in newest[:MOST])


def _line(drill: DrillSeen, drill_id: str | None) -> PastLine:
    is_late = drill.recover_s is not None and drill.rto_s is not None and drill.recover_s > drill.rto_s
    signed = f"signed off by {shown(drill.signed_off_by)}" if drill.signed_off_by else ""
    return PastLine(drill, word_of(drill), drill.id == drill_id, is_late, signed)


def word_of(drill: DrillSeen) -> ShownWord:
    if drill.finished_at is None:
        return ShownWord("did not finish", "risk") if drill.did_not_finish else ShownWord("under way", "new")
    return ShownWord("passed", "safe") if drill.passed else ShownWord("failed", "lost")
