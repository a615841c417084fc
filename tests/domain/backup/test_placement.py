"""Every chunk of a tar can be written alone, in any order."""

import io
import random
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.backup.placement import TAR_BLOCK_BYTES, ArchiveIndex, Header
from muniment.domain.vault.registers import Archive, Chunk, TarMember
from muniment.errors import MemberOutside


def tar_of(files: dict[str, bytes]) -> tuple[bytes, tuple[TarMember, ...]]:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    stream.seek(0)
    with tarfile.open(fileobj=stream) as tar:
        members = tar.getmembers()
    return stream.getvalue(), tuple(TarMember(name=m.name, offset=m.offset, size_bytes=m.size) for m in members)


def cut(tar: bytes, members: tuple[TarMember, ...], slice_bytes: int) -> Archive:
    chunks = tuple(
        Chunk(
            key=str(offset),
            offset=offset,
            size_bytes=len(tar[offset : offset + slice_bytes]),
            stored_bytes=0,
            sha256="",
        )
        for offset in range(0, len(tar), slice_bytes)
    )
    return Archive(name="base", size_bytes=len(tar), chunks=chunks, members=members)


@given(st.lists(st.binary(max_size=3000), max_size=12), st.integers(1, 9), st.randoms())
def test_the_pieces_of_shuffled_chunks_make_the_files(contents: list[bytes], blocks: int, dice: random.Random) -> None:
    files = {f"base/{number}": content for number, content in enumerate(contents)}
    tar, members = tar_of(files)
    archive = cut(tar, members, blocks * TAR_BLOCK_BYTES)
    index = ArchiveIndex(archive)
    found = {member.name: bytearray(member.size_bytes) for member in members}
    seen = []
    for chunk in dice.sample(archive.chunks, len(archive.chunks)):
        plain = tar[chunk.offset : chunk.offset + chunk.size_bytes]
        position = 0
        for part in index.parts(chunk):
            assert part.chunk_offset >= position, "in the chunk's order, so that it may be read as a stream"
            if isinstance(part, Header):
                block = plain[part.chunk_offset : part.chunk_offset + TAR_BLOCK_BYTES]
                seen.append(tarfile.TarInfo.frombuf(block, "utf-8", "strict").name)
                position = part.chunk_offset + TAR_BLOCK_BYTES
            else:
                content = plain[part.chunk_offset : part.chunk_offset + part.length]
                found[part.member.name][part.file_offset : part.file_offset + part.length] = content
                position = part.chunk_offset + part.length
    assert found == files
    assert sorted(seen) == sorted(files)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "base/../../x"])
def test_a_member_that_points_outside_is_refused(name: str) -> None:
    archive = Archive(name="base", size_bytes=512, chunks=(), members=(TarMember(name=name, offset=0, size_bytes=0),))
    with pytest.raises(MemberOutside) as refused:
        ArchiveIndex(archive)
    assert refused.value.what == f"archive base has a member {name!r} that points outside of its folder"
