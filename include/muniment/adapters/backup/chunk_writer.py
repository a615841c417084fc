"""Archives in, chunks in the vault out: slice, compress, encrypt and upload, all at the same time.

A slice is compressed as several zstd frames, one after the other in its chunk, because each can be compressed on a core
of its own. (zstd's own threads share one frame; measured, they cost a fifth more time for the same ratio.)

Memory, whatever the cluster's size: ``workers + 2`` frames of ``FRAME_BYTES`` that wait for their compression, as many
that come out of it, and ``max(slice, HELD_BYTES)`` of compressed data that wait for the store, which are there up to
three times while they leave: as frames, as a message, and as botocore's copy of it. With two workers and slices up to
32 MiB that is 160 MiB where nothing compresses, and about half of it where data compress like text.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from queue import SimpleQueue
from threading import Condition, local

import zstandard

from muniment.adapters.vault.vault import Vault
from muniment.domain.backup.tar_index import TarIndex
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Archive, Chunk, Tablespace
from muniment.ports import Step

FRAME_BYTES = 8 * 2**20
HELD_BYTES = 32 * 2**20
# A PUT mostly waits for the network, and S3 gives one connection some tens of MB/s.
UPLOADS_AT_ONCE = 6


class HeldBytes:
    """Compressed bytes in memory: those of the chunk being filled and of those under way."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._filling = 0
        self._leaving = 0
        self._changed = Condition()

    def add(self, amount: int) -> None:
        with self._changed:
            self._filling += amount

    def send_off(self, amount: int) -> None:
        """The chunk that was being filled is complete and on its way."""
        with self._changed:
            self._filling -= amount
            self._leaving += amount

    def release(self, amount: int) -> None:
        with self._changed:
            self._leaving -= amount
            self._changed.notify_all()

    def wait_for_room(self) -> None:
        """Until less than the limit is held, or nothing is under way: only what leaves can make room."""
        with self._changed:
            self._changed.wait_for(lambda: self._leaving <= 0 or self._filling + self._leaving < self._limit)


class Frames:
    """The compressed frames of one slice as a stream that lets go of what was read."""

    closed = False

    def __init__(self, frames: list[bytes]) -> None:
        self.size_bytes = sum(map(len, frames))
        self._waiting = deque([memoryview(frame) for frame in frames])

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes, fewer at a frame's end; nothing after the last one."""
        if not self._waiting:
            return b""
        head = self._waiting.popleft()
        if len(head) > size:
            self._waiting.appendleft(head[size:])
        return bytes(head[:size])


@dataclass(slots=True)
class _Filling:
    """The chunk that the reader is filling."""

    key: str
    offset: int
    size_bytes: int = 0
    frames: list[Future[bytes]] = field(default_factory=list)


@dataclass(slots=True)
class _Archive:
    name: str
    tablespace: Tablespace | None
    index: TarIndex = field(default_factory=TarIndex)
    chunks: list[Future[Chunk]] = field(default_factory=list)

    def registered(self) -> Archive:
        return Archive(
            name=self.name,
            tablespace=self.tablespace,
            size_bytes=self.index.size_bytes,
            chunks=tuple(chunk.result() for chunk in self.chunks),
            members=self.index.members,
        )


