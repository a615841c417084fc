"""Whether an instant comes back from a vault, and why not."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from muniment.domain.fleet.history import NightSeen
from muniment.domain.fleet.instants import in_zone
from muniment.domain.fleet.recoverable import Held, Stretch

type Kind = Literal[
    "any instant",
    "point",
    "another cluster",
    "hole",
    "points alone",
    "unsure",
    "before",
    "not there yet",
    "unknown",
    "future",
    "nothing",
    "barred",
]

_COMES_BACK: frozenset[Kind] = frozenset({"any instant", "point", "another cluster"})
_UNKNOWN: frozenset[Kind] = frozenset({"unsure", "unknown", "barred"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """``why``: a sentence without a full stop. ``point``: the recovery point that is restored by its name."""

    kind: Kind
    why: str
    stretch: Stretch | None = None
    point: NightSeen | None = None

    @property
    def comes_back(self) -> bool:
        return self.kind in _COMES_BACK

    @property
    def is_known(self) -> bool:
        return self.kind not in _UNKNOWN


def verdict_of(held: Held, at: datetime, now: datetime, time_zone: str) -> Verdict:
    """As of the vault's last look; whether that is old, ``held.is_current`` says."""
    if at > now:
        return Verdict("future", "it lies in the future")
    if held.barred is not None:
        return Verdict("barred", f"the watch can read nothing that is sealed in the vault: {held.barred}")
    if (point := held.point_at(at)) is not None:
        return _of_point(held, point, at)
    if (stretch := held.stretch_at(at)) is not None:
        return Verdict("any instant", "the vault has a base backup before it, and all WAL from there on", stretch)
    return _outside(held, at, time_zone)


def _of_point(held: Held, point: NightSeen, at: datetime) -> Verdict:
    match held.lacking.get(point.point):
        case "hole":
            return Verdict("hole", f"WAL that recovery point {point.point} was taken with is missing")
        case "unsure":
            why = f"nobody has seen whether the WAL that recovery point {point.point} was taken with is still there"
            return Verdict("unsure", why)
    if point in held.points:
        return Verdict("point", f"recovery point {point.point} was taken then", held.stretch_at(at), point)
    why = f"recovery point {point.point} was taken then, of a cluster or a timeline that does not serve any more"
    return Verdict("another cluster", f"{why}: it can be staged, and does not go live", None, point)


def _outside(held: Held, at: datetime, time_zone: str) -> Verdict:
    first = held.stretches[0].begins_at if held.stretches else None
    other = next((each for each in held.others if each.has(at)), None)
    if other is not None and (first is None or at < first):
        why = "it is of a cluster that another one replaced: it can be staged, and does not go live"
        return Verdict("another cluster", why, other)
    if (gap := held.gap_at(at)) is not None:
        between = f"between {in_zone(gap.begins_at, time_zone)} and {in_zone(gap.ends_at, time_zone)}"
        match gap.kind:
            case "hole":
                return Verdict("hole", f"WAL is missing {between}")
            case "points alone":
                return Verdict("points alone", f"the policy has let WAL go {between}: recovery points alone are kept")
            case "unsure":
                return Verdict("unsure", f"nobody has seen whether the WAL {between} is still there")
    return _beyond(held, at, first, time_zone)


def _beyond(held: Held, at: datetime, first: datetime | None, time_zone: str) -> Verdict:
    """Before the first instant that comes back, or after the last."""
    if held.seen_at is None:
        return Verdict("unknown", "nobody has looked into this vault yet")
    reaches_at = held.reaches_at
    if first is not None and reaches_at is not None:
        if at < first:
            return Verdict("before", f"the first instant that comes back from it is {in_zone(first, time_zone)}")
        return _after(held, at, reaches_at, held.seen_at, time_zone)
    if held.knows_points and not held.points:
        why = f"no recovery point was seen in it by {in_zone(held.seen_at, time_zone)}"
        return Verdict("nothing" if held.is_current else "unknown", why)
    return Verdict("unknown", "how far its WAL reaches is unknown: only its recovery points are known")


def _after(held: Held, at: datetime, reaches_at: datetime, seen_at: datetime, time_zone: str) -> Verdict:
    until = in_zone(reaches_at, time_zone)
    if at <= seen_at and held.missing:
        return Verdict("hole", f"WAL is missing behind {until}: {held.missing[0]} is not in the vault")
    if at <= seen_at and held.rpo_s:
        return Verdict("not there yet", f"the vault has WAL as far as {until}; what was committed later is not in it")
    seen = in_zone(seen_at, time_zone)
    return Verdict("unknown", f"it lies behind the last look, of {seen}, which has seen WAL as far as {until}")
