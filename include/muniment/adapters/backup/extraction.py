"""Turns the chunks of a base backup back into files: fetched, decrypted, decompressed, checked and written at once.

A chunk flows through a buffer of ``BLOCK_BYTES``, from its message into the files. Memory is the stored bytes of as
many chunks as there are workers.
"""

import os
import tarfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from crc32c import crc32c

from muniment.adapters.vault.fallback import FallbackVault
from muniment.adapters.vault.vault import Plain
from muniment.domain.backup.crc32c import joined
from muniment.domain.backup.layout import Layout
from muniment.domain.backup.manifest import ManifestFile, path_of
from muniment.domain.backup.placement import TAR_BLOCK_BYTES, ArchiveIndex, Header, Piece
from muniment.domain.vault.registers import Backup, Chunk
from muniment.errors import MemberOutside, ObjectDamaged
from muniment.ports import Step

# Stays in a core's cache from decompression to the write: larger ones are slower.
BLOCK_BYTES = 128 * 1024
FILE_MODE = 0o600  # what PostgreSQL gives its files, where the group may not read them


def extract_backup(
    source: FallbackVault,
    backup: Backup,
    layout: Layout,
    wanted: Mapping[str, ManifestFile],
    *,
    step: Step,
    workers: int,
) -> None:
    """Writes the ``wanted`` files, each checked against its checksum on the way; fetches only chunks that hold some.

    Raises ``ObjectDamaged``, ``ObjectMissing``, ``MemberOutside``, and ``OSError`` where the disk is full.
    """
    indexes = [ArchiveIndex(archive) for archive in backup.archives]
    _make_folders(layout, indexes)
    extraction = Extraction(source, backup, layout, wanted, step)
    jobs = [(index, chunk) for index in indexes for chunk in index.archive.chunks if extraction.wants(index, chunk)]
    step.expect(sum(chunk.size_bytes for _, chunk in jobs))
    with ThreadPoolExecutor(workers, "extract") as pool:
        running = [pool.submit(extraction.take, index, chunk) for index, chunk in jobs]
        try:
            for each in running:
                each.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    extraction.prove_complete()


def _make_folders(layout: Layout, indexes: list[ArchiveIndex]) -> None:
    """Every folder first, so that workers may begin with any chunk. PostgreSQL wants 0700 or 0750."""
    for root in layout.roots:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    places = {_folder_of(layout, index, member.name) for index in indexes for member in index.archive.members}
    for place in sorted(places):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)


def _folder_of(layout: Layout, index: ArchiveIndex, name: str) -> Path:
    place = layout.place(path_of(index.archive, name))
    return place if name.endswith("/") else place.parent


@dataclass(slots=True)
class _Sum:
    """The checksum of one file, of which pieces come in any order."""

    pieces: list[tuple[int, int, int]] = field(default_factory=list)
    """(offset, checksum, length)."""

    def is_complete(self, size_bytes: int) -> bool:
        return sum(length for _, _, length in self.pieces) == size_bytes

    def total(self) -> int:
        return joined((checksum, length) for _, checksum, length in sorted(self.pieces))


