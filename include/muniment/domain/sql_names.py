"""Names of schemas, tables and columns as SQL writes them: the one way in the registry and in every option.

What is not quoted folds to lower case, double quotes keep what lies between them, and two of them are one
(PostgreSQL documentation, 4.1.1 "Identifiers and Key Words"). A table is always named with its schema: a search_path
is somebody else's to set. Databases are named as they are: they stand alone, and ``psql -d`` takes them so.

``str()`` of a name writes it as PostgreSQL's own ``quote_ident`` does, and reads back as the same name.
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import BeforeValidator, PlainSerializer

LONGEST_BYTES = 63
"""NAMEDATALEN - 1: of a longer name PostgreSQL keeps the beginning, which would be another one."""

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_PART = re.compile(r'"(?P<quoted>(?:[^"\0]|"")+)"|(?P<bare>[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*)')
# In UTF-8 PostgreSQL folds these alone.
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_HOW = 'double quotes around a part with capitals, blanks or signs, such as practice."TimeEntries"'
# SELECT word FROM pg_get_keywords() WHERE catcode <> 'U', of PostgreSQL 15 to 18 together.
_KEYWORDS_OF_ANY = """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast
    char character check coalesce collate collation column concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user dec decimal default deferrable
    desc distinct do else end except exists extract false fetch float for foreign freeze from full grant greatest group
    grouping having ilike in initially inner inout int integer intersect interval into is isnull join json json_array
    json_arrayagg json_exists json_object json_objectagg json_query json_scalar json_serialize json_table json_value
    lateral leading least left like limit localtime localtimestamp merge_action national natural nchar none normalize
    not notnull null nullif numeric offset on only or order out outer overlaps overlay placing position precision
    primary real references returning right row select session_user setof similar smallint some substring symmetric
    system_user table tablesample then time timestamp to trailing treat trim true union unique user using values varchar
    variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces
    xmlparse xmlpi xmlroot xmlserialize xmltable
"""
_KEYWORDS = frozenset(_KEYWORDS_OF_ANY.split())


def quoted(name: str) -> str:
    """Between double quotes, which take every sign's meaning: in SQL, and where PostgreSQL's programs read patterns."""
    return '"' + name.replace('"', '""') + '"'


def spelled(*parts: str) -> str:
    """``("practice", "TimeEntries")`` → ``practice."TimeEntries"``."""
    return ".".join(part if _PLAIN.fullmatch(part) and part not in _KEYWORDS else quoted(part) for part in parts)


def parse_parts(text: str) -> tuple[str, ...]:
    """The names between the dots. Raises ``ValueError`` with the way out."""
    name, end = _part(text, 0)
    names = [name]
    while end < len(text):
        if text[end] != ".":
            raise _misshapen(text)
        name, end = _part(text, end + 1)
        names.append(name)
    for name in names:
        if len(name.encode()) > LONGEST_BYTES:
            message = f"{text!r}: {name!r} has more than {LONGEST_BYTES} bytes, the longest name that PostgreSQL has"
            raise ValueError(message)
    return tuple(names)


def _part(text: str, place: int) -> tuple[str, int]:
    match = _PART.match(text, place)
    if match is None:
        raise _misshapen(text)
    kept = match["quoted"]
    return (match["bare"].translate(_LOWER) if kept is None else kept.replace('""', '"')), match.end()


def _misshapen(text: str) -> ValueError:
    parts = text.split(".")
    meant = f"; do you mean {spelled(*parts)}?" if '"' not in text and all(parts) else ""
    return ValueError(f"{text!r} is not a name as SQL writes it: {_HOW}{meant}")


def _of_length(text: str, *shape: str) -> tuple[str, ...]:
    parts = parse_parts(text)
    if len(parts) != len(shape):
        wanted = ".".join(shape)
        hint = f"; write {spelled('public', *parts)} if it is in public" if len(parts) == len(shape) - 1 else ""
        message = f"{text!r} is not of the form {wanted}: {_HOW}{hint if len(shape) > 1 else ''}"
        raise ValueError(message)
    return parts


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """One name that stands alone: a column's, a schema's."""

    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ``ValueError``."""
        return cls(*_of_length(text, "name"))

    def __str__(self) -> str:
        return spelled(self.name)


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    schema: str
    table: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """``schema.table``. Raises ``ValueError``."""
        return cls(*_of_length(text, "schema", "table"))

    def __str__(self) -> str:
        return spelled(self.schema, self.table)


@dataclass(frozen=True, slots=True, order=True)
class ColumnPath:
    table: TableName
    column: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """``schema.table.column``. Raises ``ValueError``."""
        schema, table, column = _of_length(text, "schema", "table", "column")
        return cls(TableName(schema, table), column)

    def __str__(self) -> str:
        return spelled(self.table.schema, self.table.table, self.column)


def split_key(text: str) -> tuple[TableName, str]:
    """``schema.table:key`` → both. Raises ``ValueError``."""
    match = re.fullmatch(r'((?:[^":]|"[^"]*")+):(.*)', text, re.DOTALL)
    if match is None:
        message = f"{text!r} is not of the form schema.table:key"
        raise ValueError(message)
    return TableName.parse(match[1]), match[2]


def _parsed(kind: type[Identifier | TableName | ColumnPath]) -> BeforeValidator:
    return BeforeValidator(lambda value: kind.parse(value) if isinstance(value, str) else value)


# For the registry's models: read from text, written as text.
NamedIdentifier = Annotated[Identifier, _parsed(Identifier), PlainSerializer(str)]
NamedTable = Annotated[TableName, _parsed(TableName), PlainSerializer(str)]
NamedColumn = Annotated[ColumnPath, _parsed(ColumnPath), PlainSerializer(str)]


def near(name: object, known: Iterable[object]) -> str:
    """The end of a message about a name that is not there: the one that was meant, if there is one like it."""
    by_bare = {_bare(str(each)): str(each) for each in known}
    close = difflib.get_close_matches(_bare(str(name)), by_bare, n=1, cutoff=0.75)
    return f"; do you mean {by_bare[close[0]]}?" if close else ""


def _bare(text: str) -> str:
    return text.replace('"', "").casefold()
