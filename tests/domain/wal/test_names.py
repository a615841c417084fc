"""LSNs, segment names and segment headers."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.wal.names import Lsn, SegmentHeader, WalSegment, is_archivable, is_history, is_segment

SIZES = st.sampled_from([2**power for power in range(20, 31)])
SIXTEEN_MIB = 16 * 2**20


@given(st.integers(0, 2**64 - 1))
def test_an_lsn_survives_its_text(offset: int) -> None:
    assert Lsn.parse(str(Lsn(offset))) == Lsn(offset)


@pytest.mark.parametrize("text", ["", "0", "1/2/3", "g/0", "0/123456789", "16/b374d848", " 0/0"])
def test_text_that_postgresql_would_not_print_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an LSN like 16/B374D848"):
        Lsn.parse(text)


@given(st.integers(1, 2**32 - 1), st.integers(0, 2**32 - 1), SIZES)
def test_a_segment_survives_its_name(timeline: int, number: int, size: int) -> None:
    segment = WalSegment(timeline, number, size)
    assert WalSegment.parse(segment.name, size) == segment


def test_names_are_those_of_postgresql() -> None:
    """pg_walfile_name('16/B374D848') with 16 MiB and with 1 GiB segments."""
    assert WalSegment.holding(Lsn.parse("16/B374D848"), 1, SIXTEEN_MIB).name == "0000000100000016000000B3"
    assert WalSegment.holding(Lsn.parse("16/B374D848"), 1, 2**30).name == "000000010000001600000002"


def test_the_segment_that_ends_at_a_boundary_is_the_one_before_it() -> None:
    boundary = Lsn(3 * SIXTEEN_MIB)
    assert WalSegment.holding(boundary, 1, SIXTEEN_MIB).number == 3
    assert WalSegment.ending(boundary, 1, SIXTEEN_MIB).number == 2


def test_through_walks_over_the_end_of_a_log_file() -> None:
    first = WalSegment.parse("0000000100000000000000FE", SIXTEEN_MIB)
    last = WalSegment.parse("000000010000000100000001", SIXTEEN_MIB)
    assert [segment.name[8:] for segment in first.through(last)] == [
        "00000000000000FE",
        "00000000000000FF",
        "0000000100000000",
        "0000000100000001",
    ]


def header(magic: int = 0xD116, info: int = 2, timeline: int = 1, system: int = 7, size: int = SIXTEEN_MIB) -> bytes:
    return struct.pack("=HHIQI4xQII", magic, info, timeline, 5 * size, 0, system, size, 8192)


def test_a_header_says_whose_segment_it_is() -> None:
    parsed = SegmentHeader.parse(header())
    assert (parsed.system_identifier, parsed.timeline, parsed.start) == (7, 1, Lsn(5 * SIXTEEN_MIB))
    assert parsed.fault("000000010000000000000005", 7, SIXTEEN_MIB) is None


@pytest.mark.parametrize(
    ("name", "system", "length", "fault"),
    [
        ("000000010000000000000005", 8, SIXTEEN_MIB, "it belongs to cluster 7, not 8"),
        ("000000010000000000000005", 7, 100, "it has 100 bytes, its header says 16777216"),
        ("000000010000000000000006", 7, SIXTEEN_MIB, "it begins at 0/5000000, its name says 0/6000000"),
        ("000000010000000000000005.partial", 7, SIXTEEN_MIB, None),
        ("000000020000000000000005", 7, SIXTEEN_MIB, None),
    ],
)
def test_a_segment_under_a_wrong_name_is_named(name: str, system: int, length: int, fault: str | None) -> None:
    assert SegmentHeader.parse(header()).fault(name, system, length) == fault


def test_a_segment_of_a_later_timeline_than_its_name_is_refused() -> None:
    fault = SegmentHeader.parse(header(timeline=3)).fault("000000020000000000000005", 7, SIXTEEN_MIB)
    assert fault == "it was written on timeline 3, its name says 2"


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"\0" * 39, "it has only 39 bytes"),
        (b"\0" * 40, "its magic number is 0x0000, which is no supported PostgreSQL's"),
        (header(info=0), "its first page has no long header"),
    ],
)
def test_what_is_not_wal_is_refused(head: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        SegmentHeader.parse(head)


def test_only_names_that_the_archiver_uses_are_archivable() -> None:
    assert is_segment("000000010000000000000005")
    assert is_history("00000002.history")
    assert all(
        is_archivable(name)
        for name in ("00000002.history", "000000010000000000000005.00000028.backup", "000000010000000000000005.partial")
    )
    assert not any(is_archivable(name) for name in ("../x", "00000001", "000000010000000000000005.gz", "PG_VERSION"))
