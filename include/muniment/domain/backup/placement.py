"""Which bytes of a chunk belong into which file, so that every chunk of a tar can be written alone and in any order.

Slices are cut at multiples of tar's 512-byte blocks, so a header never lies in two chunks.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from muniment.domain.vault.registers import Archive, Chunk, TarMember
from muniment.errors import MemberOutside

TAR_BLOCK_BYTES = 512


@dataclass(frozen=True, slots=True)
class Header:
    """A member's tar header lies at ``chunk_offset``."""

    member: TarMember
    chunk_offset: int


@dataclass(frozen=True, slots=True)
class Piece:
    """``length`` bytes at ``chunk_offset`` belong at ``file_offset`` of the member's file."""

    member: TarMember
    chunk_offset: int
    file_offset: int
    length: int


class ArchiveIndex:
    """Finds the members of one archive by position; refuses, before anything is written, a name that leads outside."""

    def __init__(self, archive: Archive) -> None:
        for member in archive.members:
            _refuse_outside(archive.name, member.name)
        self.archive = archive
        self._offsets = [member.offset for member in archive.members]

    def parts(self, chunk: Chunk) -> Iterator[Header | Piece]:
        """What of this chunk is somebody's, in its order; the first may be the rest of a member that began earlier."""
        end = chunk.offset + chunk.size_bytes
        first = max(bisect_right(self._offsets, chunk.offset) - 1, 0)
        for member in self.archive.members[first:]:
            if member.offset >= end:
                return
            if member.offset >= chunk.offset:
                yield Header(member, member.offset - chunk.offset)
            content = member.offset + TAR_BLOCK_BYTES
            start, stop = max(content, chunk.offset), min(content + member.size_bytes, end)
            if start < stop:
                yield Piece(member, start - chunk.offset, start - content, stop - start)


def _refuse_outside(archive: str, name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise MemberOutside(archive=archive, member=name)
