"""Leases, and expire's own mark, in one vault: written again before they end, and taken away when they are over.

They are the only objects beside the restore kit that are overwritten. None is locked, and each write leaves a version
behind: whoever wrote it takes it away, and what a killed process left, the next expire sweeps up.
"""

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Thread

from muniment.adapters.vault.authenticity import code_of, read_register
from muniment.adapters.vault.vault import Vault
from muniment.domain.leases.lease import DELETES_FOR, LASTS, Expiring, Lease, Standing, stands
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault import keys
from muniment.errors import MunimentError, ObjectDamaged, ObjectMissing

_TAKING_AWAY_S, _TRIED_AGAIN_S = 30.0, 60.0


@dataclass(frozen=True, slots=True)
class Written:
    """``at`` is what the store's clock said."""

    vault: Vault
    key: str
    version_id: str
    at: datetime

    def take_away(self) -> None:
        """This version and no other: nobody has the right to lay a delete marker."""
        self.vault.store.delete_version(self.key, self.version_id)


def write(vault: Vault, key: str, document: Lease | Expiring) -> Written:
    body = document.to_json()
    written = vault.store.put(key, body, metadata=code_of(vault, key, body))
    return Written(vault, key, written.version_id, written.at)


class KeptUp:
    """One object that ends by itself, written again when a quarter of its time is over, by a thread of its own.

    A store that does not answer keeps nobody waiting: the thread goes on trying, and takes away what it wrote.
    """

    def __init__(self, vault: Vault, key: str, document: Lease | Expiring) -> None:
        self.vault = vault
        self.failure: MunimentError | None = None
        self._key, self._document = key, document
        self._written: Written | None = None
        self._ends = 0.0
        self._begun, self._over, self._stays = Event(), Event(), Event()
        self._thread = Thread(target=self._run, name=f"keep {key}", daemon=True)
        self._thread.start()

    def wait(self, patience_s: float | None = None) -> bool:
        """Whether it stands; without an answer in ``patience_s`` it may yet."""
        self._begun.wait(patience_s)
        return self.stands

    def end(self) -> None:
        """Takes it away."""
        self._over.set()
        self._thread.join(_TAKING_AWAY_S if self._begun.is_set() else 0)

    def leave(self) -> None:
        """Lets it end by itself."""
        self._stays.set()
        self.end()

    @property
    def stands(self) -> bool:
        """By a clock that nobody can set, counted from before the request was sent."""
        return self._written is not None and time.clock_gettime(time.CLOCK_BOOTTIME) < self._ends

    @property
    def until(self) -> datetime | None:
        """By the store's clock."""
        return self._document.ends_at(self._written.at) if self._written else None

    def _run(self) -> None:
        while True:
            self._write()
            self._begun.set()
            pause_s = self._document.lasts_s / 4
            if self._over.wait(min(pause_s, _TRIED_AGAIN_S) if self.failure else pause_s):
                break
        if self._written and not self._stays.is_set():
            with suppress(MunimentError):
                self._written.take_away()

    def _write(self) -> None:
        before, began = self._written, time.clock_gettime(time.CLOCK_BOOTTIME)
        try:
            self._written = write(self.vault, self._key, self._document)
            self._ends, self.failure = began + self._document.lasts_s, None
        except MunimentError as error:
            self.failure = error
        else:
            with suppress(MunimentError):  # the next expire sweeps it up
                if before:
                    before.take_away()


def standing_leases(vault: Vault) -> tuple[Standing, ...]:
    """Those that have not ended by this store's clock."""
    found = [lease for item in vault.list(keys.LEASES) if (lease := _read_lease(vault, item)) is not None]
    now = vault.store.clock() if found else None
    return tuple(lease for lease in found if now and stands(lease.until, now))


def _read_lease(vault: Vault, item: ObjectVersion) -> Standing | None:
    """``None`` where it was taken away since it was listed."""
    lease_id = item.key.removeprefix(keys.LEASES).removesuffix(".json")
    try:
        lease = read_register(vault, Lease, item.key)
    except ObjectMissing:
        return None
    except ObjectDamaged:
        return Standing(lease_id, f"somebody whose lease {item.key} cannot be read", item.modified_at + LASTS, None)
    return Standing(lease_id, lease.reader, lease.ends_at(item.modified_at), lease.needs)


def standing_mark(vault: Vault) -> tuple[Expiring, datetime] | None:
    """What an expire deletes from this vault now, and when its mark ends.

    Raises ``ObjectDamaged`` for one that cannot be believed, for as long as it might stand: a restore does not wait for
    the next expire to take away what nobody can read.
    """
    found = vault.head(keys.EXPIRING)
    if found is None:
        return None
    try:
        mark = read_register(vault, Expiring, keys.EXPIRING)
    except ObjectMissing:
        return None
    except ObjectDamaged:
        if not stands(found.modified_at + DELETES_FOR, vault.store.clock()):
            return None
        raise
    until = mark.ends_at(found.modified_at)
    return (mark, until) if stands(until, vault.store.clock()) else None


def swept(vault: Vault) -> tuple[ObjectVersion, ...]:
    """Versions that nobody needs: of leases that have ended, and those that a renewal has left behind."""
    found = [*vault.list_versions(keys.LEASES), *vault.list_versions(keys.EXPIRING)]
    standing = {keys.lease(lease.id) for lease in standing_leases(vault)}  # after: a new one is not in ``found``
    return tuple(
        each for each in found if not each.is_latest or (each.key.startswith(keys.LEASES) and each.key not in standing)
    )


def versions_of(vault: Vault, lease_id: str) -> Iterable[Written]:
    """All that was ever written of one lease."""
    for each in vault.list_versions(keys.lease(lease_id)):
        yield Written(vault, each.key, each.version_id, each.modified_at)
