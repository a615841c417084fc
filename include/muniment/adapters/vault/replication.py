"""Brings objects from one vault into the other and reads back what arrived."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from muniment.adapters.concurrency import at_once
from muniment.adapters.store.port import CopySource
from muniment.adapters.store.retry import retry_store
from muniment.adapters.vault.vault import Vault
from muniment.domain.stored_object import StoredObject
from muniment.errors import AlreadyRegistered
from muniment.ports import Step


def copy_once(source: CopySource, *, target: Vault, key: str, locked_until: datetime | None) -> StoredObject:
    """Copies bytes, headers and metadata and returns what HEAD then tells of the copy, whose size is the source's.

    The write is conditional. Where the key already holds an object of the same size, that one is returned: it may be
    this call's own first try; the caller compares checksums. Raises ``ObjectMissing`` for the source,
    ``ObjectDamaged`` for a copy of another size.
    """
    with suppress(AlreadyRegistered):  # then the copy's size is compared below, as a fresh one's is
        target.store.copy(source, key, locked_until=locked_until)
    return _copied(source, target, key, locked_until)


copy_object = retry_store(copy_once)
"""With patience, which may take minutes of a store that does not answer."""


def _copied(source: CopySource, target: Vault, key: str, locked_until: datetime | None) -> StoredObject:
    """Reads the copy back. A lock that the server did not take from the upload's headers is set now."""
    found = target.find(key)
    if found.size_bytes != source.size_bytes:
        place = f"{source.store.bucket}/{source.key}"
        raise target.damaged(key, f"it has {found.size_bytes} bytes, its source {place} has {source.size_bytes}")
    if locked_until and target.lock_mode != "none" and found.locked_until is None:
        target.extend_lock(key, locked_until)
    return found


@dataclass(frozen=True, slots=True)
class Wanted:
    """One object that has to be in the target vault. ``sha256`` (hex, stored bytes): from a register, where it has one.

    ``proven``: the target's own registers say that it was read back there before, so its size is looked at and no more.
    """

    key: str
    size_bytes: int
    locked_until: datetime | None
    sha256: str | None = None
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """``copied_bytes`` is ``None`` for what was already there."""

    key: str
    copied_bytes: int | None


@dataclass(slots=True)
class Tally:
    """Counts arrivals; one thread adds."""

    copied: int = 0
    already_there: int = 0
    copied_bytes: int = 0

    def add(self, arrival: Arrival) -> None:
        if arrival.copied_bytes is None:
            self.already_there += 1
        else:
            self.copied += 1
            self.copied_bytes += arrival.copied_bytes


@dataclass(frozen=True, slots=True)
class VaultCopy:
    """From ``source`` to ``target``, ``workers`` objects at once."""

    source: Vault
    target: Vault
    workers: int
    tally: Tally = field(default_factory=Tally)

    def bring(self, wanted: Iterable[Wanted], there: Mapping[str, int], step: Step) -> None:
        """All of ``wanted``; ``there`` is what the target's LIST says: key → size.

        Raises ``ObjectMissing`` (in the source) or ``ObjectDamaged`` for the first that does not arrive as it was.
        """

        def one(item: Wanted) -> Arrival:
            return self._bring(item, there.get(item.key))

        for arrival in at_once(one, wanted, self.workers):
            self.tally.add(arrival)
            step.advance(1)

    def _bring(self, item: Wanted, there_bytes: int | None) -> Arrival:
        if there_bytes is None:
            source = CopySource(self.source.store, item.key, item.size_bytes)
            copied = copy_object(source, target=self.target, key=item.key, locked_until=item.locked_until)
            self._compare(item, copied)
            return Arrival(item.key, item.size_bytes)
        if there_bytes != item.size_bytes:
            raise self.target.damaged(item.key, f"it has {there_bytes} bytes, the primary's has {item.size_bytes}")
        if not item.proven:
            self._compare(item, self.target.find(item.key))
        return Arrival(item.key, None)

    def _compare(self, item: Wanted, found: StoredObject) -> None:
        """By the checksums that S3 keeps; where it has none of the whole object, by reading."""
        expected = item.sha256 or sha256_of(self.source, item.key)
        if (found.sha256 or self.target.read_sha256(item.key)) != expected:
            raise self.target.damaged(item.key, "its sha256 is not that of the primary's")


def sha256_of(vault: Vault, key: str) -> str:
    """Of the stored bytes, as S3 computed it when they arrived, or computed now."""
    return vault.find(key).sha256 or vault.read_sha256(key)


def sizes_under(vault: Vault, *prefixes: str, keep: Callable[[str], bool] = lambda _: True) -> dict[str, int]:
    """What LIST says of the current objects: key → size."""
    return {found.key: found.size_bytes for prefix in prefixes for found in vault.list(prefix) if keep(found.key)}
