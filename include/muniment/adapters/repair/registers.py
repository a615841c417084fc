"""The registers of two vaults read as one: where one vault's is missing or unreadable, the other's counts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from muniment.adapters.concurrency import at_once
from muniment.adapters.vault import catalog
from muniment.adapters.vault.authenticity import read_register
from muniment.adapters.vault.vault import Vault
from muniment.domain.holds.hold import Hold
from muniment.domain.repair.plan import Registers
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Backup, DocumentSnapshot, Point
from muniment.errors import Damaged

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class ReadRegisters:
    """``faults``: bucket → key → why its register cannot be read there."""

    found: Registers
    faults: Mapping[str, Mapping[str, str]]


def read_registers(vaults: Sequence[Vault], sizes: Sequence[Mapping[str, int]]) -> ReadRegisters:
    """``sizes``: what LIST says of each vault.

    Not by the rule of ``FallbackVault``: the second one is read where the first is sound as well, for repair has to
    know what is wrong with either; and whatever is not damage is raised, for what cannot be read now is not lost.
    """
    reader = _Reader(vaults, sizes, {vault.bucket: {} for vault in vaults})
    points = dict(reader.read(keys.POINTS, ".json", catalog.find_point))
    backups = dict(reader.read(keys.BASE, "/backup.json", catalog.find_backup))
    snapshots = dict(reader.read(keys.DOCUMENT_SNAPSHOTS, "", catalog.find_snapshot))
    holds = dict(reader.read(keys.HOLDS, ".json", _find_hold))
    return ReadRegisters(Registers(points, backups, snapshots, holds), reader.faults)


def _find_hold(vault: Vault, hold_id: str) -> Hold:
    return read_register(vault, Hold, keys.hold(hold_id))


type _Register = Point | Backup | DocumentSnapshot | Hold


@dataclass(frozen=True, slots=True)
class _Reader:
    vaults: Sequence[Vault]
    sizes: Sequence[Mapping[str, int]]
    faults: dict[str, dict[str, str]]

    def read[T: _Register](self, prefix: str, ending: str, find: Callable[[Vault, str], T]) -> Iterator[tuple[str, T]]:
        """Id → register, of every one that either vault can tell."""
        registers = {key for there in self.sizes for key in there if key.startswith(prefix) and key.endswith(ending)}

        def one(key: str) -> tuple[str, T | None]:
            name = key.removeprefix(prefix).removesuffix(ending)
            return name, self._first(key, name, find)

        for name, found in at_once(one, sorted(registers), _AT_ONCE):
            if found is not None:
                yield name, found

    def _first[T: _Register](self, key: str, name: str, find: Callable[[Vault, str], T]) -> T | None:
        """Each vault's is read, because an unreadable one has to be named."""
        found: T | None = None
        for vault, there in zip(self.vaults, self.sizes, strict=True):
            if key in there:
                try:
                    register = find(vault, name)
                    found = found or register
                except Damaged as damage:
                    self.faults[vault.bucket][key] = damage.what
        return found
