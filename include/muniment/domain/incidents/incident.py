"""One incident for one cause: what is kept of it in the watch's store, and what is told of it."""

from typing import Literal

from pydantic import AwareDatetime, Field

from muniment.domain.incidents.trouble import Cause, Scope, Severity
from muniment.domain.record import Record

type IncidentState = Literal["observed", "open", "acknowledged", "resolved"]
type NoticeKind = Literal["opened", "worsened", "reopened", "reminder", "flapping", "acknowledged", "resolved"]


class Member(Record):
    """A firm that the incident touches."""

    firm: str
    tier: str | None = None
    since: AwareDatetime
    last_seen_at: AwareDatetime
    what: str
    """Its first line."""
    at_stake: str = ""
    breaks_at: AwareDatetime | None = None
    severity: Severity = "warning"
    """With that of what is held back."""
    places: tuple[Scope, ...] = ()
    """What its trouble may share with others'."""
    also: tuple[Cause, ...] = ()
    """Held back: this incident explains them."""
    well_since: AwareDatetime | None = None
    """Since when it is out of it; ``None``: it is not."""
    in_vault: bool = False
    """The firm's own vault has the record of the incident's end."""

    @property
    def is_troubled(self) -> bool:
        return self.well_since is None


class Change(Record):
    """A line of its history."""

    at: AwareDatetime
    what: str
    by: str


class Incident(Record):
    """``key``: of cause and scope, at most 64 characters; the same for each of its lives. ``id`` is of this one."""

    id: str
    key: str
    cause: Cause
    scope: Scope
    """A firm's own is ``firm <id>``."""
    severity: Severity
    state: IncidentState
    subject: str
    what: str
    kept: str
    hint: str
    runbook: str
    links: dict[str, str] = Field(default_factory=dict)
    members: tuple[Member, ...] = ()
    observed_at: AwareDatetime
    opened_at: AwareDatetime | None = None
    last_bad_at: AwareDatetime
    last_good_at: AwareDatetime | None = None
    good_passes: int = 0
    bad_passes: int = 0
    flips: tuple[AwareDatetime, ...] = ()
    """When it went from bad to good or back, lately."""
    flapping_told_at: AwareDatetime | None = None
    last_told_at: AwareDatetime | None = None
    told_severity: Severity | None = None
    """What on-call heard last."""
    gravest_told: Severity | None = None
    """Of all that on-call heard in this life: by its route they hear of its end."""
    was_silenced: bool = False
    """By the last pass that it was bad in: once the silence is over, it is told."""
    is_bad: bool = True
    """By the last pass that could tell."""
    last_judged_at: AwareDatetime | None = None
    acknowledged_by: str | None = None
    acknowledged_until: AwareDatetime | None = None
    resolved_at: AwareDatetime | None = None
    came_back_at: AwareDatetime | None = None
    """Seen again after it was over: whoever was in it before only is none of its firms now."""
    held_back_by: str | None = None
    """Key of the wider incident, while that is open."""
    changes: tuple[Change, ...] = ()

    @property
    def of_this_life(self) -> tuple[Member, ...]:
        """Whoever was in it since it was seen first, or again."""
        since = self.came_back_at
        return self.members if since is None else tuple(each for each in self.members if each.last_seen_at >= since)


class Silence(Record):
    """Nothing is told of incidents that match in all that is named, until it ends; only that what was told is over."""

    id: str
    firm: str | None
    cause: str | None
    key: str | None
    until: AwareDatetime
    by: str
    why: str
    made_at: AwareDatetime


class Notice(Record):
    """What is to be told: written with the change that it tells of, delivered afterwards."""

    id: str
    incident: str
    key: str
    """What a receiver knows the incident by."""
    kind: NoticeKind
    cause: Cause
    severity: Severity
    firms: tuple[str, ...]
    """Whom it touches: the routes of the first decide where there are several tiers."""
    tiers: tuple[str, ...] = ()
    subject: str
    message: str
    links: dict[str, str] = Field(default_factory=dict)
    made_at: AwareDatetime


class Delivery(Record):
    notice: str
    channel: str
    at: AwareDatetime
    failure: str | None = None
    """Why it was not taken; ``None``: the receiver took it."""
