"""What is known of WAL that was read back: that its bytes are right, when transactions ended, which points were named.

A record belongs to the segment in which it ends: only with that segment it can be replayed. PostgreSQL takes the time
of commits and of aborts alike, and so does this.
Formats: ``src/include/access/xlog_internal.h`` (page headers), ``src/backend/access/transam/xlogrecovery.c``.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Literal, Self

from pydantic import AwareDatetime

from muniment.domain.record import Record
from muniment.domain.wal.lsn_text import LsnText
from muniment.domain.wal.names import Lsn, WalSegment, is_segment

_LEDGER = re.compile(r"(?P<system>\d+)/\d{8}T\d{9}Z\.(?P<first>[0-9A-F]{16})-(?P<last>[0-9A-F]{16})(\.json)?$")
PAGE_BYTES = 8192  # XLOG_BLCKSZ
_PAGE_HEADER_BYTES, _SEGMENT_HEADER_BYTES = 24, 40
_ALIGNED_TO_BYTES = 8


@dataclass(frozen=True, slots=True)
class WalRecord:
    """``xid`` and ``at`` where it ends a transaction, ``name`` of a restore point, ``tablespace`` that it makes."""

    start: Lsn
    end: Lsn
    xid: int | None = None
    at: datetime | None = None
    name: str | None = None
    tablespace: "MadeTablespace | None" = None


class MadeTablespace(Record):
    """``CREATE TABLESPACE``; ``location`` is the firm's own server's."""

    oid: int
    location: str


class NamedPoint(Record):
    """``pg_create_restore_point``; ``lsn`` is where its record begins."""

    name: str
    lsn: LsnText


class SegmentFacts(Record):
    """One segment's. What is told of transactions is absent where none ended in it."""

    name: str
    ended: int = 0
    """Transactions, however they ended."""
    newest_at: AwareDatetime | None = None
    """The newest end's time; ``last_at`` is that of the last one in the log, which may be a little older."""
    last_at: AwareDatetime | None = None
    lowest_xid: int | None = None
    highest_xid: int | None = None
    restore_points: tuple[NamedPoint, ...] = ()
    tablespaces: tuple[MadeTablespace, ...] | None = None
    """``None``: a ledger of format 2, whose maker did not look for them."""

    def may_end(self, xid: int) -> bool:
        if self.lowest_xid is None or self.highest_xid is None:
            return False
        return self.lowest_xid <= xid <= self.highest_xid


class VerifiedObject(Record):
    """An object as it was when its bytes were found right: what LIST tells of it, so that no HEAD is needed later."""

    name: str
    stored_bytes: int
    modified_at: AwareDatetime


class VerifiedWal(Record):
    """``audit/verified/wal/…``: the WAL files whose header and checksum one run has checked. Never rewritten.

    Format 1 had no ``facts``, format 2 none of tablespaces; they are absent, too, where the worker had no pg_waldump of
    the cluster's version.
    """

    format: Literal[1, 2, 3] = 3
    firm: str
    system_identifier: int
    verified_at: AwareDatetime
    files: tuple[VerifiedObject, ...]
    facts: tuple[SegmentFacts, ...] = ()
    """Of these files' segments, and of one that was verified before where this run brought what comes before it."""


@dataclass(frozen=True, slots=True)
class LedgerSpan:
    """What a ledger's key tells: the cluster, and between which positions all lies that it knows of."""

    system_identifier: int
    first: str
    last: str

    @classmethod
    def parse(cls, key: str) -> Self | None:
        """``key`` may begin anywhere before the system identifier; ``None`` for one that tells nothing."""
        found = _LEDGER.search(key)
        return cls(int(found["system"]), found["first"], found["last"]) if found else None

    @classmethod
    def around(cls, system_identifier: int, names: Iterable[str], otherwise: str) -> Self:
        """``names`` of files; ``otherwise`` is the position where none of them lies anywhere, as history files do."""
        positions = [name[8:24] for name in names if is_segment(name[:24])] or [otherwise]
        return cls(system_identifier, min(positions), max(positions))

    def covers(self, system_identifier: int, position: str) -> bool:
        return system_identifier == self.system_identifier and self.first <= position <= self.last

    def overlaps(self, other: "LedgerSpan") -> bool:
        same = self.system_identifier == other.system_identifier
        return same and self.first <= other.last and other.first <= self.last


