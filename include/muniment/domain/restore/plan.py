"""What a restore will bring back, from where, over what, and what will not be in it.

Made before anything is fetched. The same document is printed, approved by a second person, executed and kept on the
record: ``sha256`` is what ties these together.
"""

from typing import Literal

from pydantic import AwareDatetime

from muniment.domain.evidence import DrillSide
from muniment.domain.record import HashedRecord, Record
from muniment.domain.restore.space import RoomNeeded
from muniment.domain.vault.registers import WalRange
from muniment.domain.wal.lsn_text import LsnText


class WalToReplay(Record):
    """At least the base backup's own: without it no cluster becomes consistent."""

    wal: WalRange
    segments: int
    stored_bytes: int
    lent_segments: int = 0
    """Of these, how many the plan's vault lacks and the other one has."""
    unread_segments: int = 0
    """Of these, how many no ledger tells the tablespaces of that they make."""


class PlacedTablespace(Record):
    """``location`` is the firm's own server's, which no restore touches; ``place`` is where it is led to here."""

    oid: int
    location: str
    place: str
    made_by: Literal["backup", "WAL"]


class OtherTimeline(Record):
    """One that the plan does not follow: something was written there which is not in its past."""

    timeline: int
    seen_at: AwareDatetime
    """When the firm's cluster was last on it."""


class DocumentsToRestore(Record):
    """Documents of the instant that the database is recovered to, or of the nearest one before it that is known."""

    at: AwareDatetime
    snapshot: str
    following: str | None = None
    """The snapshot that tells of the time behind ``snapshot``; ``None`` where ``at`` is its own instant."""
    count: int
    size_bytes: int


class RestorePlan(HashedRecord):
    """One restore. Sizes are bytes; times are aware UTC."""

    format: int = 1
    id: str
    firm: str
    made_at: AwareDatetime
    target: str
    """As it was asked for: the text of ``--to``."""
    settings: dict[str, str]
    """``recovery_target_*`` as PostgreSQL is given them, ``recovery_target_timeline`` among them."""
    side: DrillSide
    vault: str
    region: str
    point: str
    """The recovery point whose base backup is restored, and whose configuration is the nearest one."""
    chain: tuple[str, ...]
    """Backup ids, the full one first."""
    server_version: int
    cluster: int | None = None
    """System identifier."""
    replaced_at: AwareDatetime | None = None
    """When another cluster was adopted in its place; ``None`` for the one that serves."""
    timeline: int
    history: int
    """In whose history the target was looked up; ``timeline`` is the one in it that has the target."""
    serving: int
    """The one that the firm's cluster was on last, as far as this vault knows."""
    others: tuple[OtherTimeline, ...] = ()
    reaches_lsn: LsnText | None = None
    """Where replay will end, to the byte; ``None`` where no pg_waldump of the cluster's version could tell."""
    reaches_at: AwareDatetime | None = None
    """When the last transaction ended that is replayed, as pg_last_xact_replay_timestamp will say; ``None``: none."""
    replay: WalToReplay
    tablespaces: tuple[PlacedTablespace, ...] = ()
    documents: DocumentsToRestore | None = None
    config: str
    into: str
    replaces: str | None = None
    """The live data directory that goes aside; ``into`` itself where its cluster is written over; ``None``: nothing."""
    fetch_bytes: int
    space_needed_bytes: int
    space_there_bytes: int | None = None
    """``None`` where the plan is made on another machine than the one that restores."""
    space: tuple[RoomNeeded, ...] = ()
    """For each file system, less what is there already; ``space_needed_bytes`` is the base backups' alone."""
    estimate_s: float | None = None
    """From the firm's measured drills; ``None`` where none has passed."""
    left_out: tuple[str, ...] = ()
    """What will not be in it, a sentence each."""
    held_until: AwareDatetime | None = None
    """Until when expire leaves all of it alone, by the store's clock; ``None``: nobody has asked it to."""

    def restores_the_same(self, other: "RestorePlan") -> bool:
        """Made at another time, or for another place, it still leads to the same bytes."""
        return self.model_dump(include=_RESTORED) == other.model_dump(include=_RESTORED)

    @property
    def major(self) -> int:
        return self.server_version // 10000


_RESTORED = {
    *("firm", "side", "vault", "point", "chain", "server_version", "timeline"),
    *("settings", "reaches_lsn", "reaches_at", "documents", "config"),
}
