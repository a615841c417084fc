"""What Muniment asks of an object store. S3 (``s3.py``) stands behind it; tests/adapters/store has the contract.

Every method raises ``StoreUnavailable`` where the store does not answer, ``StoreRefused`` where it refuses, and
``KeyUnusable`` where its own key does; further errors are said where they belong. A store that has none of the four
things below is no store for a vault, and no adapter can make up for it:

- a write on condition that the key holds nothing, or what its ETag says, decided by the store;
- versions: what was written over, or deleted by a marker, is still there under its id;
- a lock on a version until an instant, which moves later and never earlier, and a legal hold without an end;
- the SHA-256 of what arrived, checked by the store before it says that it has it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from muniment.domain.stored_object import ObjectVersion, StoredObject
from muniment.errors import ObjectMissing

type LockMode = Literal["governance", "compliance", "none"]


@dataclass(frozen=True, slots=True)
class Written:
    """``version_id``: as a listing of versions tells it. ``sha256`` (hex): as the store checked it. ``at``: what its
    clock said when it answered."""

    version_id: str
    sha256: str
    at: datetime


class ObjectStore(Protocol):
    """One bucket. Thread-safe. An empty ``version_id`` asks for the current version."""

    @property
    def bucket(self) -> str: ...

    @property
    def region(self) -> str: ...

    @property
    def lock_mode(self) -> LockMode:
        """With ``none`` nothing is locked, whatever ``locked_until`` says."""

    def put_if_absent(
        self, key: str, body: bytes | bytearray, *, metadata: Mapping[str, str], locked_until: datetime | None
    ) -> Written:
        """Raises ``AlreadyRegistered`` where the key holds anything."""

    def put_over(
        self, key: str, body: bytes, *, etag: str, metadata: Mapping[str, str], locked_until: datetime | None
    ) -> Written:
        """A new version over the one with this ETag. Raises ``AlreadyRegistered`` where another one is current,
        ``ObjectMissing`` where none is."""

    def put(self, key: str, body: bytes, *, metadata: Mapping[str, str]) -> Written:
        """A new version over whatever is there, not locked."""

    def get(self, key: str, *, version_id: str = "", part: range | None = None) -> tuple[bytes, Mapping[str, str]]:
        """Bytes and metadata. ``part``: only these bytes, fewer where it ends before. Raises ``ObjectMissing``."""

    def pieces(self, key: str, size_bytes: int) -> Iterator[bytes]:
        """The current bytes, so many at a time, for what may be larger than the memory. Raises ``ObjectMissing``."""

    def head(self, key: str, *, version_id: str = "") -> StoredObject | None:
        """``None`` where there is no such object."""

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectVersion]:
        """Current objects in key order; ``after`` starts behind that key."""

    def list_folders(self, prefix: str) -> Iterator[str]:
        """The names between ``prefix`` and the next ``/``, in order."""

    def list_versions(self, prefix: str) -> Iterator[ObjectVersion]:
        """In key order, of a key the versions and then the delete markers, each newest first."""

    def copy(
        self, source: "CopySource", key: str, *, locked_until: datetime | None = None, over: str | None = None
    ) -> str:
        """Copies bytes, headers and metadata out of another store of this kind, not through us; returns the new
        version's id, empty in a bucket that has none. Nothing is read back.

        Raises ``AlreadyRegistered`` where the key holds anything, or another version than the one with the ETag
        ``over``; ``ObjectMissing`` for the source, or for an ``over`` that is not there.
        """

    def lock(self, key: str, until: datetime) -> None:
        """Moves the lock of the current version to a later instant. Raises ``AccessDenied`` for an earlier one."""

    def hold(self, key: str, *, is_held: bool) -> None:
        """Places a legal hold on the current version, or takes it away."""

    def delete_version(self, key: str, version_id: str) -> bool:
        """For good. False where a lock or a hold keeps it; what is gone already is deleted."""

    def link(self, key: str, *, file_name: str, lasting: timedelta) -> str:
        """Whoever has it reads the object, as a file of that name, until it or the credentials expire."""

    def clock(self) -> datetime:
        """What the store says the time is, in whole seconds: what dates the versions, whatever else it answers. The
        bucket need not exist, and we need not be let in."""

    def is_versioned(self) -> bool:
        """Raises ``ObjectMissing`` where there is no such bucket."""

    def holds_anything(self) -> bool:
        """Any object, version or delete marker. Raises ``ObjectMissing`` where there is no such bucket."""


@dataclass(frozen=True, slots=True)
class Protection:
    """Something that a vault's bucket must have. ``remedy`` is for a person; ``apply`` sets it and may be repeated."""

    name: str
    remedy: str
    apply: Callable[[], None]


class VaultStore(ObjectStore, Protocol):
    """A bucket that is a vault's, or is to be."""

    @property
    def kms_key(self) -> str:
        """Under which the store encrypts at rest, always named, never left to the bucket's default."""

    def bucket_region(self) -> str | None:
        """Where the bucket is, ``None`` where there is none of this name."""

    def create_bucket(self) -> None:
        """With versions and locks from its first instant. Nothing to do where this account already has it."""

    def missing_protections(self) -> tuple[tuple[Protection, str], ...]:
        """Each one that does not hold, with what is wrong, in the order in which they are to be set."""


@dataclass(frozen=True, slots=True)
class CopySource:
    """One version of one object.

    ``etag`` is for an object without a version of its own: the copy is refused where it has another one by then.
    """

    store: ObjectStore
    key: str
    size_bytes: int
    version_id: str = ""
    etag: str = ""

    def head(self) -> StoredObject:
        """Raises ``ObjectMissing``."""
        found = self.store.head(self.key, version_id=self.version_id)
        if found is None:
            raise ObjectMissing(key=self.key, bucket=self.store.bucket)
        return found
