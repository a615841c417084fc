"""Is everything that a plan names still there? Asked when it is carried out, before anything is overwritten.

By listings alone, a few requests for each base backup: whether the bytes are right shows when they are fetched.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial

from muniment.adapters.vault.replication import sizes_under
from muniment.adapters.vault.vault import Vault
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Backup
from muniment.domain.wal.names import WalSegment, is_segment
from muniment.errors import MunimentError, PlanOutdated


def prove_base(vaults: Sequence[Vault], plan: RestorePlan, chain: Iterable[Backup]) -> None:
    """Every object of its base backups. Raises ``PlanOutdated`` for what none of ``vaults`` has."""
    missing = [key for backup in chain for key in _missing(vaults, backup.keys(), partial(_listed, backup))]
    _refuse(vaults[0], plan, missing)


def prove_rest(vaults: Sequence[Vault], plan: RestorePlan, backup: Backup) -> None:
    """What is fetched after the base backups: WAL, configuration, and the lists of the documents."""
    prefix = keys.wal_prefix(backup.system_identifier)
    numbers = _missing(vaults, _numbers(plan, backup), lambda vault: set(_held(vault, plan, backup, prefix)))
    documents = plan.documents
    named = [keys.config(plan.config)]
    if documents:
        named += [keys.document_snapshot(each) for each in (documents.snapshot, documents.following) if each]
    missing = _missing(vaults, named, lambda vault: {key for key in named if vault.head(key) is not None})
    _refuse(vaults[0], plan, [*(f"{prefix}…/segment number {number}" for number in numbers), *missing])


def _missing[T](vaults: Sequence[Vault], wanted: Iterable[T], there: Callable[[Vault], set[T]]) -> list[T]:
    """The others are only asked for what the first one lacks; they need not answer."""
    home, *others = vaults
    found = there(home)
    missing = [key for key in wanted if key not in found]
    for other in others:
        if missing:
            with suppress(MunimentError):
                lent = there(other)
                missing = [key for key in missing if key not in lent]
    return missing


def _listed(backup: Backup, vault: Vault) -> set[str]:
    return set(sizes_under(vault, keys.backup(backup.id)))


def _numbers(plan: RestorePlan, backup: Backup) -> range:
    wal = plan.replay.wal
    first, last = (WalSegment.parse(each, backup.wal_segment_bytes) for each in (wal.first_segment, wal.last_segment))
    return range(first.number, last.number + 1)


def _held(vault: Vault, plan: RestorePlan, backup: Backup, prefix: str) -> Iterator[int]:
    """Positions, on whichever timeline of the plan's history: a switch lies in the child's segment."""
    for line in range(backup.timeline, plan.timeline + 1):
        for found in vault.list(f"{prefix}{line:08X}/"):
            name = found.key.rsplit("/", 1)[1]
            if is_segment(name):
                yield WalSegment.parse(name, backup.wal_segment_bytes).number


def _refuse(home: Vault, plan: RestorePlan, missing: Sequence[str]) -> None:
    if missing:
        raise PlanOutdated(
            key=missing[0], bucket=home.bucket, count=len(missing), plan=plan.id, firm=plan.firm, place=plan.into
        )
