"""A firm's line on the fleet's page: written by each pass of the watch, small enough that a thousand are read at once.

It holds instants and facts, and no judgement that time makes wrong: how old something is, and what it means, is judged
when it is shown (``standing``).
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, AwareDatetime

from muniment.domain.incidents.trouble import Cause, Severity
from muniment.domain.record import Record
from muniment.domain.watch.duty import Duty, State
from muniment.domain.watch.vault import VaultSide


def _in_utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""With Python's own UTC as its zone, as ``now`` has it, and not pydantic's: Python compares two instants of one zone
object without asking it for an offset, and a page compares tens of thousands."""

BUCKET = timedelta(minutes=15)
BUCKETS = 96
"""A day."""


class VaultCell(Record):
    side: VaultSide
    region: str
    seen_at: Instant | None
    """When it last answered; ``None``: never."""
    unseen: str | None = None
    """Why it did not answer in this pass."""
    rpo_s: float | None = None
    """As ``VaultSeen.rpo_s``; ``None``: unknown."""
    rpo_known_at: Instant | None = None
    recoverable_to: Instant | None = None
    """The last instant that is known to come back from it, as of ``rpo_known_at`` or of the newest point; ``None``:
    nothing can be restored from it, or nobody knows."""


class OpenIncident(Record):
    """One that is open or acknowledged and touches the firm now; ``severity``: for this firm."""

    id: str
    cause: Cause
    severity: Severity
    subject: str


class DutyCell(NamedTuple):
    """As ``DutyState`` was at the pass; a list in JSON, for a thousand firms have ten each."""

    duty: Duty
    state: State
    due_at: Instant | None = None
    evidence_at: Instant | None = None
    suspended_until: Instant | None = None


class FirmRow(Record):
    firm: str
    name: str
    tier: str
    region: str
    """Of the primary vault."""
    time_zone: str
    rpo_promise_s: float
    rto_promise_s: float
    watched_since: Instant
    seen_at: Instant
    server_seen_at: Instant | None
    """When the cluster last answered; ``None``: never."""
    server_unseen: str | None = None
    vaults: tuple[VaultCell, ...] = ()
    """The primary one, then the replica."""
    evidence_at: Instant | None = None
    points: int = 0
    last_point: str | None = None
    last_point_at: Instant | None = None
    last_copied_at: Instant | None = None
    last_verified_at: Instant | None = None
    last_drill: str | None = None
    last_drill_at: Instant | None = None
    last_drill_failed: bool = False
    drill_rto_s: float | None = None
    window_start_at: Instant | None = None
    """Of the newest recovery window of the primary vault, or of the replica where the primary has none."""
    window_end_at: Instant | None = None
    holes: int = 0
    """Within the registered windows, of all that is kept: what lies in them is lost, and no later than they are."""
    hole_now: bool = False
    """WAL is missing in a vault now, behind its newest point or within its window (``WalHeld.is_hole``,
    ``missing_before``)."""
    missing: tuple[Duty, ...] = ()
    late: tuple[Duty, ...] = ()
    suspended: tuple[Duty, ...] = ()
    unknown: tuple[Duty, ...] = ()
    duties: tuple[DutyCell, ...] = ()
    """All that are owed to it; empty: nobody has told."""
    is_new: bool = False
    """No night was due yet, and no point is there."""
    nights_due: int = 0
    """Of the last 30 days."""
    nights_kept: int = 0
    """Of these, the ones that left a point."""
    next_night_at: Instant | None = None
    left_registry_at: Instant | None = None
    day: tuple[float | None, ...] = ()
    """RPO in seconds over the last day, the worst of both vaults in each ``BUCKET``, oldest first, at most ``BUCKETS``
    of them; ``None``: unknown."""
    day_until: Instant | None = None
    """When the last bucket ends: a whole quarter of an hour."""
    is_unread: bool = False
    """What is kept of it is no line that this release reads: nothing but its id is known. The next pass writes it
    anew."""


def unread_row(firm: str) -> FirmRow:
    """In place of a line that cannot be read: a firm that is left out would look like one that is well."""
    never = datetime.fromtimestamp(0, UTC)
    return FirmRow(
        firm=firm,
        name=firm,
        tier="unknown",
        region="unknown",
        time_zone="UTC",
        rpo_promise_s=0,
        rto_promise_s=0,
        watched_since=never,
        seen_at=never,
        server_seen_at=None,
        is_unread=True,
    )
