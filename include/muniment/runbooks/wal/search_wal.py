"""Looks things up in an archive's WAL: by what the ledgers tell of each segment, else in the segments themselves.

Every look-up that has to read raises ``ProgramMissing`` where this machine has no pg_waldump of the cluster's version.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import batched

from muniment.domain.wal.facts import SegmentFacts, WalRecord, runs
from muniment.domain.wal.names import Lsn, WalSegment
from muniment.runbooks.wal.read_wal import WalReader

# A record ends in the segment in which it begins or in one of the next two; only giants are longer.
_SEGMENTS_A_RECORD = 3


@dataclass(frozen=True, slots=True)
class WalSearch:
    """``known`` is what the ledgers tell, by segment name; ``found`` what had to be read."""

    reader: WalReader
    known: Mapping[str, SegmentFacts]
    found: dict[str, SegmentFacts] = field(default_factory=dict)

    def facts(
        self, segments: Sequence[WalSegment], *, newest_first: bool = False
    ) -> Iterator[tuple[WalSegment, SegmentFacts]]:
        """In the order given. Several are read at once where they must be, and no more than are asked for."""
        ordered = list(reversed(segments)) if newest_first else segments
        for some in batched(ordered, self.reader.longest_run):
            self._read(some)
            for segment in some:
                yield segment, self.found.get(segment.name) or self.known[segment.name]

    def _read(self, segments: Sequence[WalSegment]) -> None:
        unknown = [each for each in segments if each.name not in self.found and each.name not in self.known]
        for run in runs(unknown, self.reader.longest_run):
            self.found.update({facts.name: facts for facts in self.reader.facts(run)})
            self.reader.drop(run[:-1])

    def first_younger(self, at: datetime, segments: Sequence[WalSegment], start: Lsn) -> WalRecord | None:
        """The first commit or abort after ``at`` among the records that begin at ``start`` or later."""
        for segment, facts in self.facts(segments):
            if facts.newest_at is not None and facts.newest_at > at:
                for record in self.endings(segment):
                    if record.at is not None and record.at > at and record.start >= start:
                        return record
        return None

    def newest_before(self, start: Lsn, path: Mapping[int, WalSegment]) -> datetime | None:
        """Of the transactions that ended before ``start``, as far back as it takes to find one; ``None``: none."""
        number = start.offset_bytes // self.reader.archive.segment_bytes
        if number in path:
            earlier = (each.at for each in self.endings(path[number]) if each.end <= start and each.at is not None)
            if (at := max(earlier, default=None)) is not None:
                return at
        before = []
        while (number := number - 1) in path:
            before.append(path[number])
        return next((facts.newest_at for _, facts in self.facts(before) if facts.newest_at is not None), None)

    def end_of(self, xid: int, segments: Sequence[WalSegment]) -> WalRecord | None:
        """Newest first: a transaction's number comes again after four billion."""
        for segment, facts in self.facts(segments, newest_first=True):
            if facts.may_end(xid):
                for record in self.endings(segment):
                    if record.xid == xid:
                        return record
        return None

    def named(self, name: str, segments: Sequence[WalSegment]) -> list[Lsn]:
        """Where each restore point of that name has its record."""
        points = (point for _, facts in self.facts(segments) for point in facts.restore_points)
        return [point.lsn for point in points if point.name == name]

    def last_end(self, segments: Sequence[WalSegment], start: Lsn, end: Lsn) -> datetime | None:
        """When the last transaction ended between ``start``, in the first segment, and ``end``; ``None``: none did."""
        within = [segment for segment in segments if segment.start < end]
        if not within:
            return None
        # The two at the ends are replayed in part, so what is known of them as a whole is not enough.
        first, middle, final = within[0], within[1:-1], within[-1]
        at = self._last_end_in(final, start, end)
        known = (facts.last_at for _, facts in self.facts(middle, newest_first=True) if facts.last_at is not None)
        return at or next(known, None) or self._last_end_in(first, start, end)

    def _last_end_in(self, segment: WalSegment, start: Lsn, end: Lsn) -> datetime | None:
        newest = None
        for record in self.endings(segment):
            if record.at is not None and start <= record.start and record.end <= end:
                newest = record.at
        return newest

    def endings(self, segment: WalSegment) -> Iterator[WalRecord]:
        """Of the records that end in it: ends of transactions, and restore points."""
        with self.reader.dump(self._with_previous(segment)) as (dump, first, last):
            for record in dump.endings(first, last):
                if segment.start < record.end <= segment.end:
                    yield record

    def first_at(self, lsn: Lsn, path: Mapping[int, WalSegment]) -> WalRecord | None:
        """The first record on the way that begins at ``lsn`` or behind it; ``None`` where its segment is not here."""
        number = lsn.offset_bytes // self.reader.archive.segment_bytes
        route: list[WalSegment] = []
        while number in path and len(route) < _SEGMENTS_A_RECORD:
            route.append(path[number])
            number += 1
        if not route:
            return None
        with self.reader.dump(route) as (dump, first, last):
            return dump.first_at(lsn, first, last)

    def last_record(self, segment: WalSegment) -> WalRecord | None:
        """The last one that is there whole."""
        with self.reader.dump(self._with_previous(segment)) as (dump, first, last):
            return dump.last(first, last)

    def _with_previous(self, segment: WalSegment) -> list[WalSegment]:
        before = self.reader.archive.previous(segment)
        return [*([before] if before else ()), segment]
