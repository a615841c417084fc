"""What the files of a WAL archive allow: which segments a recovery needs, how far it gets, where the holes are.

Recovery follows one timeline's history: on each ancestor up to the switch point, then on its child. The segment that
holds the switch point is read from the child, which begins with a copy of its parent's part of it.
Formats: PostgreSQL 17 documentation, "Timelines"; ``src/backend/access/transam/timeline.c`` for history files.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Self

from muniment.domain.vault.registers import Backup, RecoveryWindow, WalHole
from muniment.domain.wal.names import Lsn, TimelineId, WalSegment, is_segment


@dataclass(frozen=True, slots=True)
class TimelineHistory:
    """Where a timeline came from: each ancestor with the position at which it was left, oldest first."""

    timeline: TimelineId
    ancestors: tuple[tuple[TimelineId, Lsn], ...] = ()

    @classmethod
    def parse(cls, timeline: TimelineId, text: str) -> Self:
        """Reads a history file: ``<timeline> <LSN> <reason>`` a line. Raises ``ValueError`` for anything else."""
        ancestors = []
        for line in text.splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                number, lsn, *_ = [*line.split(maxsplit=2), ""]
                ancestors.append((int(number), Lsn.parse(lsn)))
        numbers = [number for number, _ in ancestors]
        if numbers != sorted(set(numbers)) or any(number >= timeline for number in numbers):
            message = f"the history of timeline {timeline} names {numbers}, which are not its ancestors in order"
            raise ValueError(message)
        return cls(timeline, tuple(ancestors))

    def left_at(self, ancestor: TimelineId) -> Lsn | None:
        return dict(self.ancestors).get(ancestor)

    def segment(self, number: int, size_bytes: int) -> WalSegment:
        """The segment of this number that recovery along this history reads."""
        own = (line for line, left_at in self.ancestors if number < left_at.offset_bytes // size_bytes)
        return WalSegment(next(own, self.timeline), number, size_bytes)


@dataclass(frozen=True, slots=True)
class Leg:
    """The part of a route that lies on one timeline; ``last`` is ``None`` on the timeline where the route ends."""

    timeline: TimelineId
    first: int
    last: int | None


@dataclass(frozen=True, slots=True)
class Archive:
    """The segments, by number, and the histories that are in one WAL archive."""

    segment_bytes: int
    numbers: Mapping[TimelineId, frozenset[int]]
    histories: Mapping[TimelineId, TimelineHistory]

    @classmethod
    def of(cls, names: Iterable[str], histories: Iterable[TimelineHistory], segment_bytes: int) -> Self:
        """``names`` may hold labels and partial segments: no recovery reads them."""
        numbers: dict[TimelineId, set[int]] = {}
        for name in filter(is_segment, names):
            segment = WalSegment.parse(name, segment_bytes)
            numbers.setdefault(segment.timeline, set()).add(segment.number)
        return cls(
            segment_bytes,
            {timeline: frozenset(found) for timeline, found in numbers.items()},
            {history.timeline: history for history in histories},
        )

    def holds(self, segment: WalSegment) -> bool:
        return segment.number in self.numbers.get(segment.timeline, frozenset())

    def end(self, timeline: TimelineId) -> Lsn:
        """Of its newest segment here."""
        return Lsn((max(self.numbers.get(timeline, ()), default=-1) + 1) * self.segment_bytes)

    def previous(self, segment: WalSegment) -> WalSegment | None:
        """The one that recovery reads before it, on its timeline or an ancestor; ``None`` where it is not here."""
        history = self.history(segment.timeline)
        ancestors = reversed(history.ancestors) if history else ()
        lines = (segment.timeline, *(line for line, left_at in ancestors if left_at >= segment.start))
        found = (WalSegment(line, segment.number - 1, segment.size_bytes) for line in lines)
        return next(filter(self.holds, found), None)

    def history(self, timeline: TimelineId) -> TimelineHistory | None:
        """The first timeline has no history file."""
        return TimelineHistory(1) if timeline == 1 else self.histories.get(timeline)

    def route(self, start: Lsn, timeline: TimelineId, to: TimelineId) -> tuple[Leg, ...] | None:
        """From ``start`` on ``timeline`` onto timeline ``to``; ``None`` where that is no descendant of it any more."""
        if timeline == to:
            return (Leg(to, self._number(start), None),)
        history = self.history(to)
        left_at = history.left_at(timeline) if history else None
        if history is None or left_at is None or left_at < start:
            return None
        legs, first = [], self._number(start)
        for ancestor, switch in history.ancestors:
            if ancestor >= timeline:
                legs.append(Leg(ancestor, first, self._number(switch) - 1))
                first = max(first, self._number(switch))
        return (*legs, Leg(to, first, None))

    def missing(self, start: Lsn, timeline: TimelineId, through: WalSegment) -> tuple[WalSegment, ...] | None:
        """What recovery from ``start`` to the end of ``through`` would lack; ``None`` where no route leads there."""
        route = self.route(start, timeline, through.timeline)
        if route is None:
            return None
        needed = (
            WalSegment(leg.timeline, number, self.segment_bytes)
            for leg in route
            for number in range(leg.first, (through.number if leg.last is None else leg.last) + 1)
        )
        return tuple(segment for segment in needed if not self.holds(segment))

    def reach(self, start: Lsn, timeline: TimelineId, to: TimelineId) -> WalSegment | None:
        """The last segment before the first that is missing on the way; ``None`` where not even the first is there."""
        reached = None
        for segment in self._along(self.route(start, timeline, to) or ()):
            if not self.holds(segment):
                break
            reached = segment
        return reached

    def timelines_after(self, backup: Backup) -> tuple[TimelineId, ...]:
        """The timeline on which the backup ended and every one that branched off it later."""
        own = backup.stop_timeline
        others = (timeline for timeline in sorted(self.histories) if timeline != own)
        return (own, *(timeline for timeline in others if self.leads(backup, timeline)))

    def leads(self, backup: Backup, to: TimelineId) -> bool:
        """Whether the history of timeline ``to`` passes through the end of the backup."""
        return self.passes(backup.stop_lsn, backup.stop_timeline, to)

    def passes(self, lsn: Lsn, timeline: TimelineId, to: TimelineId) -> bool:
        """Whether ``lsn``, as ``timeline`` had it, lies in the history of timeline ``to``."""
        if timeline == to:
            return True
        history = self.history(to)
        left = history.left_at(timeline) if history else None
        return left is not None and left >= lsn

    def _along(self, route: Iterable[Leg]) -> Iterator[WalSegment]:
        for leg in route:
            numbers = count(leg.first) if leg.last is None else range(leg.first, leg.last + 1)
            for number in numbers:
                yield WalSegment(leg.timeline, number, self.segment_bytes)

    def _number(self, lsn: Lsn) -> int:
        return lsn.offset_bytes // self.segment_bytes


@dataclass(frozen=True, slots=True)
class Reach:
    """One backup can be recovered to any position up to the end of ``last``."""

    backup: Backup
    last: WalSegment


def reaches(backups: Iterable[Backup], archive: Archive) -> tuple[Reach, ...]:
    """How far recovery gets, oldest backup first, once for each end: the oldest backup that leads there.

    A backup whose own WAL is incomplete leads nowhere, and a timeline that was left where its child begins has no end
    of its own.
    """
    found: dict[WalSegment, Reach] = {}
    for backup in sorted(backups, key=lambda each: each.stop_lsn):
        ends = [archive.reach(backup.start_lsn, backup.timeline, to) for to in archive.timelines_after(backup)]
        for last in ends:
            if last is not None and last.end >= backup.stop_lsn and not _goes_on(last, ends, archive):
                found.setdefault(last, Reach(backup, last))
    return tuple(found.values())


def reaches_on(backups: Iterable[Backup], archive: Archive, timeline: TimelineId) -> tuple[Reach, ...]:
    """As ``reaches``, along the history of one timeline alone: what others wrote is not the past of this one."""
    found: dict[WalSegment, Reach] = {}
    for backup in sorted(backups, key=lambda each: each.stop_lsn):
        last = archive.reach(backup.start_lsn, backup.timeline, timeline) if archive.leads(backup, timeline) else None
        if last is not None and last.end >= backup.stop_lsn:
            found.setdefault(last, Reach(backup, last))
    return tuple(found.values())


def _goes_on(last: WalSegment, ends: Iterable[WalSegment | None], archive: Archive) -> bool:
    """Whether one of the other ends lies on a child that was reached over ``last``."""
    for end in ends:
        if end is not None and end.timeline != last.timeline:
            history = archive.history(end.timeline)
            left_at = history.left_at(last.timeline) if history else None
            if left_at is not None and last.end <= left_at:
                return True
    return False


def recovery_windows(found: Iterable[Reach], written_at: Mapping[WalSegment, datetime]) -> tuple[RecoveryWindow, ...]:
    """``written_at`` tells when each reach's last segment was complete on the server: the newest commit in it."""
    return tuple(
        RecoveryWindow(
            backup=reach.backup.id,
            timeline=reach.last.timeline,
            start_lsn=reach.backup.stop_lsn,
            end_lsn=reach.last.end,
            start_at=reach.backup.finished_at,
            end_at=written_at[reach.last],
        )
        for reach in found
    )


def holes_between(windows: Iterable[RecoveryWindow]) -> tuple[WalHole, ...]:
    """The times between the first window's start and the last one's end that no window covers."""
    ordered = sorted((window for window in windows if window.end_at), key=lambda window: window.start_at)
    holes: list[WalHole] = []
    covered: datetime | None = None
    for window in ordered:
        if covered is not None and window.start_at > covered:
            holes.append(WalHole(start_at=covered, end_at=window.start_at))
        covered = max(covered or window.start_at, window.end_at or window.start_at)
    return tuple(holes)


def new_holes(holes: Iterable[WalHole], known: Iterable[WalHole]) -> tuple[WalHole, ...]:
    """Those that meet none that is known. A hole grows when the backup behind it expires, and is the same one."""
    known = tuple(known)
    return tuple(
        hole for hole in holes if not any(old.start_at < hole.end_at and hole.start_at < old.end_at for old in known)
    )


def effective_rpo_s(now: datetime, protected_until: datetime) -> float:
    """Seconds of work that would be lost if the server vanished now; never negative, whatever the clocks say."""
    return max(0.0, (now - protected_until).total_seconds())
