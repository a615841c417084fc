"""What the models allow, key by key: for messages, and for the table of docs/configuration.md."""

import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import AfterValidator, BaseModel, BeforeValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from muniment.domain import units
from muniment.domain.approval import ssh_public_key
from muniment.domain.firm.setting import Spelling, iana_time_zone
from muniment.domain.sql_names import ColumnPath, Identifier, TableName

NAMES, SECTION = "a mapping of names to values", "a mapping of keys to values"
"""Kinds of two mappings: of names that the file makes up, and of keys that a model has."""

_UNITS: Mapping[Any, tuple[str, Callable[[Any], str]]] = {
    units.parse_duration: ("a duration, such as '7 days'", units.format_duration),
    units.parse_size: ("a size, such as '16 MiB'", units.format_size),
    units.parse_percent: ("a share between 0 % and 100 %", units.format_percent),
    units.parse_clock: ("a time of day, such as '02:00'", units.format_clock),
}
_RULES: Mapping[Any, str] = {
    iana_time_zone: "a time zone of the IANA database, such as America/Chicago",
    ssh_public_key: "an OpenSSH public key, as ~/.ssh/id_ed25519.pub has it",
}
_PLAIN: Mapping[Any, str] = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    float: "a number",
    Identifier: "a name as in SQL",
    TableName: "`schema.table` as in SQL",
    ColumnPath: "`schema.table.column` as in SQL",
}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a file: ``path`` has ``[]`` for any item of a list and ``*`` for any name of a mapping."""

    path: str
    kind: str
    allowed: str = ""
    """The range, in the units of the file; empty where the kind says it all."""
    required: bool = False
    default: str = ""
    item: str = ""
    """The kind of each item, of a list or mapping of plain values."""


@dataclass(frozen=True, slots=True)
class _Shape:
    kind: str
    allowed: str = ""
    write: Callable[[Any], str] = str
    item: str = ""
    inner: tuple[tuple[str, Any], ...] = ()
    """(path suffix, model) of the mappings inside."""


@cache
def keys_of(model: type[BaseModel]) -> Mapping[str, Key]:
    """Every key below ``model``, by path, in the order of the models."""
    return {key.path: key for key in _keys(model, "")}


def _keys(model: type[BaseModel], prefix: str) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        shape = _shape(field.annotation, tuple(field.metadata))
        path = f"{prefix}{name}"
        yield Key(path, shape.kind, shape.allowed, field.is_required(), _default(field, shape), shape.item)
        for suffix, inner in shape.inner:
            yield from _keys(inner, f"{path}{suffix}.")


def _shape(annotation: Any, metadata: tuple[Any, ...]) -> _Shape:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _shape(arguments[0], (*arguments[1:], *metadata))
    if origin in (Union, types.UnionType):
        return _union(arguments, metadata)
    if origin in (tuple, list, dict):
        return _collection(origin, arguments)
    if origin is Literal:
        return _Shape("one of " + ", ".join(arguments))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _Shape(SECTION, inner=(("", annotation),))
    return _scalar(annotation, metadata)


def _collection(origin: Any, arguments: tuple[Any, ...]) -> _Shape:
    if origin is dict:
        return _Shape(NAMES, item=_shape(arguments[1], ()).kind)
    item = _shape(arguments[0], ())
    return _Shape("a list", item=item.kind, inner=tuple((f"[]{suffix}", model) for suffix, model in item.inner))


def _union(arguments: tuple[Any, ...], metadata: tuple[Any, ...]) -> _Shape:
    shapes = [_shape(argument, metadata) for argument in arguments if argument is not type(None)]
    kind = " or ".join(dict.fromkeys(shape.kind for shape in shapes))
    return _Shape(kind, shapes[0].allowed, shapes[0].write)


def _scalar(annotation: Any, metadata: tuple[Any, ...]) -> _Shape:
    kind: str = _PLAIN.get(annotation, str(annotation))
    write: Callable[[Any], str] = str
    for item in metadata:
        if isinstance(item, BeforeValidator) and item.func in _UNITS:
            kind, write = _UNITS[item.func]
        if isinstance(item, AfterValidator):
            kind = item.func.meaning if isinstance(item.func, Spelling) else _RULES.get(item.func, kind)
    return _Shape(kind, _range(metadata, write), write)


def _range(metadata: tuple[Any, ...], write: Callable[[Any], str]) -> str:
    constraints = [inner for item in metadata for inner in (item.metadata if isinstance(item, FieldInfo) else (item,))]
    low = [write(item.ge) for item in constraints if isinstance(item, Ge)]
    high = [write(item.le) for item in constraints if isinstance(item, Le)]
    return f"{low[0]} to {high[0]}" if low and high else ""


def _default(field: FieldInfo, shape: _Shape) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined or isinstance(value, BaseModel):
        return ""
    if value in (None, (), {}):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return shape.write(value) if isinstance(value, timedelta | time | int | float) else str(value)
