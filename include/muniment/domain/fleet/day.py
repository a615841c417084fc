"""A firm's day as a line: a value for each quarter of an hour, carried on from pass to pass.

So the fleet's page reads a thousand rows, and not a thousand firms' samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from muniment.domain.fleet.row import BUCKET, BUCKETS


@dataclass(frozen=True, slots=True)
class Day:
    """As ``FirmRow.day`` and ``FirmRow.day_until``."""

    values: tuple[float | None, ...] = ()
    until: datetime | None = None

    def with_look(self, seen_at: datetime, rpo_s: float | None, promise_s: float) -> "Day":
        """Time without looks is unknown. What a clock that was ahead has put behind ``seen_at`` is dropped."""
        until = bucket_end(seen_at)
        if not self.values or self.until is None:
            return Day((rpo_s,), until)
        passed = (until - self.until) // BUCKET
        if passed > 0:
            return Day((*self.values, *[None] * min(passed - 1, BUCKETS), rpo_s)[-BUCKETS:], until)
        kept = self.values[: len(self.values) + passed]
        return Day((*kept[:-1], worst((*kept[-1:], rpo_s), promise_s)), until)


def bucket_end(at: datetime) -> datetime:
    """The first whole quarter of an hour that is later than ``at``."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    return hour + ((at - hour) // BUCKET + 1) * BUCKET


def worst(values: Sequence[float | None], promise_s: float) -> float | None:
    """Of several looks, or of both vaults, in seconds. Where one of them is unknown the worst is unknown, unless
    another one alone is over the promise."""
    known = [each for each in values if each is not None]
    top = max(known, default=None)
    is_sure = len(known) == len(values) or (top is not None and top > promise_s)
    return top if is_sure else None
