"""Reads WAL files back once: each is checked the night it is new, and a ledger remembers it."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from include.muniment.adapters.site import Site
from include.muniment.adapters.vault import StoredObject, Vault
from include.muniment.adapters.wal_archive import WalArchive
from include.muniment.domain import keys
from include.muniment.domain.register import VerifiedObject, VerifiedWal, new_id
from include.muniment.domain.retention import chain_locked_until
from include.muniment.domain.wal import SystemIdentifier
from include.muniment.ports import Clock, Progress, Step
from include.muniment.runbooks.push_wal import workers_for


def verify_new_files(
    site: Site, store: WalArchive, files: Mapping[str, StoredObject], *, clock: Clock, progress: Progress
) -> int:
    """Checks header and checksum of every file that the ledger does not know; returns how many these were.

    Raises ``ObjectDamaged``, ``ObjectMissing`` or ``WalSegmentInvalid`` for the first file that is wrong; then nothing
    is noted in the ledger. A file that was replaced since counts as new.
    """
    known = verified_files(store.vault, store.system_identifier)
    new = [(name, found) for name, found in files.items() if _entry(name, found) not in known]
    if not new:
        return 0
    with progress.step("verify wal", len(new), "segments") as step:
        _read_all(store, [name for name, _ in new], step)
    ledger = VerifiedWal(
        firm=site.firm.id,
        system_identifier=store.system_identifier,
        verified_at=clock(),
        files=tuple(_entry(name, found) for name, found in new),
    )
    key = keys.verified_wal(store.system_identifier, new_id(ledger.verified_at))
    store.vault.put_register(key, ledger, locked_until=chain_locked_until(site.policy, ledger.verified_at))
    return len(new)


def verified_files(vault: Vault, system_identifier: SystemIdentifier) -> frozenset[VerifiedObject]:
    """Everything that any run has checked in this vault."""
    pages = [found.key for found in vault.list(keys.verified_wal_prefix(system_identifier))]
    with ThreadPoolExecutor(8, "ledger") as pool:
        ledgers = pool.map(lambda key: VerifiedWal.from_json(vault.get(key)), pages)
        return frozenset(entry for ledger in ledgers for entry in ledger.files)


def _entry(name: str, found: StoredObject) -> VerifiedObject:
    return VerifiedObject(name=name, stored_bytes=found.size_bytes, modified_at=found.modified_at)


def _read_all(store: WalArchive, names: Iterable[str], step: Step) -> None:
    """The size of one segment, unknown before it is read, bounds how many are read at once: 16 MiB is the usual one."""
    with ThreadPoolExecutor(workers_for(16 * 2**20), "verify") as pool:
        try:
            for _ in pool.map(partial(_read_one, store, step), names):
                pass
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _read_one(store: WalArchive, step: Step, name: str) -> None:
    store.read(name)
    step.advance(1)