def record_end(start: Lsn, length_bytes: int, segment_bytes: int, *, is_switch: bool = False) -> Lsn:
    """Where PostgreSQL says that a record ends: behind its last byte, aligned; a switch ends with its segment."""
    if is_switch:
        return Lsn((start.offset_bytes // segment_bytes + 1) * segment_bytes)
    position, left = start.offset_bytes, length_bytes
    while left > (room := PAGE_BYTES - position % PAGE_BYTES):
        left -= room
        position = next_record(Lsn(position + room), segment_bytes).offset_bytes
    return Lsn(-(-(position + left) // _ALIGNED_TO_BYTES) * _ALIGNED_TO_BYTES)


def next_record(end: Lsn, segment_bytes: int) -> Lsn:
    """Where the record behind ``end`` begins: a page's first bytes are its header."""
    if end.offset_bytes % segment_bytes == 0:
        return Lsn(end.offset_bytes + _SEGMENT_HEADER_BYTES)
    if end.offset_bytes % PAGE_BYTES == 0:
        return Lsn(end.offset_bytes + _PAGE_HEADER_BYTES)
    return end


def same_place(one: Lsn, other: Lsn, segment_bytes: int) -> bool:
    """Whether replay that ended at ``one`` has replayed what replay that ended at ``other`` has."""
    return next_record(one, segment_bytes) == next_record(other, segment_bytes)


def facts_of(records: Iterable[WalRecord], segments: Sequence[WalSegment]) -> tuple[SegmentFacts, ...]:
    """One for each of ``segments``, which follow each other; records that end elsewhere are left out."""
    found = {segment.number: _Tally(segment.name) for segment in segments}
    for record in records:
        tally = found.get((record.end.offset_bytes - 1) // segments[0].size_bytes)
        if tally is not None:
            tally.add(record)
    return tuple(found[segment.number].facts() for segment in segments)


@dataclass(slots=True)
class _Tally:
    """A segment of one-row transactions has 160,000 ends: they are counted as they come by."""

    name: str
    ended: int = 0
    newest_at: datetime | None = None
    last_at: datetime | None = None
    lowest_xid: int | None = None
    highest_xid: int | None = None
    restore_points: list[NamedPoint] = field(default_factory=list)
    tablespaces: list[MadeTablespace] = field(default_factory=list)

    def add(self, record: WalRecord) -> None:
        if record.name is not None:
            self.restore_points.append(NamedPoint(name=record.name, lsn=record.start))
        if record.tablespace is not None:
            self.tablespaces.append(record.tablespace)
        if record.at is None or record.xid is None:
            return
        self.ended += 1
        self.last_at = record.at
        self.newest_at = max(self.newest_at or record.at, record.at)
        self.lowest_xid = min(self.lowest_xid or record.xid, record.xid)
        self.highest_xid = max(self.highest_xid or record.xid, record.xid)

    def facts(self) -> SegmentFacts:
        return SegmentFacts(
            **asdict(self) | {"restore_points": tuple(self.restore_points), "tablespaces": tuple(self.tablespaces)}
        )


def runs(segments: Iterable[WalSegment], longest: int) -> Iterator[tuple[WalSegment, ...]]:
    """Segments that follow each other on one timeline, at most ``longest`` of them."""
    run: list[WalSegment] = []
    for segment in sorted(segments):
        if run and (segment != run[-1].next() or len(run) == longest):
            yield tuple(run)
            run = []
        run.append(segment)
    if run:
        yield tuple(run)
