"""What one vault lacks or has damaged comes back from the other: planned from both, then carried out.

Needs no cluster. Wanted is what the recovery points of either vault need, and the WAL and the document lists behind
the oldest of them; what expire has let go is named by no point and is left alone. Bytes are brought when they have
proven themselves: by their authentication code or their register's sha256, by decrypting under this firm and key, by
a WAL segment's own header.

Both vaults' ``firm.json`` come before all that: it holds the key of every code, so where one is wrong, the plan is to
bring that one, and nothing else is judged by it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from muniment.adapters.concurrency import at_once
from muniment.adapters.repair.registers import ReadRegisters, read_registers
from muniment.adapters.vault.authenticity import get_authentic, mac_key
from muniment.adapters.vault.overwriting import mend
from muniment.adapters.vault.replication import VaultCopy
from muniment.adapters.vault.replication import Wanted as ToCopy
from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.archive import WalArchive
from muniment.domain.repair.plan import (
    Held,
    MarkMending,
    Mending,
    RepairPlan,
    Wanted,
    plan_repair,
    wanted_objects,
)
from muniment.domain.retention.rules import lock_ahead
from muniment.domain.vault import keys
from muniment.errors import Damaged, MunimentError
from muniment.ports import Clock, Progress, Silent
from muniment.runbooks.repair.repair_mark import find_mark_repair, repair_mark

type Vaults = tuple[Vault, Vault]

_AT_ONCE = 8
_IN_MEMORY_BYTES = 512 * 2**20


@dataclass(frozen=True, slots=True)
class Failure:
    key: str
    what: str


def find_repair(vaults: Vaults, *, deep: bool = False, progress: Progress | None = None) -> RepairPlan:
    """Compares names, sizes and registers; ``deep`` reads and proves every byte of both. Writes nothing.

    ``vaults``: primary and replica. Raises what ``find_mark_repair`` raises, and ``StoreUnavailable`` where a region
    does not answer: what cannot be seen is not lacking.
    """
    progress = progress or Silent()
    if mark := find_mark_repair(vaults):
        return RepairPlan(vaults[0].firm, mark=mark)
    for vault in vaults:
        mac_key(vault)  # kept from here on: nobody who changes firm.json meanwhile makes registers look damaged
    sizes = [{item.key: item.size_bytes for item in vault.list("")} for vault in vaults]
    registers = read_registers(vaults, sizes)
    wanted = wanted_objects(registers.found, frozenset(sizes[0]) | frozenset(sizes[1]))
    one, other = (
        _held(vault, there, registers, wanted if deep else (), progress)
        for vault, there in zip(vaults, sizes, strict=True)
    )
    return plan_repair(vaults[0].firm, wanted, one, other)


def repair(plan: RepairPlan, vaults: Vaults, *, clock: Clock, progress: Progress | None = None) -> tuple[Failure, ...]:
    """Carries the plan out and returns what could not be brought: its source did not prove itself, or somebody wrote
    there since. A register whose parts could not be brought is not brought either."""
    by_bucket = {vault.bucket: vault for vault in vaults}
    if plan.mark:
        return _try_mark(plan.mark, by_bucket[plan.mark.bucket])
    failed: dict[str, str] = {lost.key: lost.why for lost in plan.lost}
    unplanned: list[Failure] = []
    with (progress or Silent()).step("repair", len(plan.mendings), "objects") as step:
        for each in plan.mendings:
            if what := _try(each, by_bucket, failed, clock()):
                failed[each.wanted.key] = what
                unplanned.append(Failure(each.wanted.key, what))
            step.advance(1)
    return tuple(unplanned)


def _try_mark(mark: MarkMending, vault: Vault) -> tuple[Failure, ...]:
    try:
        repair_mark(mark, vault)
    except MunimentError as error:
        return (Failure(keys.FIRM, error.what),)
    return ()


def _held(
    vault: Vault, sizes: Mapping[str, int], registers: ReadRegisters, to_read: Sequence[Wanted], progress: Progress
) -> Held:
    faults = dict(registers.faults[vault.bucket])
    there = [each for each in to_read if each.key in sizes and each.key not in faults]
    with progress.step(f"read {vault.bucket}", len(there), "objects") as step:
        for found in at_once(lambda each: _fault(vault, each), there, _AT_ONCE):
            step.advance(1)
            faults |= found
    return Held(vault.bucket, sizes, faults)


def _fault(vault: Vault, wanted: Wanted) -> dict[str, str]:
    try:
        _prove(vault, wanted)
    except Damaged as damage:
        return {wanted.key: damage.what}
    return {}


def _try(mending: Mending, vaults: Mapping[str, Vault], failed: Mapping[str, str], now: datetime) -> str | None:
    """What went wrong."""
    if without := sorted(mending.wanted.needs & failed.keys()):
        return f"it names what could not be brought: {without[0]}"
    try:
        _mend(mending.wanted, vaults[mending.source], vaults[mending.target], now)
    except MunimentError as error:
        return error.what
    return None


def _mend(wanted: Wanted, source: Vault, target: Vault, now: datetime) -> None:
    """Locked as long as its source is. A damaged object stays below as an older version: Object Lock holds it."""
    original, there = source.find(wanted.key), target.head(wanted.key)
    over = there.etag if there else None
    locked_until = lock_ahead(original.locked_until, now)
    if there is None and wanted.key.startswith(keys.DOCUMENT_OBJECTS):  # with its headers, however large it is
        _prove(source, wanted)
        item = ToCopy(wanted.key, original.size_bytes, locked_until, wanted.sha256)
        VaultCopy(source, target, 1).bring([item], {}, Silent())
        return
    if original.size_bytes > _IN_MEMORY_BYTES:
        raise target.damaged(wanted.key, "it is too large to be written over; delete its damaged version first")
    body = _prove(source, wanted)
    mend(target, wanted.key, body, over=over, locked_until=locked_until, metadata=original.metadata)


def _prove(vault: Vault, wanted: Wanted) -> bytes:
    """The stored bytes (of a large document none, once they are proven). Raises ``Damaged``."""
    key = wanted.key
    if key.startswith(keys.DOCUMENT_OBJECTS):
        return _prove_document(vault, wanted)
    if wanted.is_plain:
        return get_authentic(vault, key)
    if key.startswith(keys.WAL):
        _, system_identifier, _, name = key.split("/")
        return WalArchive(vault, int(system_identifier)).proven(name)[0]
    body = vault.get(key, sha256=wanted.sha256)
    vault.unseal(key, body)
    return body


def _prove_document(vault: Vault, wanted: Wanted) -> bytes:
    """A list from before every document had a sha256 leaves its size, and S3's checksums of the parts."""
    if (wanted.size_bytes or 0) <= _IN_MEMORY_BYTES:
        return vault.get(wanted.key, sha256=wanted.sha256)
    if wanted.sha256 not in (None, vault.read_sha256(wanted.key)):
        raise vault.damaged(wanted.key, "its sha256 is not the registered one")
    return b""
