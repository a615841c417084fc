"""Which document snapshots name which objects, for any number of snapshots that each name a million.

A snapshot is a bit and an object its digest, so thirty lists of the same documents cost what one of them does. Lists
are read one after the other and none is kept.
"""

from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from datetime import datetime

from muniment.domain.vault import keys

_DIGEST_BYTES = 32

type Name = bytes | str
"""A key of our own making is told by its digest; any other one, which a register may name, is itself."""


class SnapshotIndex:
    """Grows by one snapshot at a time; whoever adds one needs to keep nothing of it."""

    def __init__(self) -> None:
        self._taken_at: dict[str, datetime] = {}
        self._bits: dict[str, int] = {}
        self._naming: dict[Name, int] = {}

    def add(self, snapshot_id: str, taken_at: datetime, objects: Iterable[str]) -> None:
        bit = self._bits[snapshot_id] = 1 << len(self._bits)
        self._taken_at[snapshot_id] = taken_at
        naming = self._naming
        for key in objects:
            name = _short(key)
            naming[name] = naming.get(name, 0) | bit

    def __contains__(self, snapshot_id: str) -> bool:
        return snapshot_id in self._bits

    def taken_at(self, snapshot_id: str) -> datetime:
        return self._taken_at[snapshot_id]

    def bits_of(self, snapshots: Iterable[str]) -> int:
        bits = 0
        for each in snapshots:
            bits |= self._bits[each]
        return bits

    def naming(self, key: str) -> int:
        """The bits of all snapshots that name it."""
        return self._naming.get(_short(key), 0)

    def every(self) -> Iterator[tuple[Name, int]]:
        yield from self._naming.items()


@dataclass(frozen=True)
class NamedDocuments:
    """What the snapshots of one vault name."""

    index: SnapshotIndex
    ids: frozenset[str]

    def __contains__(self, snapshot_id: str) -> bool:
        return snapshot_id in self.ids

    def taken_at(self, snapshot_id: str) -> datetime:
        return self.index.taken_at(snapshot_id)

    def named_by(self, snapshots: Set[str]) -> Callable[[str], bool]:
        """Whether any of these names a key."""
        bits = self.index.bits_of(snapshots & self.ids)
        return lambda key: bool(self.index.naming(key) & bits)

    def objects_of(self, snapshot_id: str) -> Iterator[str]:
        bit = self.index.bits_of((snapshot_id,))
        return (_key(name) for name, bits in self.index.every() if bits & bit)

    def incomplete(self, present: Iterable[str]) -> frozenset[str]:
        """The snapshots that name something which is not ``present``: all of them in one pass."""
        there, lacking = {_short(key) for key in present}, 0
        for name, bits in self.index.every():
            if name not in there:
                lacking |= bits
        return frozenset(each for each in self.ids if self.index.bits_of((each,)) & lacking)


def _short(key: str) -> Name:
    try:
        digest = bytes.fromhex(key[-2 * _DIGEST_BYTES :])
    except ValueError:
        return key
    return digest if _key(digest) == key else key


def _key(name: Name) -> str:
    if isinstance(name, str):
        return name
    digest = name.hex()
    return f"{keys.DOCUMENT_OBJECTS}{digest[:2]}/{digest}"
