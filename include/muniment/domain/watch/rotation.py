"""Which firms are looked at as a whole in this pass: keys, vault settings, and the evidence of every duty.

Each firm at least once an hour, spread over the passes; who waits longest comes first. Before them whoever would be
called missing now, had anybody looked. Who was looked at and could not be read is tried again behind all who wait for
their turn: some firms whose registers nobody can read must not keep the others from being read.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import ceil

from muniment.domain.watch.duties import must_read_again
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.passes import LOOK_LASTS, PASS_EVERY

WHOLE_EVERY = timedelta(hours=1)
WHOLE_LASTS = WHOLE_EVERY + LOOK_LASTS
"""A rotation, and two passes to try again."""
# One pass of the hour is to spare: a pass that fails must make nobody wait for longer than the hour.
_PASSES = WHOLE_EVERY // PASS_EVERY - 1
_FEWEST = 10


def due_as_a_whole(firms: Mapping[str, FirmSeen | None], now: datetime) -> frozenset[str]:
    """``firms``: as they were seen before, ``None`` where they never were."""
    at_most = max(_FEWEST, ceil(len(firms) / _PASSES))
    turns = sorted(firms, key=lambda firm: (_looked_at(firms[firm], now), firm))
    waiting = [firm for firm in turns if _is_due(_read_at(firms[firm]), now)]
    overdue = [firm for firm in turns if (seen := firms[firm]) and must_read_again(seen.duties, seen.evidence, now)]
    return frozenset([*overdue[:at_most], *waiting[:at_most]])


def _looked_at(seen: FirmSeen | None, now: datetime) -> float:
    """POSIX seconds; in the future, by a clock that has jumped back since, is long ago."""
    at = max(_read_at(seen), seen.whole_at.timestamp() if seen and seen.whole_at else 0.0)
    return at if at <= now.timestamp() else 0.0


def _read_at(seen: FirmSeen | None) -> float:
    """POSIX seconds; never is the longest time ago."""
    return seen.evidence.read_at.timestamp() if seen and seen.evidence else 0.0


def _is_due(read_at: float, now: datetime) -> bool:
    """A pass early, because the next one may come a little late; and at once where the clock has jumped back."""
    age = now.timestamp() - read_at
    return age < 0 or age >= (WHOLE_EVERY - 2 * PASS_EVERY).total_seconds()
