"""What a WAL archive and base backups allow together: the windows of recovery, and which timeline is the present."""

from collections.abc import Iterable
from datetime import datetime

from muniment.adapters.restore.records import rolled_back
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.archive import WalArchive
from muniment.domain.recovery.roll_back import RolledBack
from muniment.domain.recovery.timelines import Timelines
from muniment.domain.recovery.wal_coverage import Archive, Reach, reaches, reaches_on, recovery_windows
from muniment.domain.vault.firm_mark import FirmMark
from muniment.domain.vault.registers import Backup, Point, RecoveryWindow
from muniment.domain.wal.names import SystemIdentifier, TimelineId, WalSegment
from muniment.ports import WalSource
from muniment.runbooks.identity import prove_vault


def windows_of(store: WalSource, archive: Archive, backups: Iterable[Backup]) -> tuple[RecoveryWindow, ...]:
    """Every interval that can be restored from this vault, on whichever timeline of this cluster: another one's
    positions and timelines may have the same numbers."""
    return _windows(store, reaches(own_backups(store, backups), archive))


def windows_on(
    store: WalSource, archive: Archive, backups: Iterable[Backup], timeline: TimelineId
) -> tuple[RecoveryWindow, ...]:
    """Those that lie in the history of one timeline; between two of them lies a hole."""
    return _windows(store, reaches_on(own_backups(store, backups), archive, timeline))


def timelines_of(
    store: WalSource, archive: Archive, backups: Iterable[Backup], ways_back: Iterable[RolledBack]
) -> Timelines:
    """One HEAD request for each timeline in the archive."""
    newest = {line: WalSegment(line, max(held), archive.segment_bytes) for line, held in archive.numbers.items()}
    return Timelines.of(newest, lambda line: store.written_at(newest[line]), backups, ways_back)


def points_of_the_present(vault: Vault) -> tuple[Point, ...]:
    """The recovery points, oldest first, that lie in the history of the timeline which serves.

    What an abandoned timeline has can be restored, and what a replaced cluster has, but a drill of it proves nothing
    about the firm as it is. Until the cluster that serves has a point, the last one's are the present.
    """
    mark = prove_vault(vault)
    own = mark.present(catalog.points(vault))
    if not own:
        return ()
    newest = catalog.find_backup(vault, own[-1].backup)
    store = WalArchive(vault, newest.system_identifier)
    archive = store.archive(store.files(), newest.wal_segment_bytes)
    serving = timelines_of(store, archive, (newest,), ways_back_of(vault, mark, store.system_identifier)).serving
    return tuple(point for point in own if archive.passes(point.control_totals.lsn, point.wal.timeline, serving))


def ways_back_of(vault: Vault, mark: FirmMark, system_identifier: SystemIdentifier) -> tuple[RolledBack, ...]:
    """The roll-backs of one cluster: those before it was replaced, and after the one that it has replaced was."""
    changes = [(each.system_identifier, each.until) for each in mark.former]

    def served(at: datetime) -> SystemIdentifier:
        return next((system for system, until in changes if at < until), mark.system_identifier)

    return tuple(back for back in rolled_back(vault) if served(back.ended_at) == system_identifier)


def own_backups(store: WalSource, backups: Iterable[Backup]) -> tuple[Backup, ...]:
    """Those of the cluster whose WAL this is."""
    return tuple(backup for backup in backups if backup.system_identifier == store.system_identifier)


def _windows(store: WalSource, found: tuple[Reach, ...]) -> tuple[RecoveryWindow, ...]:
    return recovery_windows(found, {reach.last: store.written_at(reach.last) for reach in found})
