"""Brings new WAL to the other region within minutes, server-side: losing a region then loses minutes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial

from muniment.adapters.site.site import Site
from muniment.adapters.store.port import CopySource
from muniment.adapters.vault.replication import copy_object
from muniment.adapters.wal.archive import WalArchive
from muniment.domain.retention.rules import chain_locked_until
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.wal.names import is_history
from muniment.ports import Clock, Progress, Silent, Step
from muniment.runbooks.identity import prove_vaults, require_replica
from muniment.runbooks.vault.bring_adoption import bring_adoption

COPIES_AT_ONCE = 16


def replicate_wal(site: Site, *, clock: Clock, progress: Progress | None = None) -> int:
    """Copies every WAL file that the replica vault lacks and returns how many these were.

    Needs no connection to the cluster: it goes on while the server is down. Two runs at once harm nothing, because
    each write is conditional. Raises ``ObjectDamaged`` where a copy's checksum is not its source's,
    and ``StoreUnavailable`` where the replica's region is away.
    """
    progress = progress or Silent()
    require_replica(site)
    mark = prove_vaults(site)
    for done in bring_adoption(site, clock=clock):
        progress.note(f"made: {done}")
    source = WalArchive(site.primary, mark.system_identifier)
    there = WalArchive(site.replica, mark.system_identifier).files()
    lacking = [found for name, found in source.files().items() if name not in there]
    # A timeline's segments are of no use to a recovery that cannot read where the timeline came from.
    lacking.sort(key=lambda found: not is_history(found.key.rsplit("/", 1)[1]))
    locked_until = chain_locked_until(site.policy, clock())
    with progress.step("replicate wal", len(lacking), "segments") as step, ThreadPoolExecutor(COPIES_AT_ONCE) as pool:
        for _ in pool.map(partial(_copy, site, locked_until, step), lacking):
            pass
    return len(lacking)


def _copy(site: Site, locked_until: datetime, step: Step, found: ObjectVersion) -> None:
    source = CopySource(site.primary.store, found.key, found.size_bytes)
    copied = copy_object(source, target=site.replica, key=found.key, locked_until=locked_until)
    original = site.primary.head(found.key)
    if original is None or copied.sha256 is None or copied.sha256 != original.sha256:
        reason = f"its sha256 is not that of {site.primary.bucket}/{found.key}"
        raise site.replica.damaged(found.key, reason)
    step.advance(1)
