"""Proves that a base backup's WAL is in the primary vault: complete, continuous and undamaged, up to this minute."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from muniment.adapters.postgres.archiver import checkpoint_and_switch, read_archiver, waiting_files
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.archive import WalArchive
from muniment.domain.backup.proofs import WalProof
from muniment.domain.recovery.wal_coverage import Archive, effective_rpo_s, holes_between, new_holes
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault.registers import Backup, WalHole, WalRange
from muniment.domain.wal.names import WalSegment, history_name
from muniment.errors import NothingToRestore, WalGap, WalNotYetArchived
from muniment.ports import Clock, Progress, Silent
from muniment.runbooks.identity import prove_primary
from muniment.runbooks.wal.verify_files import verify_new_files
from muniment.runbooks.wal.windows import windows_on

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 2.0


def verify_wal_checkpoint(site: Site, *, backup_id: str, clock: Clock, progress: Progress | None = None) -> WalProof:
    """Ends the current segment behind a checkpoint, waits for it, and proves everything from the backup's start to it.

    Raises ``WalNotYetArchived`` after the policy's wait, ``WalGap`` for segments that nobody can deliver any more, and
    ``ObjectDamaged`` or ``WalSegmentInvalid`` for a file that is not what was pushed.
    """
    progress = progress or Silent()
    mark = prove_primary(site)
    with site.exclusively() as held:
        backup = catalog.find_backup(held.primary, backup_id)
        store = WalArchive(held.primary, mark.system_identifier)
        protected_until = clock()
        through = checkpoint_and_switch(site.postgres, backup.wal_segment_bytes)
        files, archive = _Arrival(held, store, backup, through).await_all()
        verify_new_files(held, store, files, archive, clock=clock, progress=progress)
        windows = windows_on(store, archive, catalog.registered_backups(site.primary), through.timeline)
        holes = holes_between(windows)
        for hole in holes:
            progress.note(str(hole))
        now = clock()
        return WalProof(
            wal=_range(backup, through),
            windows=windows,
            new_holes=new_holes(holes, _known_holes(site.primary)),
            effective_rpo_s=effective_rpo_s(now, protected_until),
            verified_at=now,
        )


@dataclass(frozen=True, slots=True)
class _Arrival:
    """Waits until everything from the backup's start to ``through`` has arrived."""

    site: Site
    store: WalArchive
    backup: Backup
    through: WalSegment

    def await_all(self) -> tuple[Mapping[str, ObjectVersion], Archive]:
        """The listing in which nothing was missing."""
        began, pause_s = time.monotonic(), _FIRST_WAIT_S
        while True:
            if self._has_come(self.through.name):
                files = self.store.files()
                archive = self.store.archive(files, self.through.size_bytes)
                missing = self._missing(archive)
                if not missing:
                    return files, archive
                self._prove_on_its_way(missing)
            waited_s = time.monotonic() - began
            if waited_s > self.site.policy.wal_archive.wait.total_seconds():
                raise self._late(waited_s)
            time.sleep(pause_s)
            pause_s = min(_LONGEST_WAIT_S, pause_s * 1.5)

    def _has_come(self, name: str) -> bool:
        return self.store.vault.head(self.store.key(name)) is not None

    def _missing(self, archive: Archive) -> tuple[str, ...]:
        missing = archive.missing(self.backup.start_lsn, self.backup.timeline, self.through)
        if missing is not None:
            return tuple(segment.name for segment in missing)
        if archive.history(self.through.timeline) is None:
            return (history_name(self.through.timeline),)
        raise self._gap(1, f"timeline {self.through.timeline} does not lead through this backup")

    def _prove_on_its_way(self, missing: tuple[str, ...]) -> None:
        """The server still has what is ready to be archived; whatever else is not there after that will never come."""
        waiting = waiting_files(self.site.postgres)
        lost = [name for name in missing if name not in waiting and not self._has_come(name)]
        if lost:
            raise self._gap(len(lost), ", ".join(lost))

    def _gap(self, count: int, missing: str) -> WalGap:
        first = WalSegment.holding(self.backup.start_lsn, self.backup.timeline, self.through.size_bytes)
        return WalGap(firm=self.site.firm.id, count=count, first=first.name, last=self.through.name, missing=missing)

    def _late(self, waited_s: float) -> WalNotYetArchived:
        return WalNotYetArchived(
            segment=self.through.name,
            firm=self.site.firm.id,
            waited_s=round(waited_s),
            last_failure=read_archiver(self.site.postgres).last_failure,
        )


def _known_holes(vault: Vault) -> tuple[WalHole, ...]:
    """Those before the newest recovery point: it was registered with them, and on-call was told."""
    try:
        return holes_between(catalog.latest_point(vault).windows)
    except NothingToRestore:
        return ()


def _range(backup: Backup, through: WalSegment) -> WalRange:
    first = WalSegment.holding(backup.start_lsn, backup.timeline, through.size_bytes)
    return WalRange(
        timeline=through.timeline, first_segment=first.name, last_segment=through.name, through_lsn=through.end
    )
