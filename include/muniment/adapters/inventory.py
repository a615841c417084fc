"""Reads what lies in a firm's two vaults: one LIST a prefix, one read a register, and no HEAD at all."""

from collections.abc import Callable, Iterable, Mapping

from include.muniment.adapters import catalog
from include.muniment.adapters.at_once import at_once
from include.muniment.adapters.authenticity import read_register
from include.muniment.adapters.site import Site
from include.muniment.adapters.vault import Vault
from include.muniment.domain import keys
from include.muniment.domain.inventory import PREFIXES, BackupFacts, Inventory, ObjectVersion
from include.muniment.domain.register import Hold
from include.muniment.errors import RegisterHidden

_AT_ONCE = 16
_SHOWN = 10


def read_inventories(site: Site) -> tuple[Inventory, Inventory]:
    """Primary and replica. A register that both have is read once: the copy has proven it to be the same bytes.

    A hold counts for both vaults, wherever it was placed. Raises ``RegisterHidden`` where delete markers lie over
    registers: what they hide would look as if no point needed it.
    """
    versions = {vault.bucket: _list(vault) for vault in site.vaults}
    holds = {hold.id: hold for vault in site.vaults for hold in _holds(vault, versions[vault.bucket])}
    backups = _read(site.vaults, versions, _backup_id, _read_backup)
    documents = _read(site.vaults, versions, _snapshot_id, _read_snapshot)
    primary, replica = (
        Inventory(
            bucket=vault.bucket,
            versions=versions[vault.bucket],
            points=catalog.points(vault),
            backups=backups[vault.bucket],
            documents=documents[vault.bucket],
            holds=tuple(holds[name] for name in sorted(holds)),
        )
        for vault in site.vaults
    )
    return primary, replica


def _list(vault: Vault) -> tuple[ObjectVersion, ...]:
    def under(prefix: str) -> list[ObjectVersion]:
        return [
            ObjectVersion(
                key=found.key,
                version_id=found.version_id,
                size_bytes=found.size_bytes,
                modified_at=found.modified_at,
                is_delete_marker=found.is_delete_marker,
                is_latest=found.is_latest,
            )
            for found in vault.list_versions(prefix)
        ]

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


def _read_backup(vault: Vault, backup_id: str) -> BackupFacts:
    return BackupFacts.of(catalog.find_backup(vault, backup_id))


def _read_snapshot(vault: Vault, snapshot_id: str) -> frozenset[str]:
    return frozenset(version.object for version in catalog.find_snapshot(vault, snapshot_id).versions)


def _read[T](
    vaults: Iterable[Vault],
    versions: Mapping[str, Iterable[ObjectVersion]],
    name: Callable[[str], str | None],
    read: Callable[[Vault, str], T],
) -> dict[str, dict[str, T]]:
    """Bucket → id → what the register says."""
    known: dict[str, T] = {}
    found: dict[str, dict[str, T]] = {}
    for vault in vaults:
        ids = [named for version in versions[vault.bucket] if version.is_current and (named := name(version.key))]

        def one(wanted: str, vault: Vault = vault) -> tuple[str, T]:
            return wanted, read(vault, wanted)

        known |= dict(at_once(one, [wanted for wanted in ids if wanted not in known], _AT_ONCE))
        found[vault.bucket] = {wanted: known[wanted] for wanted in ids}
    return found
