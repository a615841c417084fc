"""What a firm's vaults tell of its nights, drills, restores and deletions: read by rotation, only what is new.

The page draws from it; it proves nothing. A register that could not be read is named in ``unread`` and is not taken for
one that is not there.
"""

from pydantic import AwareDatetime

from muniment.domain.acts.act import Ended, Kind
from muniment.domain.drill.evidence import Means
from muniment.domain.evidence import DrillSide
from muniment.domain.record import Record
from muniment.domain.restore.record import End
from muniment.domain.retention.stock import Stock
from muniment.domain.vault.registers import RecoveryWindow, WalHole
from muniment.domain.wal.lsn_text import LsnText
from muniment.domain.watch.vault import VaultSide


class NightSeen(Record):
    """One recovery point. Sizes are bytes."""

    point: str
    taken_at: AwareDatetime
    began_at: AwareDatetime | None = None
    """Of its base backup; ``None`` in points from before it was kept."""
    registered_at: AwareDatetime
    kind: str
    """``full`` or ``incremental``."""
    chain_length: int
    timeline: int
    lsn: LsnText
    """Of its control totals: a restore to the point ends there."""
    first_segment: str | None = None
    """The first WAL file that a restore to it reads."""
    size_bytes: int
    stored_bytes: int
    chain_stored_bytes: int | None = None
    """Of all backups of its chain that are known here; ``None``: some are not."""
    effective_rpo_s: float
    documents: int
    document_bytes: int
    overwritten: int | None = None
    vanished: int | None = None
    added: int | None = None
    """Documents that the night before had not; ``None``: not known."""
    verified_primary_at: AwareDatetime
    verified_replica_at: AwareDatetime | None
    in_replica: bool
    """Its register is there."""
    is_damaged: bool = False
    lacks: tuple[str, ...] = ()
    """What could not be read that night, a line each."""
    is_present: bool = True
    """Of the cluster that serves."""
    system_identifier: int = 0
    chain: tuple[str, ...] = ()
    """Ids of base backups, the full one's first and this night's own last."""
    windows: tuple[RecoveryWindow, ...] = ()
    """Of the newest night of each cluster alone: it knows those of the nights before."""
    new_holes: tuple[WalHole, ...] = ()
    """That the night before it did not know of."""


class DrillSeen(Record):
    """``finished_at`` is ``None``: it began and left no evidence (yet)."""

    id: str
    number: int
    side: DrillSide
    by: Means
    started_at: AwareDatetime
    finished_at: AwareDatetime | None = None
    did_not_finish: bool = False
    passed: bool = False
    target: str | None = None
    recover_s: float | None = None
    data_lost_s: float | None = None
    rto_s: float | None = None
    rpo_s: float | None = None
    checks: int = 0
    checks_passed: int = 0
    failed: tuple[str, ...] = ()
    """Names of the checks that failed."""
    failure: str | None = None
    base_stored_bytes: int | None = None
    base_s: float | None = None
    wal_segments: int | None = None
    wal_s: float | None = None
    replay_s: float | None = None
    """The last five: as ``RestoreFigures`` has them."""
    signed_off_by: str | None = None
    signed_off_at: AwareDatetime | None = None


class RestoreSeen(Record):
    id: str
    run: str
    where: str
    """``staging`` or ``live``."""
    target: str | None = None
    asked_by: str | None = None
    asked_at: AwareDatetime
    approved_by: str | None = None
    not_approved: str | None = None
    end: End
    reached_at: AwareDatetime | None = None
    failure: str | None = None
    finished_at: AwareDatetime
    was_rolled_back: bool = False


class ActSeen(Record):
    """Something that was done to what is live."""

    id: str
    kind: Kind
    what: str
    by: str
    asked_by: str | None = None
    approved_by: str | None = None
    began_at: AwareDatetime
    ended: Ended
    ended_at: AwareDatetime | None = None


class StockSeen(Record):
    side: VaultSide
    stock: Stock


class FirmHistory(Record):
    """Each list oldest first."""

    firm: str
    read_at: AwareDatetime
    """When the vaults were asked last and answered."""
    unread: tuple[str, ...] = ()
    """Why what could not be read could not, a line each."""
    nights: tuple[NightSeen, ...] = ()
    drills: tuple[DrillSeen, ...] = ()
    restores: tuple[RestoreSeen, ...] = ()
    acts: tuple[ActSeen, ...] = ()
    windows: tuple[RecoveryWindow, ...] = ()
    """As the newest point has registered them, of all clusters that served."""
    holes: tuple[WalHole, ...] = ()
    stocks: tuple[StockSeen, ...] = ()
    """One a vault and night, of the nights above. What went is in those of the last 30 nights, what the next one takes
    (``next_goes``) in each vault's newest alone: of the others it came to pass."""
