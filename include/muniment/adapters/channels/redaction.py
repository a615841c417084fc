"""Why a channel failed, fit for an incident and a log: without the secrets that its library's error may quote."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

_HIDDEN = "…"
_LONGEST = 300
_SHORTEST_SECRET = 4
# Of an address its scheme and host: what follows, and what stands before an @, may be a key (Slack, apprise, ntfy).
_ADDRESS = re.compile(r"\b([a-z][a-z0-9+.-]*://)(?:[^\s/@'\"]*@)?([^\s/?#'\"]*)[^\s'\")]*", re.IGNORECASE)


def reason_of(error: BaseException, connections: Iterable[Any]) -> str:
    """One line: the error's kind and its words."""
    words = " ".join(str(error).split())
    for secret in sorted({each for one in connections for each in _secrets(one)}, key=len, reverse=True):
        words = words.replace(secret, _HIDDEN)
    words = _ADDRESS.sub(rf"\1\2/{_HIDDEN}", words)
    told = f"{type(error).__name__}: {words}" if words else type(error).__name__
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}{_HIDDEN}"


def _secrets(connection: Any) -> Iterator[str]:
    """Of one of Airflow's connections: its password, and whatever its extra holds."""
    values = [connection.password, *_texts(json.loads(connection.extra or "{}"))]
    for value in values:
        if value and len(value) >= _SHORTEST_SECRET:
            yield value
            yield quote(value, safe="")
            yield from (part for part in re.split(r"[/:@?&=]+", value) if len(part) > 2 * _SHORTEST_SECRET)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value