class ChunkWriter:
    """An ``ArchiveSink``. ``write`` raises what went wrong with an earlier chunk as soon as it is known."""

    def __init__(
        self,
        vault: Vault,
        backup_id: str,
        *,
        slice_bytes: int,
        level: int,
        workers: int,
        locked_until: datetime,
        step: Step,
    ) -> None:
        self._vault = vault
        self._backup_id = backup_id
        self._slice_bytes = slice_bytes
        self._level = level
        self._locked_until = locked_until
        self._step = step
        self._archives: list[_Archive] = []
        self._filling: _Filling | None = None
        self._buffer: bytearray | None = None
        self._buffered_bytes = 0
        self._held = HeldBytes(max(slice_bytes, HELD_BYTES))
        self._failed: Future[Chunk] | None = None
        self._compressing = ThreadPoolExecutor(workers, "zstd")
        self._uploading = ThreadPoolExecutor(UPLOADS_AT_ONCE, "chunk")
        self._compressors = local()
        self._free: SimpleQueue[bytearray] = SimpleQueue()
        for _ in range(workers + 2):
            self._free.put(bytearray(FRAME_BYTES))

    def begin_archive(self, name: str, tablespace: Tablespace | None) -> None:
        self._end_chunk()
        self._archives.append(_Archive(name, tablespace))

    def write(self, piece: memoryview) -> None:
        self._archives[-1].index.feed(piece)
        while piece:
            buffer = self._buffer or self._begin_frame()
            begin, room = self._buffered_bytes, self._room()
            taken = piece[:room]
            self._buffered_bytes += len(taken)
            buffer[begin : self._buffered_bytes] = taken
            if len(taken) == room:
                self._end_frame()
            piece = piece[len(taken) :]

    def finish(self) -> tuple[Archive, ...]:
        """Every archive, after all of its chunks are stored. Raises the first chunk's failure."""
        self._end_chunk()
        return tuple(archive.registered() for archive in self._archives)

    def abandon(self) -> None:
        """What waits is dropped, what is under way is waited for."""
        self._compressing.shutdown(cancel_futures=True)
        self._uploading.shutdown(cancel_futures=True)

    def _room(self) -> int:
        """How much the current frame still takes: it ends where its slice ends, and its archive."""
        filling = self._filling
        in_slice = self._slice_bytes - (filling.size_bytes if filling else 0)
        return min(FRAME_BYTES, in_slice) - self._buffered_bytes

    def _begin_frame(self) -> bytearray:
        if self._failed is not None:
            self._failed.result()
        self._held.wait_for_room()
        self._buffer = self._free.get()
        self._buffered_bytes = 0
        return self._buffer

    def _end_frame(self) -> None:
        buffer, size = self._buffer, self._buffered_bytes
        if buffer is None:
            return
        self._buffer, self._buffered_bytes = None, 0
        filling = self._filling or self._begin_chunk()
        filling.frames.append(self._compressing.submit(self._compress, buffer, size))
        filling.size_bytes += size
        self._step.advance(size)
        if filling.size_bytes == self._slice_bytes:
            self._end_chunk()

    def _begin_chunk(self) -> _Filling:
        archive = self._archives[-1]
        number = len(archive.chunks)
        key = keys.chunk(self._backup_id, archive.name, number)
        self._filling = _Filling(key, number * self._slice_bytes)
        return self._filling

    def _end_chunk(self) -> None:
        self._end_frame()
        filled, self._filling = self._filling, None
        if filled is None:
            return
        stored = self._uploading.submit(self._store, filled)
        stored.add_done_callback(self._note_failure)
        self._archives[-1].chunks.append(stored)

    def _compress(self, buffer: bytearray, size: int) -> bytes:
        compressor = getattr(self._compressors, "zstd", None)
        if compressor is None:
            compressor = self._compressors.zstd = zstandard.ZstdCompressor(level=self._level)
        try:
            frame: bytes = compressor.compress(memoryview(buffer)[:size])
        finally:
            self._free.put(buffer)
        self._held.add(len(frame))
        return frame

    def _store(self, filled: _Filling) -> Chunk:
        frames = Frames([frame.result() for frame in filled.frames])
        filled.frames.clear()
        size = frames.size_bytes
        self._held.send_off(size)
        try:
            message = self._vault.envelope.encrypt_stream(frames, size, self._vault.context(filled.key))
            sha256 = self._vault.put_message(filled.key, message, locked_until=self._locked_until)
        finally:
            self._held.release(size)
        return Chunk(
            key=filled.key,
            offset=filled.offset,
            size_bytes=filled.size_bytes,
            stored_bytes=len(message),
            sha256=sha256,
        )

    def _note_failure(self, done: Future[Chunk]) -> None:
        if not done.cancelled() and done.exception() is not None:
            self._failed = self._failed or done


@contextmanager
def writing(writer: ChunkWriter) -> Iterator[ChunkWriter]:
    """No thread of the writer outlives the block, however it ends."""
    try:
        yield writer
    finally:
        writer.abandon()
