"""One firm's vault in one region: a store of versions and locks, and what of it is the firm's alone to read and write.

Every object is written once (the restore kit's excepted): a key is never reused for other bytes, so each write is
conditional, a copy has the same key in the other vault, and a register needs no version ids.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import IO, Protocol, Self, cast

import zstandard

from muniment.adapters.store.port import LockMode, VaultStore
from muniment.adapters.store.retry import retry_store
from muniment.adapters.vault.authenticity import KeptKey, code_of
from muniment.adapters.vault.envelope import FRAME_BYTES, Envelope, MessageDamaged
from muniment.domain.record import Record
from muniment.domain.stored_object import ObjectVersion, StoredObject
from muniment.domain.vault.registers import StoredFile
from muniment.errors import AlreadyRegistered, ObjectDamaged, ObjectMissing

ZSTD_LEVEL = 3
PIECE_BYTES = 2**20
START_BYTES = 2 * FRAME_BYTES  # a message's header, with its wrapped keys, and its first frame


class Plain(Protocol):
    def readinto(self, buffer: memoryview) -> int:
        """Fills as much of ``buffer`` as it can; 0 at the end."""


def _nothing_to_prove() -> None: ...


@dataclass(frozen=True, slots=True)
class Vault:
    """Thread-safe. Methods raise ``StoreUnavailable``, ``StoreRefused`` or ``KeyUnusable`` as the store answers."""

    firm: str
    store: VaultStore
    envelope: Envelope
    kept: KeptKey = field(init=False, repr=False, compare=False, default_factory=KeptKey)
    prove: Callable[[], None] = field(repr=False, compare=False, default=_nothing_to_prove)
    """Called before anything is registered or deleted: raises where whoever holds this vault may not any more."""

    def proving(self, prove: Callable[[], None]) -> Self:
        """The same vault with ``prove``: a MAC key that it has opened is not asked for again, nor the KMS."""
        vault = replace(self, prove=prove)
        object.__setattr__(vault, "kept", self.kept)  # frozen, and made by no argument
        return vault

    def over(self, store: VaultStore) -> Self:
        """The same vault, asked by another client; what ``proving`` says of its MAC key holds."""
        vault = replace(self, store=store)
        object.__setattr__(vault, "kept", self.kept)
        return vault

    @property
    def bucket(self) -> str:
        return self.store.bucket

    @property
    def region(self) -> str:
        return self.store.region

    @property
    def kms_key(self) -> str:
        return self.store.kms_key

    @property
    def lock_mode(self) -> LockMode:
        return self.store.lock_mode

    def put(
        self,
        key: str,
        body: bytes,
        *,
        locked_until: datetime | None,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """Stores ``body`` in plain, and beside it its authentication code, as ``put_message`` does."""
        self.prove()
        return self.put_message(
            key, body, locked_until=locked_until, metadata={**(metadata or {}), **code_of(self, key, body)}
        )

    def put_message(
        self,
        key: str,
        body: bytes | bytearray,
        *,
        locked_until: datetime | None,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """Stores what proves itself, under a key that holds nothing yet; returns its sha256 (hex), as the store has it.

        Raises ``AlreadyRegistered`` where the key holds other bytes; the same bytes are accepted, because a retried
        request may find its own first try.
        """
        try:
            written = self.store.put_if_absent(key, body, metadata=metadata or {}, locked_until=locked_until)
        except AlreadyRegistered:
            there = self.head(key)
            if there is None or there.sha256 != hashlib.sha256(body).hexdigest():
                raise
            return there.sha256
        return written.sha256

    def put_register(self, key: str, document: Record, *, locked_until: datetime | None) -> None:
        """Makes ``document`` exist. Raises ``AlreadyRegistered`` when something else was first."""
        self.put(key, document.to_json(), locked_until=locked_until)

    def put_sealed(
        self,
        key: str,
        content: bytes,
        *,
        locked_until: datetime | None,
        level: int = ZSTD_LEVEL,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredFile:
        """Stores ``encrypt(zstd(content))``; the encryption context binds it to this firm and key."""
        message = self.seal(key, content, level)
        self.prove()
        sha256 = self.put_message(key, message, locked_until=locked_until, metadata=metadata)
        return StoredFile(key=key, size_bytes=len(content), stored_bytes=len(message), sha256=sha256)

    def seal(self, key: str, content: bytes | bytearray | memoryview, level: int = ZSTD_LEVEL) -> bytes:
        return self.envelope.encrypt(zstandard.ZstdCompressor(level=level).compress(content), self.context(key))

    def context(self, key: str) -> dict[str, str]:
        return {"muniment:firm": self.firm, "muniment:key": key}

    def get(self, key: str, *, sha256: str | None = None) -> bytes:
        """The object's bytes. Raises ``ObjectMissing``, or ``ObjectDamaged`` where ``sha256`` (hex) differs."""
        body, _ = self.read(key)
        if sha256 is not None and hashlib.sha256(body).hexdigest() != sha256:
            raise self.damaged(key, "its sha256 is not the registered one")
        return body

    def damaged(self, key: str, reason: object) -> ObjectDamaged:
        return ObjectDamaged(key=key, bucket=self.bucket, firm=self.firm, reason=reason)

    @retry_store
    def read(self, key: str, *, version_id: str = "", part: range | None = None) -> tuple[bytes, Mapping[str, str]]:
        """Bytes and metadata."""
        return self.store.get(key, version_id=version_id, part=part)

    @retry_store
    def read_sha256(self, key: str) -> str:
        """Of the stored bytes, in pieces: the objects that have no checksum of the whole are the largest ones."""
        digest = hashlib.sha256()
        for piece in self.store.pieces(key, PIECE_BYTES):
            digest.update(piece)
        return digest.hexdigest()

    def get_sealed(self, key: str, *, sha256: str | None = None) -> bytes:
        return self.unseal(key, self.get(key, sha256=sha256))

    def unseal(self, key: str, message: bytes) -> bytes:
        try:
            return _decompressed(self.envelope.decrypt(message, self.context(key)))
        except (MessageDamaged, zstandard.ZstdError) as error:
            raise self.damaged(key, error) from error

    def get_sealed_start(self, key: str) -> bytes:
        """The first thousands of bytes of what was sealed, proven by their frame's tag, in one short request."""
        start, _ = self.read(key, part=range(START_BYTES))
        try:
            frame = self.envelope.decrypting(start, self.context(key)).read(FRAME_BYTES)
            return zstandard.ZstdDecompressor().decompressobj().decompress(frame)
        except (MessageDamaged, zstandard.ZstdError) as error:
            raise self.damaged(key, error) from error

    @contextmanager
    def unsealing(self, key: str, message: bytes) -> Iterator["Plain"]:
        """``message`` as a stream of its content: a chunk's slice is never in memory as a whole.

        Whoever reads must know how long the content is: a message that ends early ends this stream and no more.
        """
        try:
            source = self.envelope.decrypting(message, self.context(key))
            frames = cast("IO[bytes]", source)  # all that zstandard asks of it is read
            yield zstandard.ZstdDecompressor().stream_reader(frames, read_size=FRAME_BYTES, read_across_frames=True)
        except (MessageDamaged, zstandard.ZstdError) as error:
            raise self.damaged(key, error) from error

    def head(self, key: str) -> StoredObject | None:
        """``None`` where there is no such object."""
        return self.store.head(key)

    def find(self, key: str) -> StoredObject:
        """What HEAD tells. Raises ``ObjectMissing``."""
        found = self.head(key)
        if found is None:
            raise ObjectMissing(key=key, bucket=self.bucket)
        return found

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectVersion]:
        """Current objects in key order; ``after`` starts behind that key."""
        return self.store.list(prefix, after=after)

    def list_folders(self, prefix: str) -> Iterator[str]:
        """The names between ``prefix`` and the next ``/``, in order: ``base/`` → each backup's id."""
        return self.store.list_folders(prefix)

    def list_versions(self, prefix: str) -> Iterator[ObjectVersion]:
        """Every version and delete marker in key order."""
        return self.store.list_versions(prefix)

    def extend_lock(self, key: str, until: datetime) -> None:
        """Moves the lock of the current version to a later instant; an earlier one is refused."""
        self.store.lock(key, until)


def _decompressed(frames: bytes) -> bytes:
    """A chunk is several zstd frames, one after the other.

    By hand: zstandard's ``stream_reader(read_across_frames=True)`` takes a last frame that was cut off for its end.
    """
    content: list[bytes] = []
    while frames:
        decompressor = zstandard.ZstdDecompressor().decompressobj()
        content.append(decompressor.decompress(frames))
        if not decompressor.eof:
            reason = "the last zstd frame has no end"
            raise zstandard.ZstdError(reason)
        frames = decompressor.unused_data
    return b"".join(content)
