"""Positions and files of PostgreSQL's write-ahead log.

Formats: PostgreSQL 17 documentation, "WAL Internals", and ``src/include/access/xlog_internal.h``
(``XLogLongPageHeaderData``, ``XLogFileName``).
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

_LSN = re.compile(r"([0-9A-F]{1,8})/([0-9A-F]{1,8})")
_SEGMENT = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})")
_HISTORY = re.compile(r"([0-9A-F]{8})\.history")
_LABEL = re.compile(r"([0-9A-F]{24})\.([0-9A-F]{8})\.backup")
_PARTIAL = re.compile(r"([0-9A-F]{24})\.partial")
# xlp_magic, xlp_info, xlp_tli, xlp_pageaddr, xlp_rem_len, padding, xlp_sysid, xlp_seg_size, xlp_xlog_blcksz
_LONG_HEADER = struct.Struct("=HHIQI4xQII")
_LONG_HEADER_FLAG = 0x0002
MAGIC_OF_MAJOR = {0xD110: 15, 0xD113: 16, 0xD116: 17, 0xD118: 18}

type SystemIdentifier = int
type TimelineId = int


@dataclass(frozen=True, slots=True, order=True)
class Lsn:
    """A byte position in the WAL, written by PostgreSQL as ``16/B374D848``."""

    offset_bytes: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ``ValueError`` for anything that PostgreSQL's ``pg_lsn`` would not print."""
        match = _LSN.fullmatch(text)
        if not match:
            message = f"{text!r} is not an LSN like 16/B374D848"
            raise ValueError(message)
        high, low = (int(part, 16) for part in match.groups())
        return cls(high << 32 | low)

    def __str__(self) -> str:
        return f"{self.offset_bytes >> 32:X}/{self.offset_bytes & 0xFFFFFFFF:X}"

    def bytes_since(self, earlier: Self) -> int:
        return self.offset_bytes - earlier.offset_bytes


@dataclass(frozen=True, slots=True, order=True)
class WalSegment:
    """One WAL file: ``number`` counts segments of ``size_bytes`` from the beginning of the log."""

    timeline: TimelineId
    number: int
    size_bytes: int

    @classmethod
    def parse(cls, name: str, size_bytes: int) -> Self:
        match = _SEGMENT.fullmatch(name)
        if not match:
            message = f"{name!r} is not a WAL segment's name (24 hexadecimal digits)"
            raise ValueError(message)
        timeline, high, low = (int(part, 16) for part in match.groups())
        return cls(timeline, high * (0x1_0000_0000 // size_bytes) + low, size_bytes)

    @classmethod
    def holding(cls, lsn: Lsn, timeline: TimelineId, size_bytes: int) -> Self:
        """The segment in which the byte at ``lsn`` lies."""
        return cls(timeline, lsn.offset_bytes // size_bytes, size_bytes)

    @classmethod
    def ending(cls, lsn: Lsn, timeline: TimelineId, size_bytes: int) -> Self:
        """The last segment needed to reach ``lsn``: at a segment's first byte, the one before it."""
        return cls(timeline, (lsn.offset_bytes - 1) // size_bytes, size_bytes)

    @property
    def name(self) -> str:
        per_log = 0x1_0000_0000 // self.size_bytes
        return f"{self.timeline:08X}{self.number // per_log:08X}{self.number % per_log:08X}"

    @property
    def start(self) -> Lsn:
        return Lsn(self.number * self.size_bytes)

    @property
    def end(self) -> Lsn:
        return Lsn((self.number + 1) * self.size_bytes)

    def next(self) -> "WalSegment":
        return WalSegment(self.timeline, self.number + 1, self.size_bytes)

    def through(self, last: "WalSegment") -> Iterator["WalSegment"]:
        """This segment and each that follows on the same timeline up to and including ``last``."""
        for number in range(self.number, last.number + 1):
            yield WalSegment(self.timeline, number, self.size_bytes)


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """The first page's long header of a WAL segment."""

    magic: int
    timeline: TimelineId
    start: Lsn
    system_identifier: SystemIdentifier
    size_bytes: int

    @classmethod
    def parse(cls, head: bytes) -> Self:
        """Reads the first 40 bytes; raises ``ValueError`` where they are not a long page header."""
        if len(head) < _LONG_HEADER.size:
            message = f"it has only {len(head)} bytes"
            raise ValueError(message)
        magic, info, timeline, address, _, system, size, _ = _LONG_HEADER.unpack_from(head)
        if magic not in MAGIC_OF_MAJOR:
            message = f"its magic number is {magic:#06x}, which is no supported PostgreSQL's"
            raise ValueError(message)
        if not info & _LONG_HEADER_FLAG:
            message = "its first page has no long header"
            raise ValueError(message)
        return cls(magic, timeline, Lsn(address), system, size)

    def fault(self, name: str, system_identifier: SystemIdentifier, length_bytes: int) -> str | None:
        """Why this segment cannot be ``name`` of that cluster, or ``None`` when it is."""
        if self.system_identifier != system_identifier:
            return f"it belongs to cluster {self.system_identifier}, not {system_identifier}"
        if length_bytes != self.size_bytes:
            return f"it has {length_bytes} bytes, its header says {self.size_bytes}"
        segment = WalSegment.parse(name[:24], self.size_bytes)
        if self.start != segment.start:
            return f"it begins at {self.start}, its name says {segment.start}"
        if self.timeline > segment.timeline:
            return f"it was written on timeline {self.timeline}, its name says {segment.timeline}"
        return None


def history_name(timeline: TimelineId) -> str:
    return f"{timeline:08X}.history"


def is_segment(name: str) -> bool:
    return bool(_SEGMENT.fullmatch(name))


def is_history(name: str) -> bool:
    return bool(_HISTORY.fullmatch(name))


def is_label(name: str) -> bool:
    return bool(_LABEL.fullmatch(name))


def is_archivable(name: str) -> bool:
    """Whether PostgreSQL would ever hand this file name to ``archive_command``."""
    return any(pattern.fullmatch(name) for pattern in (_SEGMENT, _HISTORY, _LABEL, _PARTIAL))
