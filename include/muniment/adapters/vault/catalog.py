"""What is registered in a vault: the JSON documents that make base backups and recovery points exist.

Everything is ordered by what was measured (``Measured``), never by its id. Half-made backups (no ``backup.json``) do
not show.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Protocol, TypedDict

from pydantic import AwareDatetime, BaseModel
from pydantic_core import from_json

from muniment.adapters.vault.authenticity import Damaged, going_past, read_mark, read_register
from muniment.adapters.vault.vault import Vault
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault import keys
from muniment.domain.vault.named_documents import SnapshotIndex
from muniment.domain.vault.registers import (
    CLOCKS_DIFFER,
    Backup,
    DocumentSnapshot,
    Measured,
    Point,
    SnapshotHead,
)
from muniment.errors import NothingToRestore, ObjectDamaged, ObjectMissing, StoreRefused, Transient

# Registers are read one request each; this many are under way at once.
READS_AT_ONCE = 8
# Of a snapshot's JSON, what comes before its documents is far shorter.
_HEAD_BYTES = 4096


class _Ordered(Protocol):
    @property
    def measured(self) -> Measured: ...


def registered_backups(vault: Vault, *, damaged: Damaged | None = None) -> tuple[Backup, ...]:
    """Every registered base backup, oldest first. ``damaged``: as for ``points``."""
    return _oldest_first(_read_all(list(backup_ids(vault)), going_past(damaged, partial(read_backup, vault))))


def find_backup(vault: Vault, backup_id: str) -> Backup:
    """Raises ``ObjectMissing`` where no backup of that id is registered."""
    return read_register(vault, Backup, keys.backup_register(backup_id))


def read_backup(vault: Vault, backup_id: str) -> Backup | None:
    """``None`` where its chunks may be there but nothing registers them."""
    return _unless_missing(lambda: find_backup(vault, backup_id))


def backup_ids(vault: Vault) -> Iterator[str]:
    """Ids of every base backup that has any object, registered or not, in no order that means anything."""
    return vault.list_folders(keys.BASE)


def left_out_of_last_backup(vault: Vault) -> tuple[str, ...]:
    """Links of the data directory, by their paths in it; nothing where no base backup's register can be read."""
    with suppress(ObjectDamaged):
        return next((newest.left_out for newest in latest_backups(vault)), ())
    return ()


def latest_backups(vault: Vault) -> Iterator[Backup]:
    """Registered backups, newest first, each read only when it may be the next: a register can have megabytes."""
    registers = _read_all(map(keys.backup_register, backup_ids(vault)), vault.head)
    return newest_first(registers, lambda key: _unless_missing(lambda: read_register(vault, Backup, key)))


def chain_of(vault: Vault, backup: Backup) -> tuple[Backup, ...]:
    """The full backup that ``backup`` builds on, each incremental after it, and ``backup`` itself.

    Raises ``ObjectMissing`` where a parent is not registered any more.
    """
    chain = [backup]
    while chain[-1].parent is not None:
        chain.append(find_backup(vault, chain[-1].parent))
    return tuple(reversed(chain))


def points(
    vault: Vault, *, damaged: Damaged | None = None, listed: Iterable[ObjectVersion] | None = None
) -> tuple[Point, ...]:
    """Every recovery point, oldest first. ``listed``: what lies under ``points/``, where somebody has listed it.

    ``damaged`` is for whoever only looks: it is told of each register that is left out for it. Without it the
    first one is raised: who deletes or counts must not take a damaged point for one that is not there.
    """
    found = [item.key for item in (vault.list(keys.POINTS) if listed is None else listed)]
    return _oldest_first(_read_all(found, going_past(damaged, partial(_point_at, vault))))


def point_ids(vault: Vault) -> frozenset[str] | None:
    """``None`` where the vault cannot be asked now."""
    try:
        return frozenset(item.key.removeprefix(keys.POINTS).removesuffix(".json") for item in vault.list(keys.POINTS))
    except (Transient, StoreRefused, ObjectMissing):
        return None


def find_point(vault: Vault, point_id: str) -> Point:
    """Raises ``ObjectMissing`` where no such point is registered."""
    return read_register(vault, Point, keys.point(point_id))


def read_point(vault: Vault, point_id: str) -> Point | None:
    """``None`` where it is not registered."""
    return _point_at(vault, keys.point(point_id))


def latest_points(
    vault: Vault, *, damaged: Damaged | None = None, listed: Iterable[ObjectVersion] | None = None
) -> Iterator[Point]:
    """Newest first, each read only when it may be the next. ``damaged`` and ``listed``: as for ``points``."""
    found = vault.list(keys.POINTS) if listed is None else listed
    return newest_first(found, going_past(damaged, partial(_point_at, vault)))


