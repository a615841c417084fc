"""A day of a firm's RPO as a line of an inch: the promise drawn, and what is unknown left out."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from muniment.domain.fleet.moment import rounded_up
from muniment.domain.fleet.row import BUCKET, BUCKETS, FirmRow

WIDTH, HEIGHT = BUCKETS, 24
"""Of the drawing: a unit a bucket. Whole numbers only, for a thousand of them are sent with a page."""


class Spark(NamedTuple):
    """``path``: empty where nothing is known. ``promise``: height of its line. ``text``: the same in words."""

    path: str
    promise: int
    text: str


def spark_of(row: FirmRow, now: datetime) -> Spark:
    """Of the day that ends at ``now``: what nobody looked at since is unknown."""
    return _drawn(_until(row, now), row.rpo_promise_s)


@lru_cache(maxsize=4096)
def _drawn(day: tuple[float | None, ...], promised_s: float) -> Spark:
    """Kept from one reader to the next: a pass draws a day anew, a look at the page does not."""
    known = [rpo for rpo in day if rpo is not None]
    scale = (HEIGHT - 2) / max([promised_s * 1.25, 1.0, *known])
    line = HEIGHT - 1 - round(promised_s * scale)
    heights = [None if rpo is None else _height(rpo, scale, line, promised_s) for rpo in day]
    return Spark(_steps(heights), line, _in_words(known, promised_s))


def _until(row: FirmRow, now: datetime) -> tuple[float | None, ...]:
    if row.day_until is None:
        return (None,) * BUCKETS
    unseen = min(max((now - row.day_until) // BUCKET, 0), BUCKETS)
    day = (*row.day, *(None,) * unseen)[-BUCKETS:]
    return (None,) * (BUCKETS - len(day)) + day


def _height(rpo_s: float, scale: float, line: int, promised_s: float) -> int:
    """What is over the promise lies above its line, whatever the rounding says."""
    height = HEIGHT - 1 - round(rpo_s * scale)
    return height - (height == line and rpo_s > promised_s)


def _steps(heights: Iterable[int | None]) -> str:
    """SVG path: each bucket a level line, joined to its neighbour; begun anew behind a gap."""
    path, x, before = [], 0, None
    for y, run in groupby(heights):
        width = len(list(run))
        if y is not None:
            path.append(f"M{x} {y}h{width}" if before is None else f"v{y - before}h{width}")
        x, before = x + width, y
    return "".join(path)


def _in_words(known: Sequence[float], promised_s: float) -> str:
    promised = f"of promised {rounded_up(promised_s)}"
    if not known:
        return f"RPO over the last day: unknown, {promised}"
    unknown_s = (BUCKETS - len(known)) * BUCKET.total_seconds()
    unknown = f", unknown for {rounded_up(unknown_s)}" if unknown_s else ""
    return f"RPO over the last day: at most {rounded_up(max(known))} {promised}{unknown}"
