"""One thing that is wrong with one firm, or with what they all need, as a pass or a failed task saw it."""

from typing import Literal

from pydantic import AwareDatetime, Field

from muniment.domain.record import Record

type Severity = Literal["warning", "error", "critical"]
type ScopeKind = Literal[
    "dag", "key", "bucket", "host", "queue", "pool", "region", "channel", "file", "airflow", "firm", "watch"
]
"""Narrowest first. ``dag``: of a failed task; never shared."""
type Cause = Literal[
    # the gravest, which nothing makes good again
    "another-database",
    "lsn-went-back",
    "key-pending-deletion",
    # what a restore would lack
    "wal-at-risk",
    "wal-hole",
    "archiver-failing",
    "slot-holds-wal",
    "wal-space",
    "server-unseen",
    "vault-unseen",
    "key-unusable",
    "vault-settings",
    "incomplete-point",
    "documents-vanishing",
    # what was owed and did not come
    "point-missing",
    "copy-missing",
    "verification-missing",
    "drill-missing",
    "sign-off-missing",
    "documents-missing",
    "configuration-missing",
    # what makes it so
    "dag-paused",
    "dag-missing",
    "dag-broken",
    "firm-file-broken",
    "queue-unserved",
    "pool-missing",
    "scheduler-still",
    "airflow-unseen",
    "watch-late",
    "channel-failed",
    "channel-untested",
    "suspension-ends",
    "clock-skew",
    "left-registry",
    "task-failed",
]


class Scope(Record):
    kind: ScopeKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Trouble(Record):
    """``scopes``: what it may share with others, narrowest first; a firm's own is its last resort and is not named."""

    cause: Cause
    firm: str | None
    """``None``: nobody's own, such as a channel."""
    tier: str | None = None
    scopes: tuple[Scope, ...] = ()
    severity: Severity
    opens_at_once: bool = False
    """Or only when it is seen twice."""
    subject: str
    """One short line, without the firm's name."""
    what: str
    kept: str
    hint: str
    at_stake: str = ""
    """In the firm's words: minutes of commits, which nights."""
    breaks_at: AwareDatetime | None = None
    """When the promise breaks, or did."""
    seen_at: AwareDatetime
    links: dict[str, str] = Field(default_factory=dict)
    """``log``, ``page``."""

    @property
    def runbook(self) -> str:
        """The section of the page that says what to do."""
        return f"docs/monitoring.md#{self.cause}"