def latest_points_of_present(
    vault: Vault, *, damaged: Damaged | None = None, listed: Iterable[ObjectVersion] | None = None
) -> Iterator[Point]:
    """Newest first, of the cluster that serves (``FirmMark.present``). Where no other one ever did, as lazily.
    ``damaged`` and ``listed``: as for ``points``."""
    mark = read_mark(vault)
    if mark.former:
        return iter(reversed(mark.present(points(vault, damaged=damaged, listed=listed))))
    return latest_points(vault, damaged=damaged, listed=listed)


def latest_point(vault: Vault) -> Point:
    """Of the cluster that serves. Raises ``NothingToRestore`` where there is none."""
    newest = next(latest_points_of_present(vault), None)
    if newest is None:
        raise NothingToRestore(bucket=vault.bucket, firm=vault.firm)
    return newest


def find_snapshot(vault: Vault, snapshot_id: str) -> DocumentSnapshot:
    """Raises ``ObjectMissing`` where no such document snapshot is registered."""
    return DocumentSnapshot.from_json(vault.get_sealed(keys.document_snapshot(snapshot_id)))


def snapshot_head(vault: Vault, snapshot_id: str) -> SnapshotHead:
    """In one short request, however many documents it names. Raises ``ObjectMissing``."""
    return _head_at(vault, keys.document_snapshot(snapshot_id))


def latest_snapshots(vault: Vault) -> Iterator[SnapshotHead]:
    """Newest first, without their documents, each read only when it may be the next."""
    listed = vault.list(keys.DOCUMENT_SNAPSHOTS)
    return newest_first(listed, lambda key: _unless_missing(lambda: _head_at(vault, key)))


class _Name(TypedDict):
    object: str


class _Names(BaseModel):
    """A document snapshot without its documents: of each of a million, its object's key."""

    taken_at: AwareDatetime
    documents: list[_Name]
    superseded: list[_Name] = []


def read_names(vault: Vault, snapshot_id: str, index: SnapshotIndex) -> None:
    """Adds one snapshot to ``index``. Raises ``ObjectMissing`` where no such document snapshot is registered."""
    names = _Names.model_validate_json(vault.get_sealed(keys.document_snapshot(snapshot_id)))
    index.add(snapshot_id, names.taken_at, (name["object"] for name in chain(names.documents, names.superseded)))


def latest_snapshot(vault: Vault) -> DocumentSnapshot | None:
    newest = next(latest_snapshots(vault), None)
    return find_snapshot(vault, newest.id) if newest else None


def _point_at(vault: Vault, key: str) -> Point | None:
    return _unless_missing(lambda: read_register(vault, Point, key))


def _head_at(vault: Vault, key: str) -> SnapshotHead:
    """Its documents come last in the JSON, which may therefore end anywhere in them."""
    start = vault.get_sealed_start(key)[:_HEAD_BYTES].decode(errors="ignore")
    told = from_json(start, allow_partial=True)
    return SnapshotHead.model_validate({name: told[name] for name in SnapshotHead.model_fields if name in told})


def _unless_missing[T](read: Callable[[], T]) -> T | None:
    """``None`` for what was deleted after it had been listed, too."""
    try:
        return read()
    except ObjectMissing:
        return None


def _oldest_first[T: _Ordered](items: Iterable[T]) -> tuple[T, ...]:
    return tuple(sorted(items, key=lambda each: each.measured))


def newest_first[T: _Ordered](listed: Iterable[ObjectVersion], read: Callable[[str], T | None]) -> Iterator[T]:
    """Nothing is measured after S3 has stored it: what was stored before the newest one known was taken is older.

    So a vault that was filled night after night is read no further back than it is asked for, and one that was filled
    in any other order (a replica made anew, a run that was late) is read as far as it must be.
    """
    unread = sorted(listed, key=lambda item: item.modified_at)
    known: tuple[T, ...] = ()
    while unread or known:
        since = known[-1].measured[0] - CLOCKS_DIFFER if known else unread[-1].modified_at
        candidates = []
        while unread and unread[-1].modified_at >= since:
            candidates.append(unread.pop().key)
        if candidates:
            known = _oldest_first((*known, *_read_all(candidates, read)))
        else:
            yield known[-1]
            known = known[:-1]


def _read_all[T](names: Iterable[str], read: Callable[[str], T | None]) -> Iterator[T]:
    with ThreadPoolExecutor(READS_AT_ONCE, "catalog") as pool:
        yield from (found for found in pool.map(read, names) if found is not None)
