"""Which base backup, timeline and WAL lead to where recovery is to end, decided from what one vault holds.

A target is looked up in the history of the timeline that serves, or of the one that was asked for: a position that only
another branch has is not its past. A recovery point alone names its own timeline.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.recovery.timelines import Timelines
from muniment.domain.recovery.wal_coverage import Archive
from muniment.domain.vault.registers import Backup, Point
from muniment.domain.wal.names import Lsn, TimelineId, WalSegment


@dataclass(frozen=True, slots=True)
class Base:
    """A recovery point with its base backup and all that this builds on, the full one first."""

    point: Point
    chain: tuple[Backup, ...]

    @property
    def backup(self) -> Backup:
        return self.chain[-1]

    @property
    def is_damaged(self) -> bool:
        """PostgreSQL found damaged pages in it, and a person took it all the same."""
        return any(backup.damaged for backup in self.chain)


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
    timelines: Timelines
    asked: TimelineId | None = None

    @property
    def timeline(self) -> TimelineId:
        """In whose history a target is looked up."""
        return self.timelines.serving if self.asked is None else self.asked

    def may_lie_before(self, target: RecoveryTarget) -> bool:
        """Whether a target that nothing here leads to may be of a cluster before this one. The end of what is here, a
        position or a time behind its first base backup is not."""
        match target.kind:
            case "lsn":
                return Lsn.parse(target.value) < min(base.backup.stop_lsn for base in self.bases)
            case "time":
                return target.at < min(base.backup.finished_at for base in self.bases)
            case kind:
                return kind in {"xid", "name"}

    def leading_to(self, line: TimelineId) -> tuple[Base, ...]:
        """The base backups, newest first, that lie in the past of this timeline."""
        return tuple(base for base in self.bases if self.archive.leads(base.backup, line))

    def others(self, line: TimelineId) -> tuple[TimelineId, ...]:
        """The timelines on which more was written than lies in the past of ``line``, or something else."""
        history = self.archive.history(line)
        passed = dict(history.ancestors) if history else {}
        return tuple(
            other
            for other in sorted(self.timelines.seen)
            if other != line and (other not in passed or self.archive.end(other) > passed[other])
        )

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
        """The end of the newest base backup in this history whose own WAL is there."""
        for base in _sound_first(self.leading_to(self.timeline)):
            end, timeline = base.backup.stop_lsn, base.backup.stop_timeline
            last = self._ending(end, timeline)
            if self._leads(base, last):
                stop = Stop(end, end, end, {"recovery_target": "immediate"}, timeline)
                return Choice(base, timeline, tuple(self._along(base, last)), stop)
        return Unreachable(f"the archive has the own WAL of no base backup that leads to timeline {self.timeline}")

    def choose(self, stop: Stop) -> Choice | Unreachable:
        """The newest base backup that had ended at ``stop``, and from which no WAL is missing on the way.

        One that names damaged files only where no sound one leads there.
        """
        lines = self._lines_at(stop.record) if stop.timeline is None else (stop.timeline,)
        for base in _sound_first(self.bases):
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
        bases = self.leading_to(line)
        first = min(bases, key=lambda base: base.backup.stop_lsn, default=None)
        if first is None:
            return Unreachable(f"no base backup leads to timeline {line}")
        if position < first.backup.stop_lsn:
            return Unreachable("it lies before the end of the first base backup", after=first)
        ends = [reached[-1] for base in bases if (reached := self.stretch(base, line))]
        before = max((end for end in ends if end.number <= segment.number), key=lambda end: end.number, default=None)
        behind = [base for base in bases if base.backup.stop_lsn > position and self.stretch(base, line)]
        after = min(behind, key=lambda base: base.backup.stop_lsn, default=None)
        last = max(self.path(line), default=None)
        if last is None or segment.number > last or (before is not None and before.number == last):
            return Unreachable(self._beyond(segment), before, after)
        return Unreachable(f"the archive has a hole between {before.end if before else 'there'} and it", before, after)

    def _beyond(self, segment: WalSegment) -> str:
        numbers = self.archive.numbers
        others = [line for line in sorted(numbers) if line != segment.timeline and segment.number in numbers[line]]
        if others:
            here, other = segment.timeline, others[-1]
            history = self.archive.history(here)
            left = history is not None and history.left_at(other) is not None
            why = f"timeline {here} left it before" if left else f"it is not the past of timeline {here}"
            return f"only timeline {other} got that far, and {why}"
        return "it lies behind the end of the archive"

    def _lines_at(self, lsn: Lsn) -> tuple[TimelineId, ...]:
        """The timeline on which this history has the position, then those whose files may hold it too."""
        history = self.archive.history(self.timeline)
        ancestors = history.ancestors if history else ()
        return (*(line for line, left_at in ancestors if lsn < left_at), self.timeline)

    def _leads(self, base: Base, last: WalSegment) -> bool:
        backup = base.backup
        if not self.archive.leads(backup, last.timeline):
            return False
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


def _sound_first(bases: Iterable[Base]) -> list[Base]:
    return sorted(bases, key=lambda base: base.is_damaged)


@dataclass(frozen=True, slots=True)
class Instant:
    """A position that can be asked for, and when the last transaction before it ended."""

    lsn: Lsn
    at: datetime | None = None

    def __str__(self) -> str:
        return f"{self.lsn} ({self.at:%Y-%m-%d %H:%M:%S.%f} UTC)" if self.at else str(self.lsn)
