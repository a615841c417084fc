"""What is owed to each firm, and whether it came. Computed from the registry, never from what did happen."""

from typing import Literal

from pydantic import AwareDatetime

from muniment.domain.record import Record

type Duty = Literal[
    "wal flow",
    "nightly point",
    "second copy",
    "verification",
    "drill",
    "sign-off",
    "documents",
    "configuration",
    "watch",
    "channel test",
]
type State = Literal["new", "kept", "late", "missing", "suspended", "leaving", "unknown"]


class Suspension(Record):
    """``duty``: ``None`` suspends all of the firm's."""

    firm: str
    duty: Duty | None
    until: AwareDatetime
    by: str
    why: str
    made_at: AwareDatetime


class DutyState(Record):
    """``due_at``: the last instant at which it was owed; ``grace_until``: from when on it is missing."""

    firm: str
    duty: Duty
    state: State
    due_at: AwareDatetime | None
    grace_until: AwareDatetime | None
    next_due_at: AwareDatetime | None = None
    evidence_at: AwareDatetime | None = None
    suspension: Suspension | None = None
