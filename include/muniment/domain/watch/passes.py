"""One pass of the watch over the firms of one queue."""

from datetime import timedelta

from pydantic import AwareDatetime

from muniment.domain.record import Record

PASS_EVERY = timedelta(minutes=5)
"""``fleet__watch`` begins one that often."""

LOOK_LASTS = 2 * PASS_EVERY
"""One pass may fall out; what is older than two is not what is."""


class Pass(Record):
    queue: str
    began_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    """``None``: under way, or killed."""
    firms: int = 0
    fresh: int = 0
    """Firms of whom server and both vaults answered."""
    seconds: float | None = None
    requests: int | None = None


class Sample(Record):
    """A firm at one pass: a row of the time series. ``None`` is unknown, never 0."""

    firm: str
    at: AwareDatetime
    rpo_primary_s: float | None
    rpo_replica_s: float | None
    behind_primary_bytes: int | None
    behind_replica_bytes: int | None
    flush_lsn_bytes: int | None
    ready: int | None
    pg_wal_bytes: int | None
    wal_free_bytes: int | None
