"""Finds in the WAL where recovery to a target will end, to the record: before anything else is fetched.

PostgreSQL decides at one record. It stops before the first commit or abort that is younger than a target time, behind
the one of a target transaction, behind a restore point, behind the first record that begins at a target LSN or later;
where that record never comes, recovery fails. Source: ``src/backend/access/transam/xlogrecovery.c``,
``recoveryStopsBefore`` and ``recoveryStopsAfter``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from muniment.domain.recovery.backup_choice import Base, Choice, Instant, Restorable, Stop, Unreachable
from muniment.domain.recovery.target import Kind, RecoveryTarget
from muniment.domain.vault.registers import CLOCKS_DIFFER, Point
from muniment.domain.wal.facts import WalRecord
from muniment.domain.wal.names import Lsn, WalSegment
from muniment.runbooks.wal.search_wal import WalSearch

type Found = Choice | Unreachable


@dataclass(frozen=True, slots=True)
class StopFinder:
    """``point`` is the one that a target of that kind names. Raises ``ProgramMissing``, see search_wal."""

    restorable: Restorable
    search: WalSearch
    point: Point | None = None

    def find(self, target: RecoveryTarget) -> Found:
        find: Mapping[Kind, Callable[[RecoveryTarget], Found]] = {
            "latest": lambda _: self._latest(),
            "immediate": lambda _: self.restorable.consistent(),
            "point": lambda _: self._at_totals(),
            "lsn": lambda asked: self._at_lsn(Lsn.parse(asked.value), asked.settings()),
            "time": lambda asked: self._at_time(asked.at, asked.settings()),
            "xid": lambda asked: self._behind_transaction(int(asked.value), asked.settings()),
            "name": lambda asked: self._behind_name(asked.value, asked.settings()),
        }
        return find[target.kind](target)

    def without_reading(self, target: RecoveryTarget) -> Found | None:
        """What listings alone tell: nothing of a time, a transaction or a name."""
        match target.kind:
            case "latest":
                last = max(self._path.values(), key=lambda each: each.number, default=None)
                if last is None:
                    return self._no_wal
                return self.restorable.choose(Stop(last.end, _byte_before(last.end), last.end, is_exact=False))
            case "immediate":
                return self.restorable.consistent()
            case "point" if self.point is not None:
                lsn, line = self.point.control_totals.lsn, self.point.wal.timeline
                return self._own.choose(Stop(lsn, lsn, _byte_behind(lsn), _before(lsn), line, is_exact=False))
            case "lsn":
                lsn = Lsn.parse(target.value)
                return self.restorable.choose(Stop(lsn, lsn, _byte_behind(lsn), target.settings(), is_exact=False))
            case _:
                return None

    @property
    def _path(self) -> Mapping[int, WalSegment]:
        return self.restorable.path(self.restorable.timeline)

    @property
    def _no_wal(self) -> Unreachable:
        return Unreachable(f"the archive holds no WAL that leads to timeline {self.restorable.timeline}")

    def _latest(self) -> Found:
        """The last record that is whole. PostgreSQL is told its position: what is archived later changes nothing."""
        path = self._path
        record = self.search.last_record(path[max(path)]) if path else None
        if record is None:
            return self._no_wal
        settings = {"recovery_target_lsn": str(record.start), "recovery_target_inclusive": "on"}
        return self.restorable.choose(_behind(record, settings))

    def _at_totals(self) -> Found:
        """Control totals see what was committed before their position, and nothing that begins there."""
        assert self.point is not None
        lsn, line = self.point.control_totals.lsn, self.point.wal.timeline
        record = self.search.first_at(lsn, self.restorable.path(line))
        if record is None:
            return self.restorable.why_not(lsn, line)
        return self._own.choose(Stop(record.start, record.start, record.end, _before(lsn), line))

    @property
    def _own(self) -> Restorable:
        """The point's own base backup before all others: another run's may have ended before its totals were read."""
        bases = sorted(self.restorable.bases, key=lambda base: base.point != self.point)
        return replace(self.restorable, bases=bases)

    def _at_lsn(self, lsn: Lsn, settings: Mapping[str, str]) -> Found:
        line = self.restorable.timeline
        ends = [base.backup.stop_lsn for base in self.restorable.leading_to(line)]
        if not ends or lsn < min(ends):
            return self.restorable.why_not(lsn, line)
        record = self.search.first_at(lsn, self._path)
        return self.restorable.choose(_behind(record, settings)) if record else self.restorable.why_not(lsn, line)

    def _at_time(self, at: datetime, settings: Mapping[str, str]) -> Found:
        """Newest base backup first: the WAL tells whether the time lies before its end."""
        later: Base | None = None
        line = self.restorable.timeline
        ways = [
            (base, way) for base in self.restorable.leading_to(line) if (way := self.restorable.stretch(base, line))
        ]
        for base, stretch in ways:
            may_lead = base.backup.finished_at <= at + CLOCKS_DIFFER or base is ways[-1][0]
            if may_lead and not self._is_younger(base, at):
                record = self.search.first_younger(at, stretch, base.backup.start_lsn)
                if record is None:
                    return self._never_younger(stretch[-1], later)
                if record.start >= base.backup.stop_lsn:
                    return self.restorable.choose(Stop(record.start, record.start, record.end, settings))
            later = base
        return Unreachable("it lies before the end of the first base backup", after=later)

    def _is_younger(self, base: Base, at: datetime) -> bool:
        """Whether a base backup of an idle server has transactions that ended after ``at``, before its own WAL begins.

        PostgreSQL would not see them, and silently recover to a later instant than it was asked to.
        """
        newest = self.search.newest_before(base.backup.start_lsn, self._path)
        return newest > at if newest is not None else base.backup.started_at > at

    def _never_younger(self, last: WalSegment, later: Base | None) -> Unreachable:
        if last.number < max(self._path):
            return Unreachable(f"the archive has a hole that begins at {last.end}, and it lies in there", last, later)
        return Unreachable("no transaction ended later, so PostgreSQL could not tell where to stop", last)

    def _behind_transaction(self, xid: int, settings: Mapping[str, str]) -> Found:
        record = self.search.end_of(xid, list(self._path.values()))
        if record is not None:
            return self.restorable.choose(_behind(record, settings))
        return self._unknown(f"transaction {xid}", "has ended", lambda there: self.search.end_of(xid, there))

    def _behind_name(self, name: str, settings: Mapping[str, str]) -> Found:
        named = self.search.named(name, list(self._path.values()))
        record = self.search.first_at(named[-1], self._path) if named else None
        if record is None:
            return self._unknown(f"restore point {name!r}", "is", lambda there: self.search.named(name, there))
        choice = self.restorable.choose(_behind(record, settings))
        if isinstance(choice, Unreachable):
            return choice
        passed = [lsn for lsn in named if lsn >= choice.base.backup.start_lsn]
        if len(passed) > 1:  # PostgreSQL would take the first one
            lsns = ", ".join(map(str, passed))
            return Unreachable(f"there are {len(passed)} restore points {name!r}: choose one by its LSN, {lsns}")
        return choice

    def _unknown(self, what: str, verb: str, find: Callable[[Sequence[WalSegment]], object]) -> Unreachable:
        """``find`` looks for it in the segments that are here and not on the way, one timeline after the other."""
        here, archive, way = self.restorable.timeline, self.restorable.archive, set(self._path.values())
        for line in sorted(archive.numbers, reverse=True):
            held = [WalSegment(line, number, archive.segment_bytes) for number in sorted(archive.numbers[line])]
            if find([segment for segment in held if segment not in way]):
                return Unreachable(f"{what} {verb} on timeline {line}, which is not the past of timeline {here}")
        return Unreachable(f"no {what} {verb} in the WAL that is here")

    def last_end(self, choice: Choice) -> datetime | None:
        """When the last transaction that is replayed ended; ``None`` where none is."""
        return self.search.last_end(choice.segments, choice.base.backup.start_lsn, choice.stop.position)

    def last_instant(self, segment: WalSegment) -> Instant | None:
        """The last position in it that can be asked for, and be reached."""
        record = self.search.last_record(segment)
        choice = self.restorable.choose(_behind(record, {})) if record else None
        return Instant(record.start, self.last_end(choice)) if record and isinstance(choice, Choice) else None


def _behind(record: WalRecord, settings: Mapping[str, str]) -> Stop:
    return Stop(record.end, record.start, record.end, settings)


def _before(lsn: Lsn) -> dict[str, str]:
    return {"recovery_target_lsn": str(lsn), "recovery_target_inclusive": "off"}


def _byte_before(lsn: Lsn) -> Lsn:
    return Lsn(lsn.offset_bytes - 1)


def _byte_behind(lsn: Lsn) -> Lsn:
    return Lsn(lsn.offset_bytes + 1)
