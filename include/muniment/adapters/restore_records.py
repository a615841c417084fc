"""The records of restores in a firm's vaults."""

from datetime import datetime

from include.muniment.adapters.site import Site
from include.muniment.adapters.vault import Vault
from include.muniment.domain import keys
from include.muniment.domain.restore_record import RestoreRecord
from include.muniment.errors import ObjectMissing


def write_record(site: Site, record: RestoreRecord, *, locked_until: datetime) -> RestoreRecord:
    """Into both vaults, the primary's last: now it exists. What a killed run wrote into one is what the other gets."""
    record = _begun(site, record.id) or record
    for vault in (site.replica, site.primary):
        vault.put_register(keys.restore(record.id), record, locked_until=locked_until)
    return record


def find_record(vault: Vault, restore_id: str) -> RestoreRecord:
    """Raises ``ObjectMissing``."""
    return RestoreRecord.from_json(vault.get(keys.restore(restore_id)))


def records(vault: Vault) -> tuple[RestoreRecord, ...]:
    """Oldest first."""
    names = (item.key.removeprefix(keys.RESTORES).removesuffix(".json") for item in vault.list(keys.RESTORES))
    return tuple(find_record(vault, name) for name in names)


def _begun(site: Site, restore_id: str) -> RestoreRecord | None:
    for vault in (site.replica, site.primary):
        try:
            return find_record(vault, restore_id)
        except ObjectMissing:
            continue
    return None
