"""The records of restores in a firm's vaults."""

from contextlib import suppress
from datetime import datetime

from muniment.adapters.site.site import Site
from muniment.adapters.vault.authenticity import read_register
from muniment.adapters.vault.vault import Vault
from muniment.domain.approval import Approval
from muniment.domain.recovery.roll_back import RolledBack
from muniment.domain.restore.record import ContactTold, RestoreRecord
from muniment.domain.vault import keys
from muniment.errors import Damaged, ObjectMissing, StoreUnavailable


def write_record(site: Site, record: RestoreRecord, *, locked_until: datetime) -> RestoreRecord:
    """Into both vaults, the primary's last: now it exists. What a killed run wrote into one is what the other gets."""
    record = _begun(site, record.id) or record
    for vault in (site.replica, site.primary):
        vault.put_register(keys.restore(record.id), record, locked_until=locked_until)
    return record


def find_record(vault: Vault, restore_id: str) -> RestoreRecord:
    """Raises ``ObjectMissing``."""
    return read_register(vault, RestoreRecord, keys.restore(restore_id))


def records(vault: Vault) -> tuple[RestoreRecord, ...]:
    """Oldest first."""
    found = (read_register(vault, RestoreRecord, key) for key in _keys(vault) if "." not in _restore_id(key))
    return tuple(sorted(found, key=lambda record: (record.finished_at, record.id)))


def rolled_back(vault: Vault) -> tuple[RolledBack, ...]:
    """Every cut-over that was undone, oldest first.

    A damaged record stops no restore: verify names it, and WAL tells the same once the cluster has archived again.
    """
    found = []
    for key in _keys(vault):
        if key.endswith(keys.ROLLED_BACK):
            with suppress(Damaged):
                found.append(read_register(vault, RolledBack, key))
    return tuple(found)


def is_rolled_back(vault: Vault, restore_id: str) -> bool:
    return vault.head(keys.rolled_back(restore_id)) is not None


def write_rolled_back(vault: Vault, record: RolledBack, *, locked_until: datetime) -> None:
    """Into one vault: where the other one is out of reach, this one knows all the same."""
    if not is_rolled_back(vault, record.id):
        vault.put_register(keys.rolled_back(record.id), record, locked_until=locked_until)


def untold(vault: Vault) -> tuple[RolledBack, ...]:
    """Restores that were live and are undone, and of which nobody has tried to tell the firm's contact."""
    there = set(_keys(vault))
    found = (key for key in there if key.endswith(keys.ROLLED_BACK))
    waiting = (key for key in found if key.removesuffix(keys.ROLLED_BACK) + keys.ROLLED_BACK_TOLD not in there)
    records = [read_register(vault, RolledBack, key) for key in sorted(waiting)]
    return tuple(record for record in records if record.was_live)


def write_told(site: Site, told: ContactTold, *, locked_until: datetime) -> None:
    """Into the primary, where ``untold`` looks, and into the replica where it answers: nobody is told twice for it."""
    key = keys.rolled_back_told(told.id)
    site.primary.put_register(key, told, locked_until=locked_until)
    with suppress(StoreUnavailable):
        site.replica.put_register(key, told, locked_until=locked_until)


def _keys(vault: Vault) -> tuple[str, ...]:
    return tuple(item.key for item in vault.list(keys.RESTORES))


def _restore_id(key: str) -> str:
    return key.removeprefix(keys.RESTORES).removesuffix(".json")


def write_approval(site: Site, restore_id: str, approval: Approval, *, locked_until: datetime) -> Approval:
    """Into both vaults, at the moment it is given. The first one counts: who else answers gets that one back."""
    approval = find_approval(site, restore_id, approval.plan_sha256) or approval
    for vault in (site.replica, site.primary):
        key = keys.restore_approval(restore_id, approval.plan_sha256)
        vault.put_register(key, approval, locked_until=locked_until)
    return approval


def find_approval(site: Site, restore_id: str, plan_sha256: str) -> Approval | None:
    """From either vault: what a killed run wrote into one of them was given all the same."""
    for vault in (site.replica, site.primary):
        try:
            return read_register(vault, Approval, keys.restore_approval(restore_id, plan_sha256))
        except ObjectMissing:
            continue
    return None


def _begun(site: Site, restore_id: str) -> RestoreRecord | None:
    for vault in (site.replica, site.primary):
        try:
            return find_record(vault, restore_id)
        except ObjectMissing:
            continue
    return None
