"""How far a vault's WAL reaches without a hole, from listings that begin a little behind where it reached before.

The rules of recovery along a timeline's history are those of ``domain/recovery/wal_coverage.py``; here they are applied
to the newest part alone, so that what is asked of a vault does not grow with its archive.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from muniment.domain.recovery.wal_coverage import TimelineHistory
from muniment.domain.wal.names import SystemIdentifier, WalSegment, is_segment
from muniment.domain.watch.vault import WalHeld

LOOK_BACK = 100
"""Segments behind the last one held that each look lists again: what was deleted of them is noticed at once."""
NAMED = 20
"""Names of what is missing, and of what lies behind it, that are kept at most."""


def held_from(
    first: WalSegment, last: int, history: TimelineHistory, system_identifier: SystemIdentifier, now: datetime
) -> WalHeld:
    """A beginning: held from ``first`` through number ``last``, by what a register or a listing says."""
    return WalHeld(
        system_identifier=system_identifier,
        timeline=history.timeline,
        ancestors=history.ancestors,
        segment_bytes=first.size_bytes,
        first=first.number,
        number=last,
        seen_at=now,
    )


def history_of(held: WalHeld) -> TimelineHistory:
    return TimelineHistory(held.timeline, held.ancestors)


def segment_of(held: WalHeld, number: int) -> WalSegment:
    """On the timeline from which recovery reads it."""
    return history_of(held).segment(number, held.segment_bytes)


def looked_from(held: WalHeld) -> WalSegment:
    """The first segment that the next look lists."""
    return segment_of(held, max(held.first, held.number + 1 - LOOK_BACK))


def next_missing(held: WalHeld) -> WalSegment:
    return segment_of(held, held.number + 1)


def advanced(held: WalHeld, names: Iterable[str], *, is_all: bool, now: datetime) -> WalHeld:
    """After a look that found ``names`` from ``looked_from(held)`` on; ``is_all``: there are no more behind them."""
    start = looked_from(held).number
    there = numbers_along(held, names)
    number = start - 1
    while number + 1 in there:
        number += 1
    ahead = sorted(each for each in there if each > number)
    missing = tuple(segment_of(held, each).name for each in range(number + 1, min(ahead, default=0))[:NAMED])
    is_known = held.missing[:1] == missing[:1]
    return held.model_copy(
        update={
            "number": number,
            "more": not is_all and not ahead,
            "ahead": tuple(segment_of(held, each).name for each in ahead[:NAMED]),
            "missing": missing,
            "missing_since": ((held.missing_since if is_known else None) or now) if missing else None,
            "was_held": bool(missing) and (number < held.number or (is_known and held.was_held)),
            "seen_at": now,
        }
    )


def lacking(held: WalHeld, name: str, now: datetime) -> WalHeld:
    """Where the history file of the server's timeline is not in the vault: nothing there leads onto it."""
    known = held.missing_since if held.missing == (name,) else None
    return held.model_copy(update={"missing": (name,), "missing_since": known or now, "was_held": False})


def numbers_along(held: WalHeld, names: Iterable[str]) -> frozenset[int]:
    """Numbers of the segments that lie on its history: another timeline's of the same number is no part of it."""
    history, size_bytes = history_of(held), held.segment_bytes
    found = (WalSegment.parse(name, size_bytes) for name in names if is_segment(name))
    return frozenset(each.number for each in found if history.segment(each.number, size_bytes) == each)


def along(held: WalHeld, history: TimelineHistory) -> WalHeld | None:
    """The same archive seen along another timeline's history; ``None`` where nothing of what was held lies on it."""
    shared = _shared(history_of(held), history, held.segment_bytes)
    if shared is not None and shared <= held.first:
        return None
    return held.model_copy(
        update={
            "timeline": history.timeline,
            "ancestors": history.ancestors,
            "number": held.number if shared is None else min(held.number, shared - 1),
            "ahead": (),
            "missing": (),
            "missing_since": None,
            "was_held": False,
            "walked_to": None,
        }
    )


def _shared(one: TimelineHistory, other: TimelineHistory, size_bytes: int) -> int | None:
    """The first segment that the two read from different timelines; ``None`` where there is none."""
    switches = {left_at.offset_bytes // size_bytes for each in (one, other) for _, left_at in each.ancestors}
    apart = (n for n in sorted({0, *switches}) if one.segment(n, size_bytes) != other.segment(n, size_bytes))
    return next(apart, None)


def needed_from(held: WalHeld, first: WalSegment, last: WalSegment, now: datetime) -> WalHeld | None:
    """After a newer recovery point was registered, which needs ``first`` and was proven through ``last``: what is
    missing before that is no hole any more. ``None`` where the point does not lie on the history that is followed."""
    if segment_of(held, last.number) != last or segment_of(held, first.number) != first:
        return None
    if held.number < first.number:
        return held_from(first, last.number, history_of(held), held.system_identifier, now).model_copy(
            update={"missing_before": held.missing_before, "walked_to": held.walked_to}
        )
    return held.model_copy(update={"first": first.number})


def walk_of(held: WalHeld, since: int) -> range:
    """What of the old WAL is to be listed next: from segment ``since`` to where each look begins, some at a time."""
    end = looked_from(held).number
    begin = since if held.walked_to is None else max(since, held.walked_to + 1)
    return range(begin if begin < end else since, end)


def walked(held: WalHeld, names: Iterable[str], walk: range, *, owed: Sequence[range], is_all: bool) -> WalHeld:
    """After ``walk`` was listed, from its begin on and as far as ``names`` go.

    ``owed``: what has to be there of the WAL before ``first``; of the rest, all. What is missing of that is a hole
    before what was held.
    """
    there = numbers_along(held, names)
    stop = walk.stop if is_all else min(walk.stop, max(there, default=walk.start - 1) + 1)
    listed = range(walk.start, stop)
    gone = [number for number in listed if number not in there]
    known = [number for name in held.missing_before if (number := _number(held, name)) not in listed]
    before = [n for n in sorted({*known, *gone}) if n < held.first and any(n in each for each in owed)]
    update: dict[str, object] = {
        "missing_before": tuple(segment_of(held, number).name for number in before[:NAMED]),
        "walked_to": stop - 1 if stop < walk.stop else None,
    }
    hole = next((number for number in gone if number >= held.first), None)
    if hole is not None:
        name = segment_of(held, hole).name
        update |= {"number": hole - 1, "missing": (name,), "missing_since": None, "was_held": True}
    return held.model_copy(update=update)


def _number(held: WalHeld, name: str) -> int:
    return WalSegment.parse(name, held.segment_bytes).number
