"""What the recovery classes promise, and to whom it is kept: every firm a row, those that are switched off as well."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from muniment.domain.fleet.fleet_view import passed
from muniment.domain.fleet.moment import rounded_up
from muniment.domain.fleet.pictures import FleetSeen
from muniment.domain.fleet.promise_cell import DUTIES, PromiseCell, Word, duty_promises, rpo_promise, rto_promise
from muniment.domain.fleet.query import Column, FleetQuery
from muniment.domain.fleet.shown_firms import Head, ShownFirms, Stood, head, shown_firms
from muniment.domain.fleet.standing import Standing
from muniment.domain.shown_text import shown
from muniment.domain.watch.duty import Duty

_SORTING: Mapping[Column, str] = {"firm": "Firm", "state": "State", "rpo": "RPO"}
_IN_WORDS: Mapping[Duty, str] = {
    "wal flow": "Each commit is in both vaults before it is older than the RPO.",
    "nightly point": "Each night leaves a recovery point.",
    "second copy": "The night's point is in the other region as well.",
    "verification": "The night's point was read back and is whole.",
    "drill": "Each month a restore drill passes.",
    "sign-off": "Each quarter a reviewer signs a drill off.",
    "documents": "The night's point has the documents.",
    "configuration": "The night's point has the configuration.",
    "watch": "Somebody looks every five minutes.",
    "channel test": "Each week it is tried whether a person would be told.",
}
_WORST_FIRST: tuple[Word, ...] = ("broken", "missing", "unknown", "late", "suspended", "leaving", "new", "kept")


@dataclass(frozen=True, slots=True)
class ClassPromise:
    """Of the firms of one tier that are shown; where their policies differ there are several."""

    tier: str
    rpo: str
    rto: str
    firms: int


@dataclass(frozen=True, slots=True)
class Promise:
    """A column. ``counts``: how many firms it stands how with, the worst first."""

    head: Head
    words: str
    counts: tuple[tuple[Word, int], ...]


@dataclass(frozen=True, slots=True)
class PromiseLine:
    firm: str
    path: str
    name: str
    place: str
    standing: Standing
    cells: tuple[PromiseCell, ...]
    """One a column."""


@dataclass(frozen=True, slots=True)
class PromisesView:
    firms: ShownFirms
    passed: str
    classes: tuple[ClassPromise, ...]
    heads: tuple[Head, Head]
    """Of the firm and its state."""
    promises: tuple[Promise, ...]
    lines: tuple[PromiseLine, ...]


def promises_view(seen: FleetSeen, allowed: frozenset[str], query: FleetQuery, now: datetime) -> PromisesView:
    """``allowed``: as ``shown_firms`` has it."""
    firms = shown_firms(seen, allowed, query, now)
    lines = tuple(_line(each, now) for each in firms.shown)
    sorting = {column: head(text, column, query) for column, text in _SORTING.items()}
    return PromisesView(
        firms=firms,
        passed=passed(seen.passes, now),
        classes=_classes(firms.shown),
        heads=(sorting["firm"], sorting["state"]),
        promises=tuple(_promises(lines, sorting["rpo"])),
        lines=lines,
    )


def _line(each: Stood, now: datetime) -> PromiseLine:
    row = each.row
    told = (rpo_promise(row, now), rto_promise(row, now), *duty_promises(row, now))
    left = " · left the registry" if row.left_registry_at else ""
    return PromiseLine(
        firm=row.firm,
        path=f"firm/{quote(row.firm, safe='')}",
        name=shown(row.name),
        place=f"{row.tier} · {row.region}{left}",
        standing=each.standing,
        cells=(PromiseCell("unknown"),) * len(told) if row.is_unread else told,
    )


def _classes(shown_: Iterable[Stood]) -> tuple[ClassPromise, ...]:
    firms = Counter(
        (each.row.tier, each.row.rpo_promise_s, each.row.rto_promise_s) for each in shown_ if not each.row.is_unread
    )
    return tuple(
        ClassPromise(tier, rounded_up(rpo_s), rounded_up(rto_s), count)
        for (tier, rpo_s, rto_s), count in sorted(firms.items())
    )


def _promises(lines: tuple[PromiseLine, ...], rpo: Head) -> Iterable[Promise]:
    columns = [
        (rpo, "What would be lost now, from the vault that lacks most, is no more than the RPO."),
        (Head("RTO", None, None), "The last drill that passed took no longer than the RTO."),
        *((Head(_titled(duty), None, None), _IN_WORDS[duty]) for duty in DUTIES),
    ]
    for number, (column, words) in enumerate(columns):
        counted = Counter(line.cells[number].word for line in lines)
        yield Promise(column, words, tuple((word, counted[word]) for word in _WORST_FIRST if counted[word]))


def _titled(duty: Duty) -> str:
    return duty[0].upper() + duty[1:] if duty != "wal flow" else "WAL flow"
