"""Which firms of the fleet are shown, and in which order: what the page's address says.

Every page that lists firms takes the same parameters. Their values are text: what is no firm's tier finds nobody.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from muniment.domain.fleet.row import FirmRow
from muniment.domain.fleet.standing import Shape, Standing
from muniment.domain.shown_text import code_points, shown
from muniment.errors import InvalidRequest

type Column = Literal["state", "firm", "recover", "rpo", "point", "drill", "window", "incidents", "next"]

COLUMNS: tuple[Column, ...] = get_args(Column.__value__)
SHAPES: tuple[Shape, ...] = get_args(Shape.__value__)
_PARAMETERS = ("sort", "tier", "region", "state", "q")
_SAID_ONCE = ("sort", "q")
_LONGEST = 100
_MOST = 200
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
"""Letters that Unicode does not take apart."""


@dataclass(frozen=True, slots=True)
class FleetQuery:
    """``sort`` and ``is_descending``: of the column's own values; of ``state``, the worst is the least."""

    sort: Column = "state"
    is_descending: bool = False
    tiers: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    states: tuple[Shape, ...] = ()
    q: str = ""

    @classmethod
    def of(cls, given: Iterable[tuple[str, str]]) -> "FleetQuery":
        """``given``: the address's parameters as they are written. Raises ``InvalidRequest`` with each fault in a line.

        An empty value is one that was not given: so a form sends it.
        """
        values: dict[str, list[str]] = {}
        for name, value in given:
            values.setdefault(name, [])
            values[name] += [value] if value else []
        if faults := list(_faults(values)):
            raise InvalidRequest(count=len(faults), faults="\n".join(faults))
        sort = values.get("sort") or ["state"]
        states = values.get("state", ())
        return cls(
            sort=next(column for column in COLUMNS if column == sort[0].removeprefix("-")),
            is_descending=sort[0].startswith("-"),
            tiers=_each_once(values.get("tier", ())),
            regions=_each_once(values.get("region", ())),
            states=tuple(shape for shape in SHAPES if shape in states),
            q=" ".join("".join(values.get("q", ())).split()),
        )

    @property
    def address(self) -> Mapping[str, str | tuple[str, ...] | None]:
        """Its parameters, as ``Frame.page`` takes them; ``None``: not said."""
        is_usual = self.sort == "state" and not self.is_descending
        return {
            "sort": None if is_usual else f"{'-' * self.is_descending}{self.sort}",
            "tier": self.tiers or None,
            "region": self.regions or None,
            "state": self.states or None,
            "q": self.q or None,
        }

    @property
    def is_narrow(self) -> bool:
        return bool(self.tiers or self.regions or self.states or self.q)

    @property
    def everybody(self) -> "FleetQuery":
        """In the same order."""
        return FleetQuery(sort=self.sort, is_descending=self.is_descending)

    def in_state(self, shape: Shape) -> "FleetQuery":
        return replace(self, states=(shape,))

    def sorted_by(self, column: Column, *, is_descending: bool) -> "FleetQuery":
        return replace(self, sort=column, is_descending=is_descending)

    def finds(self, row: FirmRow) -> bool:
        """Whatever its state."""
        if (self.tiers and row.tier not in self.tiers) or (self.regions and row.region not in self.regions):
            return False
        if not self.q:
            return True
        text = folded(f"{row.firm} {row.name}")
        return all(word in text for word in folded(self.q).split())

    def shows(self, standing: Standing) -> bool:
        return not self.states or standing.shape in self.states


def folded(text: str) -> str:
    """Without case and accents."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).translate(_LETTERS)
    return "".join(each for each in plain if not unicodedata.combining(each))


def _each_once(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


def _faults(values: Mapping[str, list[str]]) -> Iterator[str]:
    for name, said in values.items():
        if name not in _PARAMETERS:
            yield f"{_quoted(name)}: there is no such parameter; there are {', '.join(_PARAMETERS)}"
            continue
        if name in _SAID_ONCE and len(said) > 1:
            yield f"{name}: it is given {len(said)} times, and may be once"
        if len(said) > _MOST:
            yield f"{name}: it is given {len(said)} times, and may be {_MOST} times at most"
        else:
            yield from (fault for value in said if (fault := _fault(name, value)))


def _fault(name: str, value: str) -> str | None:
    if name == "sort" and value.removeprefix("-") not in COLUMNS:
        return f"sort: {_quoted(value)} is no column; right is one of {', '.join(COLUMNS)}, with - before it to turn it"
    if name == "state" and value not in SHAPES:
        return f"state: {_quoted(value)} is no state; right is {', '.join(SHAPES)}"
    if len(value) > _LONGEST:
        return f"{name}: {_quoted(value)} has {len(value)} characters; right are {_LONGEST} at most"
    if any(unicodedata.category(each) in {"Cc", "Cs"} for each in value):
        return f"{name}: {_quoted(value)} has characters that cannot be typed; right is text in one line"
    return None


def _quoted(value: str) -> str:
    """As much as tells it, in one line, and only what can be shown."""
    start = shown(value[:_LONGEST]).replace("\n", code_points("\n")).replace("\t", code_points("\t"))
    return f"'{start}'" if len(value) <= _LONGEST else f"'{start[:40]}…'"
