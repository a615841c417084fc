"""Offsets are compared with what Python's tarfile finds in the same tar."""

import io
import tarfile

import pytest

from muniment.domain.backup.tar_index import TarIndex

FILES = {
    "PG_VERSION": b"17\n",
    "base/5/16384": b"x" * 8192,
    "Akte Müller (1).txt": b"",
    "global/pg_control": b"c" * 513,
}


def tar(files: dict[str, bytes] = FILES, form: int = tarfile.USTAR_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        folder = tarfile.TarInfo("pg_wal")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def fed(plain: bytes, piece_bytes: int) -> TarIndex:
    index = TarIndex()
    for begin in range(0, len(plain), piece_bytes):
        index.feed(memoryview(plain)[begin : begin + piece_bytes])
    return index


@pytest.mark.parametrize("piece_bytes", [1, 7, 511, 512, 513, 32 * 1024, 10**6])
def test_members_are_found_however_the_stream_is_cut(piece_bytes: int) -> None:
    plain = tar()
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        expected = [(entry.name + "/" * entry.isdir(), entry.offset, entry.size) for entry in archive]
    index = fed(plain, piece_bytes)
    assert [(member.name, member.offset, member.size_bytes) for member in index.members] == expected
    assert index.size_bytes == len(plain)
    assert index.is_complete


def test_a_size_from_8_gib_on_is_in_base_256() -> None:
    entry = tarfile.TarInfo("base/5/huge")
    entry.size = 9 * 2**30
    index = fed(entry.tobuf(tarfile.GNU_FORMAT), 512)
    assert index.members[0].size_bytes == 9 * 2**30
    assert not index.is_complete


def test_a_long_name_is_put_together_from_its_prefix() -> None:
    name = "a" * 90 + "/" + "b" * 90
    assert fed(tar({name: b"x"}), 512).members[1].name == name


def test_a_byte_that_is_no_utf_8_is_spelled() -> None:
    entry = tarfile.TarInfo("caf\udce9")
    index = fed(entry.tobuf(tarfile.USTAR_FORMAT, "utf-8", "surrogateescape"), 512)
    assert index.members[0].name == "caf\\xe9"


def test_a_damaged_header_is_named_by_its_offset() -> None:
    plain = bytearray(tar())
    plain[512] ^= 1
    with pytest.raises(ValueError, match="no tar header at offset 512"):
        fed(bytes(plain), 4096)


def with_checksum(head: bytearray) -> bytes:
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


@pytest.mark.parametrize("size", [b"-0000001000\0", b"00000001008\0", b"\xff" * 12])
def test_a_size_that_is_none_is_refused(size: bytes) -> None:
    """One below nothing would lead back to the same header, without end."""
    head = bytearray(tar()[:512])
    head[124:136] = size
    with pytest.raises(ValueError, match="no tar header at offset 0"):
        fed(with_checksum(head), 512)


def test_a_checksum_of_signed_bytes_is_refused() -> None:
    head = bytearray(tarfile.TarInfo("caf\udce9").tobuf(tarfile.USTAR_FORMAT, "utf-8", "surrogateescape"))
    head[148:156] = b"%06o\0 " % (tarfile.calc_chksums(bytes(head))[1])
    assert tarfile.TarInfo.frombuf(bytes(head), "utf-8", "surrogateescape").name == "caf\udce9"
    with pytest.raises(ValueError, match="no tar header at offset 0"):
        fed(bytes(head), 512)


def test_a_tar_that_ends_inside_a_file_is_not_complete() -> None:
    assert not fed(tar()[:1700], 512).is_complete
