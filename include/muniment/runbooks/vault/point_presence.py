"""What of each recovery point a vault really has, by its listings: cheap enough to be told wherever points are listed.

Documents are not looked for one by one, for their lists would have to be read: ``verify`` does that.
"""

from collections.abc import Iterable, Sequence

from muniment.adapters.vault import catalog
from muniment.adapters.vault.replication import sizes_under
from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.archive import WalArchive
from muniment.domain.recovery.absence import Listing, absent
from muniment.domain.recovery.wal_coverage import Archive
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Point
from muniment.domain.wal.names import SystemIdentifier
from muniment.errors import Damaged

_PREFIXES = (keys.BASE, keys.CONFIGS, keys.DOCUMENT_SNAPSHOTS, keys.POINTS, keys.WAL)


def absent_from(vault: Vault, points: Sequence[Point]) -> dict[str, tuple[str, ...]]:
    """Point id → what LIST does not show of what it needs, its own register first; nothing where all is there."""
    listing = Listing(sizes_under(vault, *_PREFIXES))
    archives = {system: _archive(vault, listing, system, points) for system in {p.system_identifier for p in points}}
    stored = {point.backup: point.stored_bytes for point in points}
    found = {}
    for point in points:
        register = [] if keys.point(point.id) in listing else [keys.point(point.id)]
        found[point.id] = (*register, *absent(point, listing, archives[point.system_identifier], stored))
    return found


def _archive(vault: Vault, listing: Listing, system: SystemIdentifier, points: Iterable[Point]) -> Archive | None:
    segment_bytes = _segment_bytes(vault, system, points)
    return archive_of(vault, listing, system, segment_bytes) if segment_bytes else None


def _segment_bytes(vault: Vault, system: SystemIdentifier, points: Iterable[Point]) -> int | None:
    """A cluster has one size for ever, so one base backup that can be read tells it."""
    for point in points:
        try:
            if point.system_identifier == system:
                return catalog.find_backup(vault, point.backup).wal_segment_bytes
        except Damaged:
            continue
    return None


def archive_of(vault: Vault, listing: Listing, system: SystemIdentifier, segment_bytes: int) -> Archive:
    """From names; of the files only histories are read, and one that cannot be is as good as absent."""
    store = WalArchive(vault, system)
    names = [key.rpartition("/")[2] for key in listing.under(keys.wal_prefix(system))]
    try:
        return store.archive(names, segment_bytes)
    except Damaged:
        return Archive.of(names, (), segment_bytes)
