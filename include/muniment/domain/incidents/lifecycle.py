"""One incident from pass to pass: observed, open, acknowledged, resolved, reopened; and whether it flaps.

``now`` may jump: what an incident remembers of later than now is taken for now, so nothing waits for a clock that went
wrong, and nothing happens twice because it was put right.
"""

from datetime import datetime, timedelta
from typing import Any, Literal

from muniment.domain.incidents.incident import Change, Incident
from muniment.domain.incidents.trouble import Cause

type Verdict = Literal["bad", "good"]

OPEN = frozenset({"open", "acknowledged"})
BAD_PASSES, GOOD_PASSES = 2, 3
_PROVEN_BY_ONE: frozenset[Cause] = frozenset({"channel-failed", "channel-untested"})
"""A channel is seen when something goes by it, which may be a week later: what it took has shown that it works."""
BAD_WITHIN = timedelta(minutes=30)
"""Of two with a good one between them. Two in a row open, however long the watch was away in between."""
REOPENS_WITHIN = timedelta(hours=24)
FLIPS, FLIPS_WITHIN = 4, timedelta(hours=1)
# Passes of several queues that begin together are one look.
_ONE_LOOK = timedelta(seconds=60)
_LONGEST_HISTORY = 100
BY_WATCH = "the watch"


def judged(incident: Incident, verdict: Verdict, *, opens_at_once: bool, now: datetime) -> Incident:
    """What it is after a pass that found it so."""
    flips = tuple(each for each in incident.flips if now - each < FLIPS_WITHIN)
    is_flip = (verdict == "bad") is not incident.is_bad
    last = incident.last_judged_at
    counts = is_flip or last is None or abs(now - last) >= _ONE_LOOK
    flips = (*flips, now) if is_flip else flips
    facts: dict[str, Any] = {
        "flips": flips,
        "flapping_told_at": incident.flapping_told_at if flips else None,
        "is_bad": verdict == "bad",
        "last_judged_at": now if counts else last,
    }
    turned = incident.model_copy(update=facts)
    return _bad(turned, opens_at_once, counts, now) if verdict == "bad" else _good(turned, counts, now)


def _bad(incident: Incident, opens_at_once: bool, counts: bool, now: datetime) -> Incident:
    is_second = incident.good_passes == 0 or now - incident.last_bad_at <= BAD_WITHIN
    passes = incident.bad_passes + int(counts) if is_second else 1
    state = "observed" if incident.state == "resolved" else incident.state
    facts = {"bad_passes": passes, "good_passes": 0, "last_bad_at": now, "state": state}
    seen = incident.model_copy(update=facts)
    if state != "observed" or not (opens_at_once or passes >= BAD_PASSES):
        return seen
    return _opened(seen, now)


def _opened(incident: Incident, now: datetime) -> Incident:
    what = "opened" if incident.opened_at is None else "opened again"
    facts = {"state": "open", "opened_at": incident.opened_at or now, "resolved_at": None}
    return noted(incident.model_copy(update=facts), what, BY_WATCH, now)


def _good(incident: Incident, counts: bool, now: datetime) -> Incident:
    passes = incident.good_passes + int(counts)
    seen = incident.model_copy(update={"good_passes": passes, "last_good_at": now})
    if passes < (1 if seen.cause in _PROVEN_BY_ONE else GOOD_PASSES) or seen.state == "resolved" or is_flapping(seen):
        return seen
    return resolved(seen, f"resolved: good in {passes} passes", BY_WATCH, now)


def resolved(incident: Incident, what: str, by: str, now: datetime) -> Incident:
    """What was only observed is put away without a word."""
    was_open = incident.state in OPEN
    facts: dict[str, Any] = {
        "state": "resolved",
        "resolved_at": now if was_open or incident.resolved_at is None else incident.resolved_at,
        "acknowledged_by": None,
        "acknowledged_until": None,
        "flapping_told_at": None,
        "held_back_by": None,
        "was_silenced": False,
        "is_bad": False,
        "bad_passes": 0 if incident.opened_at else incident.bad_passes,
    }
    over = incident.model_copy(update=facts)
    return noted(over, what, by, now) if was_open else over


def acknowledged(incident: Incident, by: str, until: datetime, now: datetime) -> Incident:
    facts = {"state": "acknowledged", "acknowledged_by": by, "acknowledged_until": until}
    return noted(incident.model_copy(update=facts), f"acknowledged until {until:%Y-%m-%d %H:%M} UTC", by, now)


def acknowledgement_ended(incident: Incident, now: datetime) -> Incident:
    facts = {"state": "open", "acknowledged_by": None, "acknowledged_until": None}
    return noted(incident.model_copy(update=facts), "the acknowledgement has ended", BY_WATCH, now)


def is_flapping(incident: Incident) -> bool:
    return incident.flapping_told_at is not None


def begins_to_flap(incident: Incident) -> bool:
    return incident.opened_at is not None and not is_flapping(incident) and len(incident.flips) >= FLIPS


def reopens(incident: Incident, now: datetime) -> bool:
    """Whether what is seen now is this incident's, which is over, or that of a new one."""
    return incident.resolved_at is None or now - incident.resolved_at <= REOPENS_WITHIN


def noted(incident: Incident, what: str, by: str, now: datetime) -> Incident:
    changes = (*incident.changes, Change(at=now, what=what, by=by))
    return incident.model_copy(update={"changes": changes[-_LONGEST_HISTORY:]})


_REMEMBERED = (
    *("last_bad_at", "last_good_at", "last_told_at", "last_judged_at"),
    *("flapping_told_at", "resolved_at", "came_back_at"),
)


def by_this_clock(incident: Incident, now: datetime) -> Incident:
    """The same, with nothing in it that is later than ``now``."""
    late = {name: now for name in _REMEMBERED if (at := getattr(incident, name)) is not None and at > now}
    flips = tuple(each for each in incident.flips if each <= now)
    if not late and len(flips) == len(incident.flips):
        return incident
    return incident.model_copy(update={**late, "flips": flips})
