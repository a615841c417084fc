"""Which base backup, timeline and WAL lead to a target, decided from what one vault holds; nothing is read here.

The newest timeline with WAL in the archive is the firm's present, and its history is what a target is looked up in: a
position that only an abandoned branch has is not the firm's past. A recovery point alone names its own timeline.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
class Choice:
    """``segments`` is everything that is replayed, in order, from the base backup's first one on."""

    base: Base
    timeline: TimelineId
    segments: tuple[WalSegment, ...]


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Why nothing leads there, and the nearest positions that can be reached on both sides."""

    reason: str
    before: Lsn | None = None
    after: Lsn | None = None


@dataclass(frozen=True, slots=True)
class Restorable:
    """What one vault holds: recovery points, newest first, and the WAL archive."""

    bases: Sequence[Base]
    archive: Archive

    @property
    def present(self) -> TimelineId:
        """The newest timeline that has WAL; a base backup's where there is no WAL at all."""
        return max(self.archive.numbers, default=self.bases[0].backup.stop_timeline if self.bases else 1)

    def latest(self) -> Choice | Unreachable:
        """The end of the archive. What lies behind a hole is never left out silently."""
        to, last = self.present, self._last(self.present)
        if last is None:
            return Unreachable("the archive holds no WAL")
        for base in self.bases:
            if self._leads(base, last):
                return Choice(base, to, self._segments(base, last))
        return self._hole_before(last)

    def consistent(self) -> Choice | Unreachable:
        """The end of the newest base backup whose own WAL is there."""
        for base in self.bases:
            last = self._ending(base.backup.stop_lsn, base.backup.stop_timeline)
            if self._leads(base, last):
                return Choice(base, base.backup.stop_timeline, self._segments(base, last))
        return Unreachable("no base backup has its own WAL")

    def through(self, lsn: Lsn, last: Lsn, timeline: TimelineId | None = None) -> Choice | Unreachable:
        """Recovery that ends at ``lsn`` and reads WAL up to the byte at ``last`` to find that out."""
        if not self.bases:
            return Unreachable("no recovery point is registered")
        earliest = min(base.backup.stop_lsn for base in self.bases)
        if lsn < earliest:
            return Unreachable("it lies before the end of the first base backup", after=earliest)
        lines = self.lines_at(lsn) if timeline is None else (timeline,)
        for base in self.bases:
            for line in lines:
                end = WalSegment.holding(last, line, self.archive.segment_bytes)
                if base.backup.stop_lsn <= lsn and self._leads(base, end):
                    return Choice(base, line, self._segments(base, end))
        return self._hole_before(WalSegment.holding(last, lines[0], self.archive.segment_bytes))

    def lines_at(self, lsn: Lsn) -> tuple[TimelineId, ...]:
        """The timeline on which the present's history has this position, then those whose files may hold it too."""
        history = self.archive.history(self.present)
        ancestors = history.ancestors if history else ()
        return (*(line for line, left_at in ancestors if lsn < left_at), self.present)

    def _leads(self, base: Base, last: WalSegment) -> bool:
        backup = base.backup
        own = self._ending(backup.stop_lsn, backup.stop_timeline)
        if last.number < own.number:
            return False
        return self.archive.missing(backup.start_lsn, backup.timeline, last) == ()

    def _segments(self, base: Base, last: WalSegment) -> tuple[WalSegment, ...]:
        return tuple(self._along(base, last))

    def _along(self, base: Base, last: WalSegment) -> Iterator[WalSegment]:
        route = self.archive.route(base.backup.start_lsn, base.backup.timeline, last.timeline)
        for leg in route or ():
            for number in range(leg.first, (last.number if leg.last is None else leg.last) + 1):
                yield WalSegment(leg.timeline, number, self.archive.segment_bytes)

    def _hole_before(self, last: WalSegment) -> Unreachable:
        """How far the best base backup gets towards ``last``, and where the next one begins behind the hole."""
        backups = [base.backup for base in self.bases]
        ends = [self.archive.reach(each.start_lsn, each.timeline, last.timeline) for each in backups]
        before = max((end.end for end in ends if end is not None and end.number <= last.number), default=None)
        after = min((each.stop_lsn for each in backups if each.stop_lsn > last.start), default=None)
        reason = f"the archive lacks WAL before the end of {last.name}"
        newest = self._last(self.present)
        if newest is not None and last.number > newest.number:
            reason = f"it lies beyond the end of the archive ({newest.end})"
        return Unreachable(reason, before, after)

    def _last(self, timeline: TimelineId) -> WalSegment | None:
        numbers = self.archive.numbers.get(timeline)
        return WalSegment(timeline, max(numbers), self.archive.segment_bytes) if numbers else None

    def _ending(self, lsn: Lsn, timeline: TimelineId) -> WalSegment:
        return WalSegment.ending(lsn, timeline, self.archive.segment_bytes)
