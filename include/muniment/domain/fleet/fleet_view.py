"""The fleet's page: how many firms stand how, and a line for each, the worst first."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import Literal

from muniment.domain.fleet.fleet_line import GRAVEST_FIRST, FleetLine, fleet_line
from muniment.domain.fleet.moment import ago
from muniment.domain.fleet.pictures import FleetSeen
from muniment.domain.fleet.query import Column, FleetQuery
from muniment.domain.fleet.row import FirmRow, OpenIncident
from muniment.domain.fleet.standing import (
    WORST_FIRST,
    Shape,
    Standing,
    StandingState,
    recoverable_to,
    standing_of,
    worst_rpo,
)
from muniment.domain.incidents.trouble import Severity
from muniment.domain.watch.freshness import is_fresh
from muniment.domain.watch.passes import PASS_EVERY, Pass

TARGET_PER_MILLE = 995
"""Of the nights of 30 days: the backup success rate that is promised, 99.5 %."""

_ALWAYS_COUNTED: tuple[StandingState, ...] = ("at risk", "unknown", "safe")
_WORST_IS_MOST: tuple[Column, ...] = ("rpo", "incidents")
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

type Empty = Literal["no pass", "no firm", "none allowed", "none found"]


@dataclass(frozen=True, slots=True)
class Stood:
    """A firm as it is shown and sorted."""

    row: FirmRow
    standing: Standing
    incidents: tuple[OpenIncident, ...]
    worst_rpo_s: float | None
    """Of both vaults; ``None``: unknown."""


@dataclass(frozen=True, slots=True)
class Count:
    standing: Standing
    firms: int
    query: FleetQuery
    """Which shows these."""


@dataclass(frozen=True, slots=True)
class Head:
    text: str
    query: FleetQuery
    """Which sorts by it, or by it the other way."""
    sort: Literal["ascending", "descending"] | None
    """By this column, now."""


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
class Choice:
    """A box to tick."""

    value: str
    text: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class FleetView:
    query: FleetQuery
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
    tiers: tuple[Choice, ...]
    regions: tuple[Choice, ...]
    states: tuple[Choice, ...]
    lines: tuple[FleetLine, ...]
    visible: int
    """How many firms there are without the query."""
    empty: Empty | None


def fleet_view(seen: FleetSeen, allowed: frozenset[str], query: FleetQuery, now: datetime) -> FleetView:
    """``allowed``: ids of the firms that the reader may see; of the others nothing is counted."""
    visible = [row for row in seen.rows if row.firm in allowed]
    found = [stood(row, seen, now) for row in visible if query.finds(row)]
    shown = in_order([each for each in found if query.shows(each.standing)], query)
    return FleetView(
        query=query,
        counts=_counts(found, query),
        nights=_nights(shown),
        severities=_severities(shown, seen.common_incidents),
        passed=_passed(seen.passes, now),
        late=tuple(_late(seen.passes, shown, now)),
        unknown=sum(_is_unknown(each) for each in shown),
        heads=tuple(_head(column, query) for column in _HEADS),
        tiers=_choices((row.tier for row in visible), query.tiers),
        regions=_choices((row.region for row in visible), query.regions),
        states=tuple(_state_choice(Standing(state), query.states) for state in WORST_FIRST),
        lines=tuple(fleet_line(each.row, each.standing, each.incidents, now) for each in shown),
        visible=len(visible),
        empty=empty_of(seen, visible, shown),
    )


def stood(row: FirmRow, seen: FleetSeen, now: datetime) -> Stood:
    incidents = tuple(seen.open_incidents.get(row.firm, ()))
    return Stood(row, standing_of(row, incidents, now), incidents, worst_rpo(row, now))


def _is_unknown(each: Stood) -> bool:
    """Also of a firm that is at risk for what is known."""
    return each.standing.state == "unknown" or (each.standing.state != "new" and each.worst_rpo_s is None)


def empty_of(seen: FleetSeen, visible: Sequence[FirmRow], shown: Sequence[Stood]) -> Empty | None:
    if shown:
        return None
    if visible:
        return "none found"
    if seen.rows:
        return "none allowed"
    return "no firm" if seen.passes else "no pass"


def in_order(shown: Sequence[Stood], query: FleetQuery) -> list[Stood]:
    """Of equals the one by whose name it comes first, whichever way the column is turned."""
    by_name = sorted(shown, key=lambda each: (each.row.name.casefold(), each.row.firm))
    if query.sort == "firm":
        return by_name[::-1] if query.is_descending else by_name
    return sorted(by_name, key=_KEYS[query.sort], reverse=query.is_descending)


def _seconds(at: datetime | None, unknown: float) -> tuple[float]:
    return (at.timestamp() if at else unknown,)


def _excess(each: Stood) -> float:
    """RPO over the promise, in promises; unknown is the worst."""
    return inf if each.worst_rpo_s is None else each.worst_rpo_s / max(each.row.rpo_promise_s, 1.0)


_KEYS: Mapping[Column, Callable[[Stood], tuple[float, ...]]] = {
    "state": lambda each: (each.standing.rank, -_excess(each)),
    "recover": lambda each: _seconds(recoverable_to(each.row), -inf),
    "rpo": lambda each: (_excess(each),),
    "point": lambda each: _seconds(each.row.last_point_at, -inf),
    "drill": lambda each: _seconds(each.row.last_drill_at, -inf),
    "window": lambda each: _seconds(each.row.window_start_at, inf),
    "incidents": lambda each: _gravity(each.incidents),
    "next": lambda each: _seconds(each.row.next_night_at, inf),
}
"""What is unknown stands where the worst does."""


def _gravity(incidents: Sequence[OpenIncident]) -> tuple[float, ...]:
    counted = Counter(each.severity for each in incidents)
    return tuple(float(counted[severity]) for severity in GRAVEST_FIRST)


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
    gravest: dict[str, Severity] = {}
    for incident in [*common, *(each for firm in shown for each in firm.incidents)]:
        known = gravest.get(incident.id, incident.severity)
        gravest[incident.id] = min(known, incident.severity, key=GRAVEST_FIRST.index)
    counted = Counter(gravest.values())
    return tuple((severity, counted[severity]) for severity in GRAVEST_FIRST if counted[severity])


def _passed(passes: Iterable[Pass], now: datetime) -> str:
    ended = max((each.ended_at for each in passes if each.ended_at), default=None)
    return "The watch has not ended a pass yet." if ended is None else f"The last pass ended {ago(ended, now)}."


def _late(passes: Sequence[Pass], shown: Sequence[Stood], now: datetime) -> Iterable[str]:
    """A queue that firms were watched by once is late for ever and concerns nobody: its passes are named while somebody
    waits for a look, or while there is none in time."""
    late = [each for each in passes if not is_fresh(each.ended_at, now)]
    if len(late) < len(passes) and all(is_fresh(each.row.seen_at, now) for each in shown):
        return
    for each in late:
        ended = f"ended {ago(each.ended_at, now)}" if each.ended_at else "has not ended"
        every = PASS_EVERY // timedelta(minutes=1)
        yield f"The watch is late: the last pass of queue {each.queue} {ended}; one is due every {every} min."


def _head(column: Column, query: FleetQuery) -> Head:
    is_by = query.sort == column
    descends = not query.is_descending if is_by else column in _WORST_IS_MOST
    sort: Literal["ascending", "descending"] = "descending" if query.is_descending else "ascending"
    return Head(_HEADS[column], query.sorted_by(column, is_descending=descends), sort if is_by else None)


def _choices(values: Iterable[str], chosen: Sequence[str]) -> tuple[Choice, ...]:
    """With those that the address names and nobody has: so they can be taken back."""
    return tuple(Choice(value, value, value in chosen) for value in sorted({*values, *chosen}))


def _state_choice(standing: Standing, chosen: Sequence[Shape]) -> Choice:
    return Choice(standing.shape, standing.state, standing.shape in chosen)
