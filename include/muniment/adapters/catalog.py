"""What is registered in a vault: the JSON documents that make base backups and recovery points exist.

Everything is ordered by id, which is by time. Half-made backups (no ``backup.json``) do not show.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from include.muniment.adapters.vault import Vault
from include.muniment.domain import keys
from include.muniment.domain.register import Backup, DocumentSnapshot, Point
from include.muniment.errors import NothingToRestore, ObjectMissing

# Registers are read one request each; this many are under way at once.
READS_AT_ONCE = 8


def registered_backups(vault: Vault) -> tuple[Backup, ...]:
    """Every registered base backup, oldest first."""
    return tuple(_read_all(list(backup_ids(vault)), lambda backup_id: read_backup(vault, backup_id)))


def find_backup(vault: Vault, backup_id: str) -> Backup:
    """Raises ``ObjectMissing`` where no backup of that id is registered."""
    return Backup.from_json(vault.get(keys.backup_register(backup_id)))


def read_backup(vault: Vault, backup_id: str) -> Backup | None:
    """``None`` where its chunks may be there but nothing registers them."""
    try:
        return find_backup(vault, backup_id)
    except ObjectMissing:
        return None


def backup_ids(vault: Vault) -> Iterator[str]:
    """Ids of every base backup that has any object, registered or not, oldest first."""
    return vault.list_folders(keys.BASE)


def latest_backups(vault: Vault) -> Iterator[Backup]:
    """Registered backups, newest first, each read only when it is asked for."""
    for backup_id in reversed(list(backup_ids(vault))):
        found = read_backup(vault, backup_id)
        if found is not None:
            yield found


def chain_of(vault: Vault, backup: Backup) -> tuple[Backup, ...]:
    """The full backup that ``backup`` builds on, each incremental after it, and ``backup`` itself.

    Raises ``ObjectMissing`` where a parent is not registered any more.
    """
    chain = [backup]
    while chain[-1].parent is not None:
        chain.append(find_backup(vault, chain[-1].parent))
    return tuple(reversed(chain))


def points(vault: Vault) -> tuple[Point, ...]:
    """Every recovery point, oldest first."""
    return tuple(_read_all([item.key for item in vault.list(keys.POINTS)], lambda key: _read_point(vault, key)))


def find_point(vault: Vault, point_id: str) -> Point:
    """Raises ``ObjectMissing`` where no such point is registered."""
    return Point.from_json(vault.get(keys.point(point_id)))


def latest_point(vault: Vault) -> Point:
    """Raises ``NothingToRestore`` where there is none."""
    newest = max((item.key for item in vault.list(keys.POINTS)), default=None)
    if newest is None:
        raise NothingToRestore(bucket=vault.bucket, firm=vault.firm)
    return Point.from_json(vault.get(newest))


def find_snapshot(vault: Vault, snapshot_id: str) -> DocumentSnapshot:
    """Raises ``ObjectMissing`` where no such document snapshot is registered."""
    return DocumentSnapshot.from_json(vault.get_sealed(keys.document_snapshot(snapshot_id)))


def latest_snapshot(vault: Vault) -> DocumentSnapshot | None:
    """By the time at which S3 stored it: an id is as wrong as the clock of the worker that made it."""
    newest = max(vault.list(keys.DOCUMENT_SNAPSHOTS), key=lambda item: (item.modified_at, item.key), default=None)
    return find_snapshot(vault, newest.key.removeprefix(keys.DOCUMENT_SNAPSHOTS)) if newest else None


def _read_point(vault: Vault, key: str) -> Point | None:
    """``None`` where it was deleted after it had been listed."""
    try:
        return Point.from_json(vault.get(key))
    except ObjectMissing:
        return None


def _read_all[T](names: Iterable[str], read: Callable[[str], T | None]) -> Iterator[T]:
    with ThreadPoolExecutor(READS_AT_ONCE, "catalog") as pool:
        yield from (found for found in pool.map(read, names) if found is not None)
