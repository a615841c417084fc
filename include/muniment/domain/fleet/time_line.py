"""A firm's time line to scale: what comes back from each vault, what happened, and when nobody looked.

Units are those of the drawing, ``WIDTH`` by ``HEIGHT``; the page scales it. Nothing is drawn wider than it lasts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from muniment.domain.fleet.frame import Frame, in_address
from muniment.domain.fleet.marks import Mark, marks_of
from muniment.domain.fleet.pictures import FirmPicture
from muniment.domain.fleet.plot import LEFT, RIGHT, WIDTH, x_of
from muniment.domain.fleet.recoverable import Held
from muniment.domain.fleet.span import Span, zooms
from muniment.domain.fleet.ticks import time_ticks

__all__ = ["HEIGHT", "LANES", "LEFT", "RIGHT", "WIDTH", "TimeLine", "time_line"]

HEIGHT = 190.0
NOW_WIDTH = 60.0
"""Of the word at now, with half of a tick's."""
LANES: Mapping[str, float] = {
    "primary": 32.0,
    "replica": 60.0,
    "points": 100.0,
    "drills": 122.0,
    "restores": 144.0,
    "incidents": 166.0,
}
"""Of a vault the upper edge of its bars, of marks their middle."""

type BarKind = Literal["window", "hole", "points alone", "unsure", "barred", "other", "unknown", "lasting"]
_CSS: Mapping[BarKind, str] = {
    "window": "window",
    "hole": "hole",
    "points alone": "gap",
    "unsure": "gap unsure",
    "barred": "hole",
    "other": "window other",
    "unknown": "gap unknown",
    "lasting": "lasting",
}
_TOLD: Mapping[BarKind, str] = {
    "window": "any instant comes back",
    "hole": "a hole: WAL is missing, no instant comes back",
    "points alone": "recovery points alone: the policy has let the WAL go",
    "unsure": "whether the WAL is still there is unknown",
    "barred": "its key cannot be used: the watch can read nothing that is sealed",
    "other": "of a cluster that was replaced: it can be staged",
    "unknown": "unknown",
}


@dataclass(frozen=True, slots=True)
class Bar:
    lane: str
    kind: BarKind
    begins_at: datetime
    ends_at: datetime
    x: float
    width: float

    @property
    def css(self) -> str:
        return _CSS[self.kind]

    @property
    def told(self) -> str:
        return _TOLD.get(self.kind, "")


@dataclass(frozen=True, slots=True)
class PlacedMark:
    mark: Mark
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class PlacedTick:
    x: float
    label: str
    is_day: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table that says the same."""

    at: datetime
    ends_at: datetime | None
    what: str
    told: str
    href: str | None = None


@dataclass(frozen=True, slots=True)
class ZoomLink:
    label: str
    href: str
    is_shown: bool


@dataclass(frozen=True, slots=True)
class TimeLine:
    span: Span
    bars: tuple[Bar, ...]
    unwatched: tuple[Bar, ...]
    marks: tuple[PlacedMark, ...]
    ticks: tuple[PlacedTick, ...]
    rows: tuple[Row, ...]
    links: tuple[ZoomLink, ...]
    now_x: float | None
    at_address: str
    """Of an instant, with ``{instant}`` in its place."""

    @property
    def lanes(self) -> Mapping[str, float]:
        return LANES


def time_line(
    picture: FirmPicture,
    held: Sequence[Held],
    frame: Frame,
    span: Span,
    whole: Span,
    unwatched: Sequence[tuple[datetime, datetime]],
) -> TimeLine:
    """``held``: by each vault. ``unwatched``: when no pass of the watch has looked at the firm."""
    seen, now = picture.seen, frame.now
    bars = [bar for each in held for bar in _bars(each, span, now)]
    not_seen = [bar for begin, end in unwatched for bar in _bar("watch", "unknown", begin, end, span)]
    marks = [each for each in marks_of(picture, frame) if _meets(each, span)]
    lasting = [bar for each in marks if each.lane == "incidents" for bar in _lasting(each, span, now)]
    address = frame.page("firm", seen.firm, "at", "{instant}").replace("%7Binstant%7D", "{instant}")
    return TimeLine(
        span=span,
        bars=(*bars, *lasting),
        unwatched=tuple(not_seen),
        marks=tuple(_placed(each, span) for each in marks),
        ticks=tuple(_ticks(span, seen.time_zone, now)),
        rows=tuple(sorted(_rows(bars, not_seen, marks), key=lambda row: (row.at, row.what))),
        links=tuple(_links(frame, seen.firm, span, whole)),
        now_x=x_of(now, span) if span.has(now) else None,
        at_address=address,
    )


def _ticks(span: Span, time_zone: str, now: datetime) -> Iterator[PlacedTick]:
    """Without the words that would lie over the one of now."""
    for each in time_ticks(span, time_zone):
        x = x_of(each.at, span)
        is_near = span.has(now) and abs(x_of(now, span) - x) < NOW_WIDTH
        yield PlacedTick(x, "" if is_near else each.label, each.is_day)


def _bars(held: Held, span: Span, now: datetime) -> Iterator[Bar]:
    for other in held.others:
        yield from _bar(held.side, "other", other.begins_at, other.ends_at, span)
    for stretch in held.stretches:
        yield from _bar(held.side, "window", stretch.begins_at, stretch.ends_at, span)
    for gap in held.gaps:
        yield from _bar(held.side, gap.kind, gap.begins_at, gap.ends_at, span)
    known = [held.reaches_at or held.seen_at, *(gap.ends_at for gap in held.gaps)]
    known_until = max((each for each in known if each is not None), default=None)
    if known_until is not None and known_until < now:
        yield from _bar(held.side, "hole" if held.missing else "unknown", known_until, now, span)
    elif known_until is None:
        yield from _bar(held.side, "unknown", span.begin, now, span)


def _lasting(mark: Mark, span: Span, now: datetime) -> Iterator[Bar]:
    yield from _bar(mark.lane, "lasting", mark.at, mark.ends_at or now, span)


def _bar(lane: str, kind: BarKind, begins_at: datetime, ends_at: datetime, span: Span) -> Iterator[Bar]:
    """The part of it that lies in the span, if any."""
    begin, end = max(begins_at, span.begin), min(ends_at, span.end)
    if begin < end:
        x = x_of(begin, span)
        yield Bar(lane, kind, begins_at, ends_at, x, round(x_of(end, span) - x, 2))


def _meets(mark: Mark, span: Span) -> bool:
    return mark.at <= span.end and (mark.ends_at or mark.at) >= span.begin


def _placed(mark: Mark, span: Span) -> PlacedMark:
    return PlacedMark(mark, max(LEFT, x_of(mark.at, span)), LANES[mark.lane])


def _rows(bars: Iterable[Bar], unwatched: Iterable[Bar], marks: Iterable[Mark]) -> Iterator[Row]:
    for bar in bars:
        yield Row(bar.begins_at, bar.ends_at, f"The {bar.lane} vault", bar.told)
    for bar in unwatched:
        yield Row(bar.begins_at, bar.ends_at, "The watch", "it did not look: unknown")
    for mark in marks:
        yield Row(mark.at, mark.ends_at, mark.what, mark.told, mark.href)


def _links(frame: Frame, firm: str, span: Span, whole: Span) -> Iterator[ZoomLink]:
    for zoom in zooms(span, whole):
        asked = {} if zoom.span is None else {"from": in_address(zoom.span.begin), "to": in_address(zoom.span.end)}
        yield ZoomLink(zoom.label, frame.page("firm", firm, **asked), (zoom.span or whole) == span)
