"""What WAL says of tablespaces, told so that it leads nowhere outside of the data directory that replays it.

The record of CREATE TABLESPACE holds the absolute path of the firm's own server. Whoever replays it makes its own
pg_tblspc/<oid> a link to that path, where the live cluster may well have its files. No setting changes that; but where
the path is empty, PostgreSQL (since 15) makes a folder pg_tblspc/<oid> instead, and leaves a link that is there alone.
So the path is emptied in the segments that a restored server is given: zeros of the same length, and the record's
checksum anew. ADR 16 tells more. No archive is given such a segment.

Formats: ``src/include/access/xlogrecord.h``, ``xlog_internal.h`` and ``commands/tablespace.h``. Headers of pages lie
between a record's bytes, and a record may go on in the next segment: on its first page, since it is short.
"""

import re
import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from crc32c import crc32c

from muniment.domain.wal.facts import PAGE_BYTES

# xlp_magic, xlp_info, xlp_tli, xlp_pageaddr, xlp_rem_len
_PAGE = struct.Struct("=HHIQI")
_IS_CONTINUED, _IS_LONG = 0x0001, 0x0002
_PAGE_HEADER_BYTES, _SEGMENT_HEADER_BYTES = 24, 40
# xl_tot_len, xl_xid, xl_prev, xl_info, xl_rmid, padding, xl_crc
_HEADER_BYTES, _INFO_AT, _MANAGER_AT, _CHECKSUM_AT = 24, 16, 17, 20
_ALIGNED_TO_BYTES = 8
_CREATE, _MANAGER = 0x00, b"\x05\x00\x00"  # XLOG_TBLSPC_CREATE of RM_TBLSPC_ID, and the padding
# Behind it: the checksum; perhaps an origin and the outer transaction; the data's length; the OID, and the path.
# A pattern that begins with plain bytes is searched ten times as fast.
_CREATION = re.compile(_MANAGER + rb".{4}(?:\xfd..)?(?:\xfc.{4})?(?:\xff.|\xfe.{4})(.{4})/", re.DOTALL)
_LONGEST_PATH_BYTES = 1024  # MAXPGPATH
_LENGTHS = range(_HEADER_BYTES + 8, _HEADER_BYTES + 3 + 5 + 5 + 4 + _LONGEST_PATH_BYTES + 1)


@dataclass(frozen=True, slots=True)
class Creation:
    """``location`` is the firm's."""

    oid: int
    location: str


@dataclass(frozen=True, slots=True)
class Change:
    """Of a segment's bytes at ``offset``."""

    offset: int
    was: bytes
    becomes: bytes


@dataclass(frozen=True, slots=True)
class Emptied:
    """A segment in which no record of CREATE TABLESPACE names a path, and what had to be changed for that."""

    content: bytes
    creations: tuple[Creation, ...]
    changes: tuple[Change, ...]


def emptied(segment: bytes, before: Iterable[bytes] = (), behind: Iterable[bytes] = ()) -> Emptied:
    """``segment`` as a restored server may replay it.

    ``before`` and ``behind``: what may lie there, on whichever timeline, as it was archived. They are asked only where
    a record seems to come from there, or to go on there; the record's checksum tells which one is right.
    """
    found = list(_creations(segment))
    if _comes_from_before(segment):
        edges = (each[-PAGE_BYTES:] + segment[:PAGE_BYTES] for each in before)
        found += _first_over_edge(edges, -PAGE_BYTES)
    if _goes_on_behind(segment):
        edges = (segment[-PAGE_BYTES:] + each[:PAGE_BYTES] for each in behind)
        found += _first_over_edge(edges, len(segment) - PAGE_BYTES)
    changes = [change for _, changes in found for change in changes if 0 <= change.offset < len(segment)]
    content = bytearray(segment) if changes else segment
    for change in changes:
        content[change.offset : change.offset + len(change.becomes)] = change.becomes  # type: ignore[index]
    return Emptied(bytes(content), tuple(creation for creation, _ in found), tuple(changes))


type _Found = tuple[Creation, list[Change]]


def _first_over_edge(edges: Iterable[bytes], shift: int) -> list[_Found]:
    """Of two pages, in the one segment's offsets. A page of another history leaves the record's checksum unproven."""
    for pages in edges:
        found = list(_creations(pages, over=PAGE_BYTES))
        if found:
            return [
                (each, [Change(at.offset + shift, at.was, at.becomes) for at in changes]) for each, changes in found
            ]
    return []


