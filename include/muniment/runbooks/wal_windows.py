"""What a WAL archive and base backups allow together: the windows of recovery, and which timeline is the present."""

from collections.abc import Iterable

from include.muniment.domain.archive import Archive, Reach, reaches, reaches_on, recovery_windows
from include.muniment.domain.register import Backup, RecoveryWindow
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
    store: WalSource, archive: Archive, backups: Iterable[Backup], rolled_back: Iterable[RolledBack]
) -> Timelines:
    """One HEAD request for each timeline in the archive."""
    newest = {line: WalSegment(line, max(held), archive.segment_bytes) for line, held in archive.numbers.items()}
    return Timelines.of(newest, lambda line: store.written_at(newest[line]), backups, rolled_back)


def _windows(store: WalSource, found: tuple[Reach, ...]) -> tuple[RecoveryWindow, ...]:
    return recovery_windows(found, {reach.last: store.written_at(reach.last) for reach in found})
