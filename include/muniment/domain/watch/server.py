"""What one look at a firm's PostgreSQL tells the watch: rights of ``pg_monitor`` suffice."""

from typing import Literal

from pydantic import AwareDatetime

from muniment.domain.record import Record
from muniment.domain.wal.lsn_text import LsnText

type SlotState = Literal["reserved", "extended", "unreserved", "lost"]
"""``pg_replication_slots.wal_status``."""


class Slot(Record):
    name: str
    is_active: bool
    state: SlotState | None
    safe_bytes: int | None
    """``safe_wal_size``: how much more may be written before it is lost; ``None``: without a limit."""
    retained_bytes: int | None
    """From its ``restart_lsn`` to the end of the log."""


class Checkpoint(Record):
    """The last one, as the control file has it: where the log was between two looks."""

    server_at: AwareDatetime
    """When it began, by the server's clock, whole seconds."""
    timeline: int
    redo_lsn: LsnText
    next_xid: int
    is_quiet: bool
    """No transaction with an id was open at ``redo_lsn``; false where the checkpoint does not tell."""


class ServerSeen(Record):
    """``seen_at`` is ours, before it was asked; ``server_at`` the server's own clock."""

    seen_at: AwareDatetime
    took_s: float = 0.0
    """From ``seen_at`` until it had answered."""
    server_at: AwareDatetime
    system_identifier: int
    timeline: int
    is_standby: bool
    segment_bytes: int
    flush_lsn: LsnText
    next_xid: int
    """``pg_snapshot_xmax``, 64 bits: behind the newest transaction id that has ended. It grows with each commit of a
    transaction that is not in ``open_xids``, and with each abort."""
    is_quiet: bool
    """No transaction with a lower id is open, prepared ones included, and all that has ended is on the disk."""
    open_xids: tuple[int, ...] = ()
    """Where it is not quiet: the lower ids that are open, if they are few and all that has ended is on the disk."""
    archived_count: int
    last_archived: str | None
    last_archived_at: AwareDatetime | None
    failed_count: int
    last_failed: str | None
    last_failed_at: AwareDatetime | None
    ready: int | None
    """Files that wait for the archiver; ``None`` where we may not look."""
    pg_wal_bytes: int | None
    segments_written_at: dict[str, AwareDatetime]
    """Of the newest segments in pg_wal: when the server wrote to each last. No commit in it is younger."""
    slots: tuple[Slot, ...] = ()
    checkpoint: Checkpoint | None = None
    """``None`` on a standby."""
