"""Which firms a page lists, in which order, and what there is to choose among: of those that the reader may see."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Literal

from muniment.domain.fleet.pictures import FleetSeen
from muniment.domain.fleet.query import Column, FleetQuery
from muniment.domain.fleet.row import FirmRow, OpenIncident
from muniment.domain.fleet.sight import Sight
from muniment.domain.fleet.standing import WORST_FIRST, Standing, recoverable_to, standing_of, worst_rpo
from muniment.domain.watch.settings import SEVERITIES

_WORST_IS_MOST: tuple[Column, ...] = ("rpo", "incidents")

type Empty = Literal["no pass", "no firm", "none allowed", "none found"]
type Sorted = Literal["ascending", "descending"]


@dataclass(frozen=True, slots=True)
class Stood:
    """A firm as it is shown and sorted."""

    row: FirmRow
    standing: Standing
    incidents: tuple[OpenIncident, ...]
    worst_rpo_s: float | None
    """Of both vaults; ``None``: unknown."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A box to tick."""

    value: str
    text: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Head:
    """Of a column. ``query`` sorts by it, or by it the other way; ``None``: nothing does. ``sort``: by it, now."""

    text: str
    query: FleetQuery | None
    sort: Sorted | None


@dataclass(frozen=True, slots=True)
class ShownFirms:
    query: FleetQuery
    found: tuple[Stood, ...]
    """By the query, whatever their state."""
    shown: tuple[Stood, ...]
    """Of these, in order."""
    visible: int
    """How many firms there are without the query."""
    tiers: tuple[Choice, ...]
    regions: tuple[Choice, ...]
    states: tuple[Choice, ...]
    empty: Empty | None
    """Why none is shown."""


def shown_firms(seen: FleetSeen, allowed: frozenset[str], query: FleetQuery, now: datetime) -> ShownFirms:
    """``allowed``: ids of the firms that the reader may see; of the others nothing is counted, and none is named."""
    sight = Sight(allowed, {*(row.firm for row in seen.rows), *seen.open_incidents})
    visible = [row for row in seen.rows if row.firm in allowed]
    found = tuple(_stood(row, seen, sight, now) for row in visible if query.finds(row))
    shown = in_order([each for each in found if query.shows(each.standing)], query)
    return ShownFirms(
        query=query,
        found=found,
        shown=tuple(shown),
        visible=len(visible),
        tiers=_choices((row.tier for row in visible), query.tiers),
        regions=_choices((row.region for row in visible), query.regions),
        states=tuple(_choice(Standing(state), query) for state in WORST_FIRST),
        empty=None if shown else _why_empty(seen, visible),
    )


def _stood(row: FirmRow, seen: FleetSeen, sight: Sight, now: datetime) -> Stood:
    incidents = tuple(
        each.model_copy(update={"subject": sight.text(each.subject)}) for each in seen.open_incidents.get(row.firm, ())
    )
    return Stood(row, standing_of(row, incidents, now), incidents, worst_rpo(row, now))


def _why_empty(seen: FleetSeen, visible: Sequence[FirmRow]) -> Empty:
    if visible:
        return "none found"
    if seen.rows:
        return "none allowed"
    return "no firm" if seen.passes else "no pass"


def _choices(values: Iterable[str], chosen: Sequence[str]) -> tuple[Choice, ...]:
    """With those that the address names and nobody has: so they can be taken back."""
    return tuple(Choice(value, value, value in chosen) for value in sorted({*values, *chosen}))


def _choice(standing: Standing, query: FleetQuery) -> Choice:
    return Choice(standing.shape, standing.state, standing.shape in query.states)


def head(text: str, column: Column, query: FleetQuery) -> Head:
    is_by = query.sort == column
    descends = not query.is_descending if is_by else column in _WORST_IS_MOST
    sort: Sorted = "descending" if query.is_descending else "ascending"
    return Head(text, query.sorted_by(column, is_descending=descends), sort if is_by else None)


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


def _gravity(incidents: Sequence[OpenIncident]) -> tuple[float, ...]:
    counted = Counter(each.severity for each in incidents)
    return tuple(float(counted[severity]) for severity in SEVERITIES)


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
