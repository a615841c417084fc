"""What the vaults prove of a firm's duties: read by rotation, and again before any of them is called missing."""

from pydantic import AwareDatetime

from muniment.domain.record import Record


class Evidence(Record):
    """Every instant is the newest there is; ``None``: there is none yet."""

    read_at: AwareDatetime
    vaults_made_at: AwareDatetime | None = None
    """``firm.json``'s."""
    points: int = 0
    first_point_at: AwareDatetime | None = None
    last_point: str | None = None
    last_point_at: AwareDatetime | None = None
    """``taken_at`` of the newest point of the cluster that serves."""
    last_copied_at: AwareDatetime | None = None
    """``taken_at`` of the newest point that the replica vault has registered as well."""
    last_verified_at: AwareDatetime | None = None
    """``taken_at`` of the newest verified point: read back, and not damaged."""
    point_sizes_bytes: int | None = None
    incomplete: tuple[str, ...] = ()
    """What the newest point lacks, a line each."""
    documents: int | None = None
    """In the newest point."""
    documents_before: int | None = None
    """In the document snapshot before it."""
    documents_changed: int | None = None
    """Of those, the ones that were overwritten; ``None``: not known."""
    documents_vanished: int | None = None
    """Of those, the ones whose contents are under no key any more; ``None``: not known."""
    last_documents_at: AwareDatetime | None = None
    last_configuration_at: AwareDatetime | None = None
    last_drill: str | None = None
    last_drill_at: AwareDatetime | None = None
    """The newest one that passed."""
    last_drill_failed: bool = False
    """The newest one that ended did not pass."""
    unfinished_drill: str | None = None
    drill_rto_s: float | None = None
    sign_off_due_at: AwareDatetime | None = None
    """Of the drill that waits for a reviewer's word; ``None``: none does."""
    last_sign_off_at: AwareDatetime | None = None
    wal_free_bytes: int | None = None
    """On the file system of pg_wal, as the last pushed segment tells it."""
    wal_free_at: AwareDatetime | None = None
    wal_free_at_pg_wal_bytes: int | None = None
    """The size of pg_wal then: what it has grown since is gone from the free space."""
