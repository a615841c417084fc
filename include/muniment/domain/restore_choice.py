"""Which base backup, timeline and WAL lead to where recovery is to end, decided from what one vault holds.

The newest timeline with WAL in the archive is the firm's present, and its history is what a target is looked up in: a
position that only an abandoned branch has is not the firm's past. A recovery point alone names its own timeline.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from include.muniment.domain.archive import Archive
from include.muniment.domain.register import Backup, Point
from include.muniment.domain.wal import Lsn, TimelineId, WalSegment


@dataclass(frozen=True, slots=True)
class Base:
    """A recovery point with its base backup and all that this builds on, the full one first."""

    point: Point
    chain: tuple[Backup, ...]

    @property
    def backup(self) -> Backup:
        return self.chain[-1]


@dataclass(frozen=True, slots=True)
class Stop:
    """Where replay ends: behind all that ends at ``position`` or before it.

    ``record`` is where the record begins at which PostgreSQL decides, ``read_through`` where it ends: without its last
    byte nobody can tell. ``settings`` are PostgreSQL's own.
    """

    position: Lsn
    record: Lsn
    read_through: Lsn
    settings: Mapping[str, str] = field(default_factory=dict)
    timeline: TimelineId | None = None
    is_exact: bool = True
    """False where no pg_waldump could tell: then ``position`` is what was asked for."""


@dataclass(frozen=True, slots=True)
class Choice:
    """``segments`` is everything that is replayed, in order, from the base backup's first one on."""

    base: Base
    timeline: TimelineId
    segments: tuple[WalSegment, ...]
    stop: Stop


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Why nothing leads there; the last segment that can be reached before, and who begins behind."""

    reason: str
    before: WalSegment | None = None
    after: Base | None = None


@dataclass(frozen=True, slots=True)
class Restorable:
    """What one vault holds: recovery points, newest first, and the WAL archive."""

    bases: Sequence[Base]
    archive: Archive

    @property
    def present(self) -> TimelineId:
        """The newest timeline that has WAL; the newest base backup's where there is no WAL at all."""
        return max(self.archive.numbers, default=self.bases[0].backup.stop_timeline if self.bases else 1)

    @property
    def earliest(self) -> Base:
        return min(self.bases, key=lambda base: base.backup.stop_lsn)

    def path(self, to: TimelineId) -> dict[int, WalSegment]:
        """The segments, by number, through which history leads to the end of timeline ``to``, as far as they are here.

        The one that holds a switch is the child's: it begins with a copy of its parent's part.
        """
        history = self.archive.history(to)
        found: dict[int, WalSegment] = {}
        first = 0
        for line, left_at in history.ancestors if history else ():
            switch = left_at.offset_bytes // self.archive.segment_bytes
            found |= self._held(line, first, switch - 1)
            first = max(first, switch)
        return found | self._held(to, first, None)

    def _held(self, line: TimelineId, first: int, last: int | None) -> dict[int, WalSegment]:
        return {
            number: WalSegment(line, number, self.archive.segment_bytes)
            for number in sorted(self.archive.numbers.get(line, ()))
            if first <= number and (last is None or number <= last)
        }

    def stretch(self, base: Base, to: TimelineId) -> tuple[WalSegment, ...]:
        """From the base backup's first segment towards ``to``, up to the first that is missing; empty off the way."""
        last = self.archive.reach(base.backup.start_lsn, base.backup.timeline, to)
        return tuple(self._along(base, last)) if last is not None else ()

    def consistent(self) -> Choice | Unreachable:
        """The end of the newest base backup whose own WAL is there."""
        for base in self.bases:
            end, timeline = base.backup.stop_lsn, base.backup.stop_timeline
            last = self._ending(end, timeline)
            if self._leads(base, last):
                stop = Stop(end, end, end, {"recovery_target": "immediate"}, timeline)
                return Choice(base, timeline, tuple(self._along(base, last)), stop)
        return Unreachable("the archive has the own WAL of no base backup")

    def choose(self, stop: Stop) -> Choice | Unreachable:
        """The newest base backup that had ended at ``stop``, and from which no WAL is missing on the way."""
        lines = self._lines_at(stop.record) if stop.timeline is None else (stop.timeline,)
        for base in self.bases:
            for line in lines:
                last = self._ending(stop.read_through, line)
                if base.backup.stop_lsn <= stop.position and self._leads(base, last):
                    return Choice(base, line, tuple(self._along(base, last)), stop)
        return self._why_not(stop.position, self._ending(stop.read_through, lines[0]))

    def why_not(self, lsn: Lsn, line: TimelineId) -> Unreachable:
        """Where no record begins at ``lsn`` or behind it."""
        return self._why_not(lsn, WalSegment.holding(lsn, line, self.archive.segment_bytes))

    def _why_not(self, position: Lsn, segment: WalSegment) -> Unreachable:
        """Before the first base backup's end, in a hole, or behind the end."""
        line = segment.timeline
        if position < self.earliest.backup.stop_lsn:
            return Unreachable("it lies before the end of the first base backup", after=self.earliest)
        ends = [reached[-1] for base in self.bases if (reached := self.stretch(base, line))]
        before = max((end for end in ends if end.number <= segment.number), key=lambda end: end.number, default=None)
        behind = [base for base in self.bases if base.backup.stop_lsn > position and self.stretch(base, line)]
        after = min(behind, key=lambda base: base.backup.stop_lsn, default=None)
        last = max(self.path(line), default=None)
        if last is None or segment.number > last or (before is not None and before.number == last):
            return Unreachable(self._beyond(segment), before, after)
        return Unreachable(f"the archive has a hole between {before.end if before else 'there'} and it", before, after)

    def _beyond(self, segment: WalSegment) -> str:
        numbers = self.archive.numbers
        others = [line for line in sorted(numbers) if line != segment.timeline and segment.number in numbers[line]]
        if others:
            return f"only timeline {others[-1]} got that far, and timeline {segment.timeline} left it before"
        return "it lies behind the end of the archive"

    def _lines_at(self, lsn: Lsn) -> tuple[TimelineId, ...]:
        """The timeline on which the present's history has this position, then those whose files may hold it too."""
        history = self.archive.history(self.present)
        ancestors = history.ancestors if history else ()
        return (*(line for line, left_at in ancestors if lsn < left_at), self.present)

    def _leads(self, base: Base, last: WalSegment) -> bool:
        backup = base.backup
        if last.number < self._ending(backup.stop_lsn, backup.stop_timeline).number:
            return False
        return self.archive.missing(backup.start_lsn, backup.timeline, last) == ()

    def _along(self, base: Base, last: WalSegment) -> Iterator[WalSegment]:
        route = self.archive.route(base.backup.start_lsn, base.backup.timeline, last.timeline)
        for leg in route or ():
            end = last.number if leg.last is None else min(leg.last, last.number)
            for number in range(leg.first, end + 1):
                yield WalSegment(leg.timeline, number, self.archive.segment_bytes)

    def _ending(self, lsn: Lsn, timeline: TimelineId) -> WalSegment:
        return WalSegment.ending(lsn, timeline, self.archive.segment_bytes)


@dataclass(frozen=True, slots=True)
class Instant:
    """A position that can be asked for, and when the last transaction before it ended."""

    lsn: Lsn
    at: datetime | None = None

    def __str__(self) -> str:
        return f"{self.lsn} ({self.at:%Y-%m-%d %H:%M:%S.%f} UTC)" if self.at else str(self.lsn)
