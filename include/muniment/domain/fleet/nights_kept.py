"""How many nights a firm was owed lately, and how many of them left a recovery point."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from muniment.domain.firm.firm import Firm
from muniment.domain.fleet.history import FirmHistory
from muniment.domain.watch.duty import Suspension
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.owed import CLOCKS_MAY_DIFFER, Night, night_before

NIGHTS_OVER = timedelta(days=30)
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Nights:
    due: int = 0
    kept: int = 0


def nights(
    firm: Firm, seen: FirmSeen, history: FirmHistory, suspensions: Sequence[Suspension], now: datetime
) -> Nights:
    """Of the last ``NIGHTS_OVER``, as far as the points of that time are promised to be there still.

    ``suspensions``: any firm's, ended ones too. A night is not due that began before the firm was watched or had its
    vaults, while it was suspended, or after it left the registry. One that may still leave its point is not due yet,
    and of one that was over when the vaults were read last nobody knows; a point that is there is kept all the same.
    """
    begin, end = (
        max(_owed_since(firm, seen, now), _known_since(seen, history, now)),
        min(seen.left_registry_at or now, now),
    )
    taken = [night.taken_at for night in history.nights if not night.is_damaged]
    due = kept = 0
    for night in _nights(firm, begin, end):
        is_kept = any(_is_of(night, at) for at in taken)
        if _is_suspended(firm, night, suspensions) or not (is_kept or night.grace_until < min(history.read_at, now)):
            continue
        due, kept = due + 1, kept + is_kept
    return Nights(due, kept)


def _owed_since(firm: Firm, seen: FirmSeen, now: datetime) -> datetime:
    """Without vaults nothing is due. ``retention``: an older point may have expired."""
    made_at = seen.evidence.vaults_made_at if seen.evidence else None
    return max(now - min(NIGHTS_OVER, firm.policy.retention), seen.watched_since, made_at or now)


def _known_since(seen: FirmSeen, history: FirmHistory, now: datetime) -> datetime:
    """Points are read newest first, some at a look: what lies before those that were read is not known yet."""
    points = seen.evidence.points if seen.evidence else 0
    if len(history.nights) >= points:
        return history.read_at - 2 * NIGHTS_OVER
    return min((night.taken_at for night in history.nights), default=now)


def _nights(firm: Firm, begin: datetime, end: datetime) -> Iterator[Night]:
    """Newest first."""
    night = night_before(firm, end)
    while night.due_at >= begin:
        yield night
        night = night_before(firm, night.due_at - _MOMENT)


def _is_of(night: Night, taken_at: datetime) -> bool:
    return night.due_at - CLOCKS_MAY_DIFFER <= taken_at < night.next_due_at - CLOCKS_MAY_DIFFER


def _is_suspended(firm: Firm, night: Night, suspensions: Sequence[Suspension]) -> bool:
    return any(
        each.firm == firm.id and each.duty in (None, "nightly point") and each.made_at <= night.due_at < each.until
        for each in suspensions
    )
