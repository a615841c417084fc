"""The fleet's page: how many firms stand how, and a line for each, the worst first."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from muniment.domain.fleet.fleet_line import FleetLine, fleet_line
from muniment.domain.fleet.moment import ago
from muniment.domain.fleet.pictures import FleetSeen
from muniment.domain.fleet.query import Column, FleetQuery
from muniment.domain.fleet.row import OpenIncident
from muniment.domain.fleet.shown_firms import Head, ShownFirms, Stood, head, shown_firms
from muniment.domain.fleet.standing import WORST_FIRST, Standing, StandingState
from muniment.domain.incidents.severity import gravest
from muniment.domain.incidents.trouble import Severity
from muniment.domain.watch.freshness import is_fresh
from muniment.domain.watch.passes import PASS_EVERY, Pass
from muniment.domain.watch.settings import SEVERITIES

TARGET_PER_MILLE = 995
"""Of the nights of 30 days: the backup success rate that is promised, 99.5 %."""

_ALWAYS_COUNTED: tuple[StandingState, ...] = ("at risk", "unknown", "safe")
_HEADS: Mapping[Column, str] = {
    "firm": "Firm",
    "state": "State",
    "recover": "Can be recovered to",
    "rpo": "RPO against promised",
    "point": "Last point",
    "drill": "Last drill",
    "window": "Window",
    "incidents": "Incidents",
    "next": "Next run",
}


@dataclass(frozen=True, slots=True)
class Count:
    standing: Standing
    firms: int
    query: FleetQuery
    """Which shows these."""


@dataclass(frozen=True, slots=True)
class Nights:
    """Of 30 days, of the firms that are shown."""

    due: int
    kept: int

    @property
    def rate(self) -> str | None:
        """Rounded down, so that what falls short of the target never reads as if it did not; ``None``: none was due."""
        return f"{self.kept * 1000 // self.due / 10:.1f} %" if self.due else None

    @property
    def is_short(self) -> bool:
        return self.kept * 1000 < self.due * TARGET_PER_MILLE


@dataclass(frozen=True, slots=True)
class FleetView:
    firms: ShownFirms
    counts: tuple[Count, ...]
    """Of the firms that the query finds, whatever their state."""
    nights: Nights
    severities: tuple[tuple[Severity, int], ...]
    """Open incidents of the firms that are shown and of no firm, each counted once."""
    passed: str
    """When the last pass was."""
    late: tuple[str, ...]
    unknown: int
    """Of the firms that are shown, those of whom something that decides their state is unknown."""
    heads: tuple[Head, ...]
    lines: tuple[FleetLine, ...]


def fleet_view(seen: FleetSeen, allowed: frozenset[str], query: FleetQuery, now: datetime) -> FleetView:
    """``allowed``: as ``shown_firms`` has it."""
    firms = shown_firms(seen, allowed, query, now)
    return FleetView(
        firms=firms,
        counts=_counts(firms.found, query),
        nights=_nights(firms.shown),
        severities=_severities(firms.shown, seen.common_incidents),
        passed=passed(seen.passes, now),
        late=tuple(_late(seen.passes, firms.shown, now)),
        unknown=sum(map(_is_unknown, firms.shown)),
        heads=tuple(head(text, column, query) for column, text in _HEADS.items()),
        lines=tuple(fleet_line(each.row, each.standing, each.incidents, now) for each in firms.shown),
    )


def _is_unknown(each: Stood) -> bool:
    """Also of a firm that is at risk for what is known."""
    is_partly = each.standing.state in {"at risk", "suspended"} and each.worst_rpo_s is None
    return each.standing.state == "unknown" or is_partly


def _counts(found: Iterable[Stood], query: FleetQuery) -> tuple[Count, ...]:
    firms = Counter(each.standing.state for each in found)
    return tuple(
        Count(Standing(state), firms[state], query.in_state(Standing(state).shape))
        for state in WORST_FIRST
        if firms[state] or state in _ALWAYS_COUNTED
    )


def _nights(shown: Iterable[Stood]) -> Nights:
    pairs = [(each.row.nights_due, min(each.row.nights_kept, each.row.nights_due)) for each in shown]
    return Nights(sum(due for due, _ in pairs), sum(kept for _, kept in pairs))


def _severities(shown: Iterable[Stood], common: Iterable[OpenIncident]) -> tuple[tuple[Severity, int], ...]:
    found: dict[str, Severity] = {}
    for incident in [*common, *(each for firm in shown for each in firm.incidents)]:
        found[incident.id] = gravest((found.get(incident.id, incident.severity), incident.severity))
    counted = Counter(found.values())
    return tuple((severity, counted[severity]) for severity in SEVERITIES if counted[severity])


def passed(passes: Iterable[Pass], now: datetime) -> str:
    ended = max((each.ended_at for each in passes if each.ended_at), default=None)
    if ended is None:
        return "The watch has not ended a pass yet."
    if ended > now and not is_fresh(ended, now):
        return f"The last pass is dated {ago(ended, now)}: a clock is wrong."
    return f"The last pass ended {ago(min(ended, now), now)}."


def _late(passes: Sequence[Pass], shown: Sequence[Stood], now: datetime) -> Iterable[str]:
    """A queue that firms were watched by once is late for ever and concerns nobody: its passes are named while somebody
    waits for a look, or while there is none in time."""
    late = [each for each in passes if not is_fresh(each.ended_at, now)]
    if len(late) < len(passes) and all(is_fresh(each.row.seen_at, now) for each in shown):
        return
    for each in late:
        ended = "has not ended"
        if each.ended_at:
            ended = (
                f"ended {ago(each.ended_at, now)}" if each.ended_at <= now else f"is dated {ago(each.ended_at, now)}"
            )
        every = PASS_EVERY // timedelta(minutes=1)
        yield f"The watch is late: the last pass of queue {each.queue} {ended}; one is due every {every} min."