def _creations(raw: bytes, over: int = 0) -> Iterator[_Found]:
    """Of whole records in these pages; with ``over``, of those alone that lie on both sides of that offset."""
    pages = _Pages(raw)
    for found in _CREATION.finditer(pages.stream):
        start = found.start() - _MANAGER_AT
        record = _proven_record(pages.stream, start)
        if record is None or not pages.has_record_at(start):
            continue
        path_at = found.end() - 1 - start
        becomes = _with_checksum(record[:path_at] + bytes(len(record) - path_at))
        changes = list(pages.changes(start, record, becomes))
        if over and not changes[0].offset < over <= changes[-1].offset:
            continue
        location = record[path_at:].split(b"\0", 1)[0].decode(errors="surrogateescape")
        yield Creation(struct.unpack("=I", found[1])[0], location), changes


def _proven_record(stream: bytes, start: int) -> bytes | None:
    """Whatever looks like the record, its checksum tells."""
    if start < 0 or start % _ALIGNED_TO_BYTES:
        return None
    length = struct.unpack_from("=I", stream, start)[0]
    record = stream[start : start + length]
    if length not in _LENGTHS or len(record) != length or record[_INFO_AT] & 0xF0 != _CREATE:
        return None
    return record if record == _with_checksum(record) else None


def _with_checksum(record: bytes) -> bytes:
    """It covers what is behind the header first."""
    checksum = crc32c(record[:_CHECKSUM_AT], crc32c(record[_HEADER_BYTES:]))
    return record[:_CHECKSUM_AT] + struct.pack("=I", checksum) + record[_HEADER_BYTES:]


class _Pages:
    """WAL pages that follow each other, as one stream of records."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._headers: list[int] = []
        self._begins = [0]
        parts = []
        for page in range(0, len(raw), PAGE_BYTES):
            header = _header_bytes(raw[page : page + 4])
            parts.append(raw[page + header : page + PAGE_BYTES])
            self._headers.append(header)
            self._begins.append(self._begins[-1] + len(parts[-1]))
        self.stream = b"".join(parts)

    def has_record_at(self, at: int) -> bool:
        """From record to record on its page: a row may hold what looks like a record, a page's header tells."""
        page = bisect_right(self._begins, at) - 1
        left = _PAGE.unpack_from(self._raw, page * PAGE_BYTES)[4]
        position = self._begins[page] + _aligned(left)
        while position < at:
            position += max(_HEADER_BYTES, _aligned(struct.unpack_from("=I", self.stream, position)[0]))
        return position == at

    def changes(self, at: int, was: bytes, becomes: bytes) -> Iterator[Change]:
        """Of the bytes at ``at`` of the stream, in the pages' own offsets, a page at a time."""
        while was:
            page = bisect_right(self._begins, at) - 1
            room = self._begins[page + 1] - at
            offset = page * PAGE_BYTES + self._headers[page] + at - self._begins[page]
            yield Change(offset, was[:room], becomes[:room])
            at, was, becomes = at + room, was[room:], becomes[room:]


def _aligned(length: int) -> int:
    return -(-length // _ALIGNED_TO_BYTES) * _ALIGNED_TO_BYTES


def _header_bytes(head: bytes) -> int:
    return _SEGMENT_HEADER_BYTES if head[2] & _IS_LONG else _PAGE_HEADER_BYTES


def _comes_from_before(segment: bytes) -> bool:
    """Whether a record that ends here may be one: it ends with a path's end, and its path may have begun before."""
    _, info, _, _, left = _PAGE.unpack_from(segment)
    if not info & _IS_CONTINUED or left > _LENGTHS[-1]:
        return False
    rest = segment[_SEGMENT_HEADER_BYTES : _SEGMENT_HEADER_BYTES + left]
    return rest.endswith(b"\0") and (b"/" in rest or b"\0" not in rest[:-1])


def _goes_on_behind(segment: bytes) -> bool:
    """Whether a record that begins here may be one, as far as it is here."""
    tail = _Pages(segment[-PAGE_BYTES:]).stream
    for start in range(max(0, len(tail) - _LENGTHS[-1]) // _ALIGNED_TO_BYTES * _ALIGNED_TO_BYTES, len(tail), 8):
        length = struct.unpack_from("=I", tail, start)[0]
        manager = tail[start + _MANAGER_AT : start + _CHECKSUM_AT]
        if length in _LENGTHS and start + length > len(tail) and (len(manager) < 3 or manager == _MANAGER):
            return True
    return False
