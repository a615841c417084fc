"""One firm as the watch saw it last: what the metrics, the page and the next pass read."""

from pydantic import AwareDatetime, Field

from muniment.domain.record import Record
from muniment.domain.wal.lsn_text import LsnText
from muniment.domain.watch.duty import DutyState
from muniment.domain.watch.evidence import Evidence
from muniment.domain.watch.server import ServerSeen
from muniment.domain.watch.vault import VaultSeen, VaultSide


class Mark(Record):
    """At ``at`` every commit there was lay before ``flush_lsn``: kept until both vaults hold more."""

    at: AwareDatetime
    system_identifier: int = 0
    timeline: int
    flush_lsn: LsnText
    next_xid: int
    is_quiet: bool
    open_xids: tuple[int, ...] = ()
    """As in ``ServerSeen``."""


class FirmSeen(Record):
    firm: str
    name: str
    tier: str
    time_zone: str
    queue: str
    rpo_promise_s: float
    rto_promise_s: float
    severity_weight: float = 1.0
    host: str | None = None
    """Where the cluster listens, as its connection names it."""
    watched_since: AwareDatetime
    seen_at: AwareDatetime
    """When this pass looked, whatever it saw."""
    server: ServerSeen | None = None
    """As it answered last: ``server.seen_at`` says when."""
    server_unseen: str | None = None
    """Why it did not answer in this pass."""
    server_unseen_kind: str | None = None
    vaults: tuple[VaultSeen, ...] = ()
    """The primary one, then the replica."""
    evidence: Evidence | None = None
    whole_at: AwareDatetime | None = None
    """When it was looked at as a whole last, whatever that has shown."""
    evidence_unread: str | None = None
    """Why it could not be read when it was tried last; ``None``: it was."""
    wal_free_bytes: int | None = None
    """About: what the last pushed segment told, less what pg_wal has grown since."""
    duties: tuple[DutyState, ...] = ()
    marks: tuple[Mark, ...] = ()
    abandoned: tuple[int, ...] = ()
    """Timelines that a roll-back on record has left: to go back from one of them was meant."""
    left_registry_at: AwareDatetime | None = None
    """``None``: it is in the registry."""
    definition: dict[str, object] = Field(default_factory=dict)
    """The firm's own file as it was loaded last, as JSON: what a firm that left the registry is watched by."""

    def vault(self, side: VaultSide) -> VaultSeen | None:
        return next((each for each in self.vaults if each.side == side), None)
