"""CREATE TABLESPACE in WAL that PostgreSQL wrote or that is laid out here byte by byte, over every border there is."""

import struct
from collections.abc import Iterator

import pytest
from crc32c import crc32c

from muniment.domain.wal.facts import PAGE_BYTES
from muniment.domain.wal.tablespaces import Creation, emptied
from tests.support.wal_records import Log, creation, record

PLACE = "/srv/firm/matters"


def stream(segments: list[bytes]) -> bytes:
    whole = b"".join(segments)
    pages = (whole[at : at + PAGE_BYTES] for at in range(0, len(whole), PAGE_BYTES))
    return b"".join(page[40 if page[2] & 2 else 24 :] for page in pages)


def records(segments: list[bytes]) -> list[bytes]:
    """Each whole record, its checksum right: as PostgreSQL would replay them."""
    found, at, all_of_it = [], 0, stream(segments)
    while at < len(all_of_it) and (length := struct.unpack_from("=I", all_of_it, at)[0]):
        each = all_of_it[at : at + length]
        assert struct.unpack_from("=I", each, 20)[0] == crc32c(each[:20], crc32c(each[24:])), f"at {at}"
        found.append(each)
        at += -(-length // 8) * 8
    return found


@pytest.mark.parametrize("ahead", [b"", b"\xfd\x01\x00", b"\xfc\x05\x00\x00\x00", b"\xfd\x01\x00\xfc\x05\x00\x00\x00"])
@pytest.mark.parametrize("place", ["/", PLACE, "/" + "x" * 300, "/" + "ü" * 400])
def test_the_path_is_emptied_and_nothing_else(place: str, ahead: bytes) -> None:
    log = Log().put(record(10, b"before")).put(creation(place, ahead=ahead)).put(record(10, b"behind"))
    segment = log.segments()[0]
    told = emptied(segment)
    assert told.creations == (Creation(16389, place),)
    before, made, behind = records([told.content])
    assert (before, behind) == (record(10, b"before"), record(10, b"behind"))
    assert made[:20] == creation(place, ahead=ahead)[:20]
    room = len(place.encode()) + 1
    assert made.endswith(struct.pack("=I", 16389) + bytes(room))
    assert emptied(told.content).content == told.content, "and once is enough"
    undone = bytearray(told.content)
    for change in told.changes:
        assert undone[change.offset : change.offset + len(change.becomes)] == change.becomes
        undone[change.offset : change.offset + len(change.was)] = change.was
    assert bytes(undone) == segment


@pytest.mark.parametrize("left", range(8, 80, 8))
def test_a_record_over_the_border_of_two_pages(left: int) -> None:
    """Its header, its OID or its path may be cut in two."""
    log = Log().put(record(10, bytes(PAGE_BYTES - 40 - 24 - 5 - left))).put(creation()).put(record(10, b"behind"))
    told = emptied(log.segments()[0])
    assert told.creations == (Creation(16389, PLACE),)
    assert records([told.content])[1].endswith(bytes(len(PLACE) + 1))


@pytest.mark.parametrize("left", range(8, 48, 8))
def test_a_record_over_the_border_of_two_segments(left: int) -> None:
    """Each of the two is changed alone, and together they hold one record that is right."""
    first, second = Log().fill_until(left).put(creation()).put(record(10, b"behind")).segments()
    one, two = emptied(first, behind=[second]), emptied(second, before=[first])
    assert one.creations == two.creations == (Creation(16389, PLACE),)
    assert PLACE.encode()[:9] not in stream([one.content, two.content])
    assert records([one.content, two.content])[-2:][0].endswith(bytes(len(PLACE) + 1))


def test_what_another_timeline_has_there_is_told_apart_by_the_checksum() -> None:
    first, second = Log().fill_until(32).put(creation()).segments()
    _, another = Log().fill_until(32).put(creation("/srv/another/firm")).segments()
    assert emptied(first, behind=[another, second]) == emptied(first, behind=[second])
    assert emptied(first, behind=[another]).content == first
    assert emptied(first).content == first, "the archive ends here: half a record is never replayed"


def test_a_row_that_looks_like_the_record_is_no_record() -> None:
    """Somebody keeps WAL in a table; a change would spoil the checksum of the record that holds the row."""
    row = bytes(3) + creation()
    log = Log().put(record(10, row)).put(record(10, bytes(300) + b"\0" * 3 + creation()))
    segment = log.segments()[0]
    assert creation() in segment
    assert emptied(segment).content == segment


def test_other_records_of_tablespaces_and_of_others_stay() -> None:
    drop = record(5, struct.pack("=I", 16389), info=0x10)
    named = record(5, struct.pack("=I", 16389) + b"\0")
    log = Log().put(drop).put(named).put(record(4, struct.pack("=I", 16389) + b"/srv/firm\0"))
    assert emptied(log.segments()[0]).content == log.segments()[0]


def test_neighbours_are_not_asked_for_without_a_reason() -> None:
    def nobody() -> Iterator[bytes]:
        pytest.fail("it was asked for")
        yield b""

    segments = Log().fill_until(400).put(record(10, bytes(3 * PAGE_BYTES))).put(record(10, b"behind")).segments()
    for segment in segments:
        assert emptied(segment, before=nobody(), behind=nobody()).content == segment
