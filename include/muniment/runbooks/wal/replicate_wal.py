"""Brings new WAL to the other region, server-side: losing a region then loses minutes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from muniment.adapters.concurrency import at_once
from muniment.adapters.site.site import Site
from muniment.adapters.store.port import CopySource
from muniment.adapters.vault.replication import copy_object
from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.archive import WalArchive
from muniment.domain.retention.rules import chain_locked_until
from muniment.domain.stored_object import StoredObject
from muniment.domain.vault import keys
from muniment.domain.wal.names import SystemIdentifier, is_history
from muniment.ports import Clock, Progress, Silent
from muniment.runbooks.identity import prove_vaults, require_replica
from muniment.runbooks.vault.bring_adoption import bring_adoption

COPIES_AT_ONCE = 16

type Copier = Callable[..., StoredObject]
"""``copy_object`` or ``copy_once``."""


def replicate_wal(
    site: Site, *, clock: Clock, progress: Progress | None = None, lasting: timedelta | None = None
) -> int:
    """Copies every WAL file that the replica vault lacks and returns how many these were; after ``lasting`` no
    other one is begun.

    Needs no connection to the cluster: it goes on while the server is down. Two runs at once harm nothing, because
    each write is conditional. Raises ``ObjectDamaged`` where a copy's checksum is not its source's,
    and ``StoreUnavailable`` where the replica's region is away.
    """
    began, progress = clock(), progress or Silent()
    require_replica(site)
    mark = prove_vaults(site)
    for done in bring_adoption(site, clock=clock):
        progress.note(f"made: {done}")
    there, here = (WalArchive(vault, mark.system_identifier).files() for vault in (site.replica, site.primary))
    until = chain_locked_until(site.policy, began)
    copying = WalCopy(site.primary, site.replica, mark.system_identifier, until, COPIES_AT_ONCE)
    lacking = [name for name in here if name not in there]
    return copying.bring(lacking, progress, goes_on=lambda: is_within(lasting, began, clock))


def is_within(lasting: timedelta | None, began: datetime, clock: Clock) -> bool:
    """``None``: for as long as it takes."""
    return lasting is None or clock() - began < lasting


@dataclass(frozen=True, slots=True)
class WalCopy:
    """Of one cluster's archive, ``workers`` files at once."""

    source: Vault
    target: Vault
    system_identifier: SystemIdentifier
    locked_until: datetime
    workers: int
    copy: Copier = copy_object

    def bring(self, names: Iterable[str], progress: Progress, *, goes_on: Callable[[], bool] = lambda: True) -> int:
        """Returns how many were copied: what the source has lost since, or ``goes_on`` left to the next one, was not.

        History files first: a timeline's segments are of no use to a recovery that cannot read where it came from.
        Raises ``ObjectDamaged`` and what a store raises, for the first file, and begins no other then.
        """
        names = sorted(set(names))
        histories = [name for name in names if is_history(name)]
        others = [name for name in names if not is_history(name)]
        copied = 0
        with progress.step("replicate wal", len(names), "segments") as step:
            for group in (histories, others):
                for done in at_once(lambda name: goes_on() and self._bring(name), group, self.workers):
                    step.advance(1)
                    copied += done
        return copied

    def _bring(self, name: str) -> bool:
        key = keys.wal(self.system_identifier, name)
        original = self.source.head(key)
        if original is None:
            return False
        source = CopySource(self.source.store, key, original.size_bytes)
        copied = self.copy(source, target=self.target, key=key, locked_until=self.locked_until)
        if copied.sha256 is None or copied.sha256 != original.sha256:
            raise self.target.damaged(key, f"its sha256 is not that of {self.source.bucket}/{key}")
        return True
