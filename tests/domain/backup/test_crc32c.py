"""A file's checksum from its pieces'."""

import crc32c
from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.backup.crc32c import joined


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_pieces_joined_have_the_checksum_of_the_whole(pieces: list[bytes]) -> None:
    assert joined((crc32c.crc32c(piece), len(piece)) for piece in pieces) == crc32c.crc32c(b"".join(pieces))


def test_pieces_may_be_as_long_as_a_relations_segment() -> None:
    zeros, tail = bytes(1 << 26), b"tail"
    whole = crc32c.crc32c(tail, crc32c.crc32c(zeros))
    assert joined([(crc32c.crc32c(zeros), len(zeros)), (crc32c.crc32c(tail), len(tail))]) == whole


def test_the_standards_check_value() -> None:
    """RFC 3720's "123456789"."""
    assert joined([(crc32c.crc32c(b"1234"), 4), (crc32c.crc32c(b"56789"), 5)]) == 0xE3069283
