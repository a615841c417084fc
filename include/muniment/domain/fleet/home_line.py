"""One line for Airflow's home page while something is wrong: counts and no names, for everybody reads it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from muniment.domain.fleet.pictures import FleetSeen
from muniment.domain.fleet.standing import StandingState, standing_of

type Category = Literal["warning", "error"]

_SAID: Mapping[StandingState, tuple[str, str]] = {
    "not recoverable": ("firm is not recoverable", "firms are not recoverable"),
    "at risk": ("firm is at risk", "firms are at risk"),
    "unknown": ("firm is in a state that nobody knows", "firms are in a state that nobody knows"),
}


class HomeLine(NamedTuple):
    category: Category
    text: str
    """Markdown."""


def home_line(seen: FleetSeen, now: datetime, page: str) -> HomeLine | None:
    """``page``: the Recovery page's address. ``None``: all is well, or nothing is asked for yet."""
    states = Counter(standing_of(row, seen.open_incidents.get(row.firm, ()), now).state for row in seen.rows)
    incidents = {each.id for group in (seen.common_incidents, *seen.open_incidents.values()) for each in group}
    said = [*_of_states(states), *_of_incidents(len(incidents))]
    if not seen.passes:
        said.append("no pass of the watch has ended yet")
    if not said:
        return None
    return HomeLine(_category(states), f"Recovery: {', '.join(said)}. {_link(page)}")


def unread_line(page: str) -> HomeLine:
    """For a store that does not answer."""
    what = "the watch's store cannot be read, so how the firms stand is unknown"
    return HomeLine("error", f"Recovery: {what}. {_link(page)}")


def _of_states(states: Counter[StandingState]) -> Iterator[str]:
    for state, (one, many) in _SAID.items():
        if count := states[state]:
            yield f"{count} {one if count == 1 else many}"


def _of_incidents(count: int) -> Iterator[str]:
    if count:
        yield f"{count} open {'incident' if count == 1 else 'incidents'}"


def _category(states: Counter[StandingState]) -> Category:
    return "error" if states["not recoverable"] or states["at risk"] else "warning"


def _link(page: str) -> str:
    return f"[Recovery page]({page})"
