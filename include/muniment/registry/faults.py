"""What pydantic found, in the words of whoever wrote the file."""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from muniment.registry.keys import Key, keys_of

_LONGEST_SHOWN = 80
_OUT_OF_RANGE = {"greater_than_equal", "less_than_equal", "greater_than", "less_than"}


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """``firms/acme.yaml: policy.retention: 3 is not a duration with a unit, such as '7 days'``."""

    file: str
    """Below the registry's root."""
    path: str
    """Inside the file; empty for the file as a whole."""
    what: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.path, self.what) if part)


def faults_in(model: type[BaseModel], values: dict[str, Any], error: ValidationError) -> Iterator[tuple[str, str]]:
    """(path, what) of each fault. A union reports each of its members: these come out as the same fault."""
    for detail in error.errors(include_url=False):
        place = _place(detail["loc"], values, missing=detail["type"] == "missing")
        yield spell(place), _what(model, values, place, detail)


def spell(place: Iterable[str | int]) -> str:
    """``("documents", 0, "bucket")`` → ``documents[0].bucket``."""
    path = ""
    for step in place:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown word."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known) or 'none'}"


def _place(loc: tuple[str | int, ...], values: Any, *, missing: bool) -> tuple[str | int, ...]:
    """``loc`` as far as the file has it: behind that come the names of a union's members."""
    place: list[str | int] = []
    for step in loc:
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            return (*place, step) if missing else tuple(place)
        place.append(step)
    return tuple(place)


def _what(model: type[BaseModel], values: Any, place: tuple[str | int, ...], detail: ErrorDetails) -> str:
    key = _key(model, place)
    kind = detail["type"]
    if kind == "missing":
        return f"is missing: it must be {key.kind}" if key else "is missing"
    if kind == "extra_forbidden":
        return f"unknown key; {did_you_mean(str(place[-1]), _siblings(model, place))}"
    shown = _shown(_at(values, place))
    if kind in _OUT_OF_RANGE and key:
        return f"{shown} is outside the allowed range, {key.allowed}"
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    wanted = key.kind if key else _item_kind(model, place) or detail["msg"]
    return f"is empty: write {wanted}, or leave the key out" if shown == "None" else f"{shown} is not {wanted}"


def _at(values: Any, place: tuple[str | int, ...]) -> Any:
    for step in place:
        values = values[step]
    return values


def _shown(value: Any) -> str:
    """Nothing with an inside is shown: a notifier's arguments may hold a password."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _template(place: tuple[str | int, ...]) -> str:
    return spell("[]" if isinstance(step, int) else step for step in place).replace(".[]", "[]")


def _key(model: type[BaseModel], place: tuple[str | int, ...]) -> Key | None:
    return keys_of(model).get(_template(place))


def _item_kind(model: type[BaseModel], place: tuple[str | int, ...]) -> str:
    parent = _key(model, place[:-1])
    return parent.item if parent else ""


def _siblings(model: type[BaseModel], place: tuple[str | int, ...]) -> list[str]:
    prefix = _template(place[:-1])
    start = f"{prefix}." if prefix else ""
    return [path[len(start) :] for path in keys_of(model) if path.startswith(start) and "." not in path[len(start) :]]
