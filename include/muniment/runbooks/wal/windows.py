"""What a WAL archive and base backups allow together: the windows of recovery, and which timeline is the present."""

from collections.abc import Iterable

from muniment.adapters.restore.records import rolled_back
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.archive import WalArchive
from muniment.domain.recovery.roll_back import RolledBack
from muniment.domain.recovery.timelines import Timelines
from muniment.domain.recovery.wal_coverage import Archive, Reach, reaches, reaches_on, recovery_windows
from muniment.domain.vault.registers import Backup, Point, RecoveryWindow
from muniment.domain.wal.names import TimelineId, WalSegment
from muniment.ports import WalSource


def windows_of(store: WalSource, archive: Archive, backups: Iterable[Backup]) -> tuple[RecoveryWindow, ...]:
    """Every interval that can be restored from this vault, on whichever timeline."""
    return _windows(store, reaches(backups, archive))


def windows_on(
    store: WalSource, archive: Archive, backups: Iterable[Backup], timeline: TimelineId
) -> tuple[RecoveryWindow, ...]:
    """Those that lie in the history of one timeline; between two of them lies a hole."""
    return _windows(store, reaches_on(backups, archive, timeline))


def timelines_of(
    store: WalSource, archive: Archive, backups: Iterable[Backup], ways_back: Iterable[RolledBack]
) -> Timelines:
    """One HEAD request for each timeline in the archive."""
    newest = {line: WalSegment(line, max(held), archive.segment_bytes) for line, held in archive.numbers.items()}
    return Timelines.of(newest, lambda line: store.written_at(newest[line]), backups, ways_back)


def points_of_the_present(vault: Vault) -> tuple[Point, ...]:
    """The recovery points, oldest first, that lie in the history of the timeline which serves.

    What an abandoned timeline has can be restored, but a drill of it proves nothing about the firm as it is.
    """
    points = catalog.points(vault)
    if not points:
        return ()
    newest = catalog.find_backup(vault, points[-1].backup)
    store = WalArchive(vault, newest.system_identifier)
    archive = store.archive(store.files(), newest.wal_segment_bytes)
    serving = timelines_of(store, archive, (newest,), rolled_back(vault)).serving
    return tuple(point for point in points if archive.passes(point.control_totals.lsn, point.wal.timeline, serving))


def _windows(store: WalSource, found: tuple[Reach, ...]) -> tuple[RecoveryWindow, ...]:
    return recovery_windows(found, {reach.last: store.written_at(reach.last) for reach in found})
