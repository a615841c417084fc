"""How far the archive is behind the live log, what could be restored, and what would be lost right now."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from pydantic import AwareDatetime

from muniment.adapters.postgres.archiver import ArchiverState, read_archiver, waiting_files
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.archive import WalArchive
from muniment.domain.record import Record
from muniment.domain.recovery.wal_coverage import effective_rpo_s, holes_between
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault.registers import RecoveryWindow, WalHole
from muniment.domain.wal.lsn_text import LsnText
from muniment.domain.wal.names import Lsn
from muniment.ports import Clock
from muniment.runbooks.identity import prove_primary, prove_vault, prove_vaults, replica_away
from muniment.runbooks.wal.windows import windows_on

# XLogLongPageHeaderData: where the first record of a fresh segment begins.
_LONG_HEADER_BYTES = 40


class WalStatus(Record):
    """``archived_lsn`` is how far a backup can be recovered on the live timeline; ``None`` where none can at all."""

    firm: str
    timeline: int
    live_lsn: LsnText
    archived_lsn: LsnText | None
    behind_bytes: int | None
    ready: int
    """Files that wait for the archiver."""
    missing_in_replica: int | None
    """``None`` where the second region does not answer."""
    last_archived: str | None
    last_archived_at: AwareDatetime | None
    last_failed: str | None
    last_failed_at: AwareDatetime | None
    failed_count: int
    windows: tuple[RecoveryWindow, ...]
    holes: tuple[WalHole, ...]
    effective_rpo_s: float | None
    """``None`` where nothing can be restored."""
    read_at: AwareDatetime


def wal_status(site: Site, *, clock: Clock) -> WalStatus:
    """Changes nothing, on the server or in the vaults."""
    mark = prove_primary(site)
    state = read_archiver(site.postgres)
    store = WalArchive(site.primary, mark.system_identifier)
    files = store.files()
    archive = store.archive(files, state.segment_bytes)
    windows = windows_on(store, archive, catalog.registered_backups(site.primary), state.timeline)
    newest = _protected(windows)
    now = clock()
    return WalStatus(
        firm=site.firm.id,
        timeline=state.timeline,
        live_lsn=state.live_lsn,
        archived_lsn=newest.end_lsn if newest else None,
        behind_bytes=max(0, state.live_lsn.bytes_since(newest.end_lsn)) if newest else None,
        ready=len(waiting_files(site.postgres)),
        missing_in_replica=_missing_in_replica(site, files),
        last_archived=state.last_archived,
        last_archived_at=state.last_archived_at,
        last_failed=state.last_failed,
        last_failed_at=state.last_failed_at,
        failed_count=state.failed_count,
        windows=windows,
        holes=holes_between(windows),
        effective_rpo_s=effective_rpo_s(now, _protected_until(newest, state, now)) if newest else None,
        read_at=now,
    )


def _missing_in_replica(site: Site, files: Mapping[str, ObjectVersion]) -> int | None:
    if replica_away(site) is not None:
        return None
    return len(files.keys() - WalArchive(site.replica, prove_vaults(site).system_identifier).files().keys())


def seconds_at_risk(site: Site, vault: Vault, *, clock: Clock) -> float | None:
    """What would be lost if the server vanished now and ``vault`` were all that is left; ``None``: everything."""
    state = read_archiver(site.postgres)
    store = WalArchive(vault, prove_vault(vault).system_identifier)
    archive = store.archive(store.files(), state.segment_bytes)
    newest = _protected(windows_on(store, archive, catalog.registered_backups(vault), state.timeline))
    now = clock()
    return effective_rpo_s(now, _protected_until(newest, state, now)) if newest else None


def _protected(windows: Iterable[RecoveryWindow]) -> RecoveryWindow | None:
    """The window that reaches farthest: WAL behind a hole or without a backup is no protection."""
    return max(windows, key=lambda window: window.end_lsn, default=None)


def _protected_until(window: RecoveryWindow, state: ArchiverState, now: datetime) -> datetime:
    """Where nothing was written behind the newest archived segment, this very instant is safe.

    A server without work still writes a record now and then, so its own word counts: no transaction since a checkpoint
    that is archived.
    """
    nothing_since = state.live_lsn <= Lsn(window.end_lsn.offset_bytes + _LONG_HEADER_BYTES)
    if nothing_since or (state.is_quiet and state.checkpoint_lsn < window.end_lsn):
        return now
    return window.end_at or window.start_at
