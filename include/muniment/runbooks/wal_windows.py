"""What a WAL archive and base backups allow together: the windows of recovery, and which timeline is the present."""

from collections.abc import Iterable

from include.muniment.adapters import catalog
from include.muniment.adapters.restore_records import rolled_back
from include.muniment.adapters.vault import Vault
from include.muniment.adapters.wal_archive import WalArchive
from include.muniment.domain.archive import Archive, Reach, reaches, reaches_on, recovery_windows
from include.muniment.domain.register import Backup, Point, RecoveryWindow
from include.muniment.domain.restore_record import RolledBack
from include.muniment.domain.timelines import Timelines
from include.muniment.domain.wal import TimelineId, WalSegment
from include.muniment.ports import WalSource


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