class Extraction:
    """Takes chunks in any order, from any thread."""

    def __init__(
        self, source: FallbackVault, backup: Backup, layout: Layout, wanted: Mapping[str, ManifestFile], step: Step
    ) -> None:
        self._source = source
        self._backup = backup
        self._layout = layout
        self._wanted = wanted
        self._step = step
        self._sums: dict[str, _Sum] = {}
        self._checked: set[str] = set()
        self._lock = Lock()

    def wants(self, index: ArchiveIndex, chunk: Chunk) -> bool:
        """Whether any wanted file has its header or some of its bytes in it."""
        return any(path_of(index.archive, part.member.name) in self._wanted for part in index.parts(chunk))

    def take(self, index: ArchiveIndex, chunk: Chunk) -> None:
        try:
            with self._source.opened(chunk.key, sha256=chunk.sha256) as plain:
                content = _Content(plain)
                for part in index.parts(chunk):
                    content.skip_to(part.chunk_offset)
                    self._take_part(index, chunk, part, content)
                content.end(chunk.size_bytes)
        except _WrongLength as wrong:
            raise self._damaged(chunk.key, f"it holds {wrong}, its register says {chunk.size_bytes} bytes") from None
        self._step.advance(chunk.size_bytes)

    def _take_part(self, index: ArchiveIndex, chunk: Chunk, part: Header | Piece, content: "_Content") -> None:
        path = path_of(index.archive, part.member.name)
        file = self._wanted.get(path)
        if isinstance(part, Header):
            _create(self._layout.place(path), content.block(), is_wanted=file is not None)
        elif file is not None:
            checksum = _write(self._layout.place(path), part, content)
            self._check(chunk, file, part, checksum)

    def _check(self, chunk: Chunk, file: ManifestFile, piece: Piece, checksum: int) -> None:
        with self._lock:
            told = self._sums.setdefault(file.path, _Sum())
            told.pieces.append((piece.file_offset, checksum, piece.length))
            if not told.is_complete(file.size_bytes):
                return
            self._checked.add(file.path)
            del self._sums[file.path]
        if told.total() != file.crc32c:
            raise self._damaged(
                chunk.key, f"{file.path}, which it holds a part of, is not what PostgreSQL's manifest says"
            )

    def prove_complete(self) -> None:
        """A register whose chunks leave something out would leave a hole in a file."""
        expected = {file.path for file in self._wanted.values() if file.size_bytes}
        if missing := expected - self._checked:
            raise self._damaged(self._backup.manifest.key, f"no chunk holds all of {min(missing)}, which it names")

    def _damaged(self, key: str, reason: str) -> ObjectDamaged:
        home = self._source.preferred
        return home.damaged(key, reason)


class _WrongLength(Exception):
    """What a chunk holds instead."""


class _Content:
    """A chunk's plain bytes, read once from the beginning to the end."""

    def __init__(self, plain: Plain) -> None:
        self._plain = plain
        self._buffer = memoryview(bytearray(BLOCK_BYTES))
        self._position = 0

    def skip_to(self, offset: int) -> None:
        for _ in self.blocks(offset - self._position):
            pass

    def end(self, offset: int) -> None:
        """The content ends there."""
        self.skip_to(offset)
        if self._plain.readinto(self._buffer):
            message = "more"
            raise _WrongLength(message)

    def block(self) -> bytes:
        return b"".join(map(bytes, self.blocks(TAR_BLOCK_BYTES)))

    def blocks(self, length: int) -> Iterator[memoryview]:
        """The next ``length`` bytes; each block is valid until the next one."""
        while length:
            room = self._buffer[: min(length, BLOCK_BYTES)]
            count = self._plain.readinto(room)
            if not count:
                message = f"{self._position} bytes"
                raise _WrongLength(message)
            self._position += count
            length -= count
            yield room[:count]


def _create(place: Path, header: bytes, *, is_wanted: bool) -> None:
    """A file with content is made by whoever comes to its first piece; here, where it has none or another mode.

    PostgreSQL lists links in tablespace_map and sends none, and a link could lead a later member anywhere.
    """
    entry = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    if not entry.isreg() and not entry.isdir():
        raise MemberOutside(archive=entry.name, member=entry.linkname)
    mode = entry.mode & 0o750
    if is_wanted and (entry.size == 0 or mode != FILE_MODE):
        with _opened(place) as descriptor:
            os.fchmod(descriptor, mode)


def _write(place: Path, piece: Piece, content: _Content) -> int:
    """The checksum of what was written."""
    checksum, offset = 0, piece.file_offset
    with _opened(place) as descriptor:
        for block in content.blocks(piece.length):
            checksum = crc32c(block, checksum)
            rest = block
            while rest:
                written = os.pwrite(descriptor, rest, offset)
                rest, offset = rest[written:], offset + written
    return checksum


@contextmanager
def _opened(place: Path) -> Iterator[int]:
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, FILE_MODE)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
