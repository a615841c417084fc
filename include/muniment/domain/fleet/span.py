"""From when to when a firm's page looks, and the ways to look elsewhere: all of it is in the address."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from muniment.domain.fleet.instants import parse_instant
from muniment.errors import InvalidRequest

LONGEST = timedelta(days=90)
SHORTEST = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Span:
    begin: datetime
    end: datetime

    @property
    def lasts(self) -> timedelta:
        return self.end - self.begin

    def share(self, at: datetime) -> float:
        """0 at the begin, 1 at the end; beyond them less or more."""
        return (at - self.begin) / self.lasts

    def outside(self, other: "Span") -> Iterator[tuple[datetime, datetime]]:
        """What of this one the other one has not."""
        if self.begin < other.begin:
            yield self.begin, min(self.end, other.begin)
        if other.end < self.end:
            yield max(self.begin, other.end), self.end

    def has(self, at: datetime) -> bool:
        return self.begin <= at <= self.end


@dataclass(frozen=True, slots=True)
class Zoom:
    """``span`` is ``None`` for what is shown when nothing is asked for."""

    label: str
    span: Span | None


def whole_span(oldest: datetime | None, now: datetime) -> Span:
    """From the oldest thing there is, ``LONGEST`` at most and an hour at least."""
    begin = max(oldest or now - timedelta(days=1), now - LONGEST)
    return Span(min(begin, now - timedelta(hours=1)), now)


def span_asked(begin: str | None, end: str | None, time_zone: str, whole: Span) -> Span:
    """Of ``?from=&to=``; whatever is not given is the whole's. Raises ``InvalidRequest``."""
    until = min(parse_instant(end, time_zone, name="to"), whole.end) if end else whole.end
    since = parse_instant(begin, time_zone, name="from") if begin else max(whole.begin, until - LONGEST)
    if not begin and since > until - SHORTEST:
        since = until - timedelta(days=1)
    if until - since < SHORTEST:
        _refuse(f"from, to: from {begin or 'nothing'} to {end or 'now'} is not ten minutes of the past")
    if until - since > LONGEST:
        _refuse(f"from, to: more than {LONGEST.days} days: choose a shorter time")
    return Span(since, until)


def zooms(shown: Span, whole: Span) -> Iterator[Zoom]:
    """Those that lead elsewhere."""
    yield Zoom("Whole", None)
    for label, lasts in (("30 days", timedelta(days=30)), ("Week", timedelta(days=7)), ("Day", timedelta(days=1))):
        yield Zoom(label, Span(whole.end - lasts, whole.end))
    middle, half = shown.begin + shown.lasts / 2, shown.lasts / 2
    if half >= SHORTEST:
        yield Zoom("In", Span(middle - half / 2, middle + half / 2))
    if half * 4 <= LONGEST:
        yield Zoom("Out", _within(Span(middle - 2 * half, middle + 2 * half), whole))
    if shown.begin > whole.begin:
        yield Zoom("Earlier", Span(shown.begin - half, shown.end - half))
    if shown.end < whole.end:
        yield Zoom("Later", _within(Span(shown.begin + half, shown.end + half), whole))


def _within(span: Span, whole: Span) -> Span:
    """Moved until it ends now, where it would end in the future."""
    ahead = max(span.end - whole.end, timedelta(0))
    return Span(span.begin - ahead, span.end - ahead)


def _refuse(fault: str) -> None:
    raise InvalidRequest(count=1, faults=fault)
