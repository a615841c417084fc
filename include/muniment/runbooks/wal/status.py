"""How far the archive is behind the live log, what could be restored, and what would be lost right now."""

from collections.abc import Iterable, Mapping, Sequence
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
from muniment.domain.vault.firm_mark import FirmMark
from muniment.domain.vault.registers import Backup, RecoveryWindow, WalHole
from muniment.domain.wal.lsn_text import LsnText
from muniment.domain.wal.names import Lsn, TimelineId
from muniment.errors import PostgresError
from muniment.ports import Clock
from muniment.runbooks.identity import prove_primary, prove_vault, replica_away
from muniment.runbooks.wal.windows import own_backups, timelines_of, ways_back_of, windows_on

# XLogLongPageHeaderData: where the first record of a fresh segment begins.
_LONG_HEADER_BYTES = 40


class WalStatus(Record):
    """``archived_lsn`` is how far a backup can be recovered on the live timeline; ``None`` where none can at all.

    Where the server tells us nothing, ``unseen`` says why: what it alone knows is ``None``, and the effective
    RPO is told as if something had been written up to this moment.
    """

    firm: str
    unseen: str | None
    timeline: int | None
    live_lsn: LsnText | None
    archived_lsn: LsnText | None
    behind_bytes: int | None
    ready: int | None
    """Files that wait for the archiver."""
    missing_in_replica: int | None
    """``None`` where the second region does not answer."""
    last_archived: str | None
    last_archived_at: AwareDatetime | None
    last_failed: str | None
    last_failed_at: AwareDatetime | None
    failed_count: int | None
    windows: tuple[RecoveryWindow, ...]
    holes: tuple[WalHole, ...]
    effective_rpo_s: float | None
    """``None`` where nothing can be restored."""
    read_at: AwareDatetime


def wal_status(site: Site, *, clock: Clock) -> WalStatus:
    """Changes nothing, on the server or in the vaults. From the vaults alone where the server tells us nothing."""
    try:
        mark = prove_primary(site)
        state, ready = read_archiver(site.postgres), len(waiting_files(site.postgres))
    except PostgresError as unseen:
        return _status(site, prove_vault(site.primary), clock, unseen=unseen.what)
    return _status(site, mark, clock, state=state, ready=ready)


def _status(
    site: Site,
    mark: FirmMark,
    clock: Clock,
    *,
    state: ArchiverState | None = None,
    ready: int | None = None,
    unseen: str | None = None,
) -> WalStatus:
    store = WalArchive(site.primary, mark.system_identifier)
    files, backups = store.files(), catalog.registered_backups(site.primary)
    timeline, windows = _windows_now(store, mark, backups, files, state)
    newest = _protected(windows)
    now = clock()
    return WalStatus(
        firm=site.firm.id,
        unseen=unseen,
        timeline=timeline,
        live_lsn=state.live_lsn if state else None,
        archived_lsn=newest.end_lsn if newest else None,
        behind_bytes=max(0, state.live_lsn.bytes_since(newest.end_lsn)) if state and newest else None,
        ready=ready,
        missing_in_replica=_missing_in_replica(site, mark, files),
        last_archived=state.last_archived if state else None,
        last_archived_at=state.last_archived_at if state else None,
        last_failed=state.last_failed if state else None,
        last_failed_at=state.last_failed_at if state else None,
        failed_count=state.failed_count if state else None,
        windows=windows,
        holes=holes_between(windows),
        effective_rpo_s=effective_rpo_s(now, _protected_until(newest, state, now)) if newest else None,
        read_at=now,
    )


def _windows_now(
    store: WalArchive, mark: FirmMark, backups: Sequence[Backup], files: Iterable[str], state: ArchiverState | None
) -> tuple[TimelineId | None, tuple[RecoveryWindow, ...]]:
    """The timeline that serves, by the server's word, else as far as the vault tells; and what leads along it."""
    if state is not None:
        archive, timeline = store.archive(files, state.segment_bytes), state.timeline
    elif own := own_backups(store, backups):
        archive = store.archive(files, own[-1].wal_segment_bytes)
        ways_back = ways_back_of(store.vault, mark, store.system_identifier)
        timeline = timelines_of(store, archive, own, ways_back).serving
    else:
        return None, ()
    return timeline, windows_on(store, archive, backups, timeline)


def _missing_in_replica(site: Site, mark: FirmMark, files: Mapping[str, ObjectVersion]) -> int | None:
    if replica_away(site) is not None:
        return None
    prove_vault(site.replica)
    return len(files.keys() - WalArchive(site.replica, mark.system_identifier).files().keys())


def seconds_at_risk(site: Site, vault: Vault, *, clock: Clock) -> float | None:
    """What would be lost if the server vanished now and ``vault`` were all that is left; ``None``: everything."""
    state, now = read_archiver(site.postgres), clock()
    until = protected_until(vault, state, now)
    return effective_rpo_s(now, until) if until else None


def protected_until(vault: Vault, state: ArchiverState | None, now: datetime) -> datetime | None:
    """The newest instant that ``vault`` alone can restore; ``None``: nothing. ``state``: what the server says."""
    mark = prove_vault(vault)
    store, backups = WalArchive(vault, mark.system_identifier), catalog.registered_backups(vault)
    _, windows = _windows_now(store, mark, backups, store.files(), state)
    newest = _protected(windows)
    return _protected_until(newest, state, now) if newest else None


def _protected(windows: Iterable[RecoveryWindow]) -> RecoveryWindow | None:
    """The window that reaches farthest: WAL behind a hole or without a backup is no protection."""
    return max(windows, key=lambda window: window.end_lsn, default=None)


def _protected_until(window: RecoveryWindow, state: ArchiverState | None, now: datetime) -> datetime:
    """Where nothing was written behind the newest archived segment, this very instant is safe.

    A server without work still writes a record now and then, so its own word counts: no transaction since a checkpoint
    that is archived.
    """
    if state is not None:
        nothing_since = state.live_lsn <= Lsn(window.end_lsn.offset_bytes + _LONG_HEADER_BYTES)
        if nothing_since or (state.is_quiet and state.checkpoint_lsn < window.end_lsn):
            return now
    return window.end_at or window.start_at
