"""A firm's own values over its tier's, and values that are taken back: what is left is Muniment's default."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from muniment.domain.firm.firm import Policy
from muniment.registry.keys import NAMES, SECTION, keys_of

_NONE = "none"


def merged(tier: Mapping[str, Any], overrides: Mapping[str, Any], place: str = "") -> dict[str, Any]:
    """Mappings merge key by key; anything else, a list too, replaces what was there.

    ``null``, ``none`` where that is the default, and an empty mapping take back what the tier says, of a key, of a
    section or of one name. ``place``: of both in a policy, with a dot at its end.
    """
    values = dict(tier)
    for key, value in overrides.items():
        below = values.get(key)
        if _takes_back(f"{place}{key}", value):
            values.pop(key, None)
        elif isinstance(below, dict) and isinstance(value, dict):
            values[key] = merged(below, value, f"{place}{key}.")
        else:
            values[key] = value
    return values


def without_none(model: type[BaseModel], values: Any, place: str = "") -> Any:
    """Without the keys that say ``none``, as docs/configuration.md writes a default that is nothing."""
    if isinstance(values, list):
        return [without_none(model, item, f"{place.removesuffix('.')}[].") for item in values]
    if not isinstance(values, dict):
        return values
    return {
        key: without_none(model, value, f"{place}{key}.")
        for key, value in values.items()
        if not _says_none(model, f"{place}{key}", value)
    }


def _takes_back(place: str, value: Any) -> bool:
    if value is not None and value not in ({}, _NONE):
        return False  # without a look at the models, which every wal push would pay for
    key = keys_of(Policy).get(place)
    if key is None:
        names = keys_of(Policy).get(place.rpartition(".")[0])
        return value is None and names is not None and names.kind == NAMES
    if key.required:
        return False
    return value is None or value == {} or _says_none(Policy, place, value)


def _says_none(model: type[BaseModel], place: str, value: Any) -> bool:
    if value != _NONE:
        return False
    key = keys_of(model).get(place)
    return key is not None and not key.required and (key.default == _NONE or key.kind == SECTION)
