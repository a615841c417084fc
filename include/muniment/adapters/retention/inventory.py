"""Reads what lies in a firm's two vaults: one LIST a prefix, one read a register, and no HEAD at all.

Document snapshots, each of which may name a million objects, are read one after the other, and what is kept of them is
one number an object.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import chain

from muniment.adapters.concurrency import at_once
from muniment.adapters.leases.leases import standing_leases
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.authenticity import read_mark, read_register
from muniment.adapters.vault.vault import Vault
from muniment.domain.holds.hold import Hold
from muniment.domain.leases.lease import Standing
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault import keys
from muniment.domain.vault.inventory import PREFIXES, BackupFacts, Inventory
from muniment.domain.vault.named_documents import NamedDocuments, SnapshotIndex
from muniment.errors import RegisterHidden

_AT_ONCE = 16
_SHOWN = 10


def read_inventories(site: Site) -> tuple[Inventory, Inventory]:
    """Primary and replica. A register that both have is read once: the copy has proven it to be the same bytes.

    A hold counts for both vaults, wherever it was placed. Raises ``RegisterHidden`` where delete markers lie over
    registers: what they hide would look as if no point needed it.
    """
    versions = {vault.bucket: _list(vault) for vault in site.vaults}
    holds = {hold.id: hold for vault in site.vaults for hold in _holds(vault, versions[vault.bucket])}
    leases, serving = standing_in(site.vaults), read_mark(site.primary).system_identifier
    backups = _read_backups(site.vaults, versions)
    documents = _read_snapshots(site.vaults, versions)
    primary, replica = (
        Inventory(
            bucket=vault.bucket,
            versions=versions[vault.bucket],
            points=catalog.points(vault),
            backups=backups[vault.bucket],
            documents=documents[vault.bucket],
            holds=tuple(holds[name] for name in sorted(holds)),
            leases=leases,
            serving=serving,
        )
        for vault in site.vaults
    )
    return primary, replica


def standing_in(vaults: Iterable[Vault]) -> tuple[Standing, ...]:
    """A lease counts for both vaults, whichever it was written to; the one that ends later, where it is in both."""
    found: dict[str, Standing] = {}
    for lease in chain.from_iterable(standing_leases(vault) for vault in vaults):
        if lease.id not in found or found[lease.id].until < lease.until:
            found[lease.id] = lease
    return tuple(found[name] for name in sorted(found))


def _list(vault: Vault) -> tuple[ObjectVersion, ...]:
    def under(prefix: str) -> list[ObjectVersion]:
        # Without ETags: a million of them are 80 MB, and nobody asks here whether bytes are the same.
        return [replace(found, etag="") for found in vault.list_versions(prefix)]

    found = [version for part in at_once(under, (*PREFIXES, keys.HOLDS), _AT_ONCE) for version in part]
    _prove_visible(vault, found)
    return tuple(sorted(found, key=lambda version: (version.key, version.modified_at)))


def _prove_visible(vault: Vault, versions: Iterable[ObjectVersion]) -> None:
    versions = list(versions)
    held = {version.key for version in versions if not version.is_delete_marker}
    hidden = sorted(
        {v.key for v in versions if v.is_delete_marker and v.is_latest and v.key in held and _registers(v.key)}
    )
    if hidden:
        shown = ", ".join(hidden[:_SHOWN]) + (" …" if len(hidden) > _SHOWN else "")
        raise RegisterHidden(count=len(hidden), bucket=vault.bucket, keys=shown)


def _registers(key: str) -> bool:
    return key.startswith((keys.POINTS, keys.HOLDS, keys.DOCUMENT_SNAPSHOTS)) or _backup_id(key) is not None


def _backup_id(key: str) -> str | None:
    return key.split("/")[1] if key.startswith(keys.BASE) and key.endswith("/backup.json") else None


def _snapshot_id(key: str) -> str | None:
    return key.removeprefix(keys.DOCUMENT_SNAPSHOTS) if key.startswith(keys.DOCUMENT_SNAPSHOTS) else None


def _holds(vault: Vault, versions: Iterable[ObjectVersion]) -> list[Hold]:
    return [read_register(vault, Hold, v.key) for v in versions if v.is_current and v.key.startswith(keys.HOLDS)]


def _read_backups(
    vaults: Iterable[Vault], versions: Mapping[str, Iterable[ObjectVersion]]
) -> dict[str, dict[str, BackupFacts]]:
    """Bucket → id → what the register says."""
    known: dict[str, BackupFacts] = {}
    found: dict[str, dict[str, BackupFacts]] = {}
    for vault in vaults:
        ids = _current(versions[vault.bucket], _backup_id)

        def one(wanted: str, vault: Vault = vault) -> tuple[str, BackupFacts]:
            return wanted, BackupFacts.of(catalog.find_backup(vault, wanted))

        known |= dict(at_once(one, [wanted for wanted in ids if wanted not in known], _AT_ONCE))
        found[vault.bucket] = {wanted: known[wanted] for wanted in ids}
    return found


def _read_snapshots(
    vaults: Iterable[Vault], versions: Mapping[str, Iterable[ObjectVersion]]
) -> dict[str, NamedDocuments]:
    """By bucket. One at a time: a list and what it was parsed from are gone before the next one is fetched."""
    index = SnapshotIndex()
    found: dict[str, NamedDocuments] = {}
    for vault in vaults:
        ids = _current(versions[vault.bucket], _snapshot_id)
        for wanted in ids:
            if wanted not in index:
                catalog.read_names(vault, wanted, index)
        found[vault.bucket] = NamedDocuments(index, frozenset(ids))
    return found


def _current(versions: Iterable[ObjectVersion], name: Callable[[str], str | None]) -> list[str]:
    return [named for version in versions if version.is_current and (named := name(version.key))]
