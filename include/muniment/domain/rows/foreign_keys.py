"""What PostgreSQL's catalogue says about tables and what refers to what, and the orders that follow from it.

A table's name is its SQL text (``practice.notes``, ``"My Files".note``). Values are text, as PostgreSQL prints them:
a text goes back in through the same type. Equal texts of one type are equal values, but equal values may be spelled
differently (1.0 and 1.00, ACME and acme as citext): which are, PostgreSQL says (``Catalogue.spellings``).
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from muniment.domain.sql_names import TableName

type Row = Mapping[str, str | None]
"""Column → value; ``None`` is NULL."""
type RowId = tuple[str, tuple[str, ...]]
"""(table, values of its primary key)."""
type Rows = Mapping[RowId, Row]
type Values = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """``is_computed``: GENERATED … STORED. ``fills_itself``: has a default, an identity or may be NULL.
    ``is_oid``: of the type oid or a domain over it, as ``lo`` is: it may name a large object."""

    name: str
    type: str
    is_nullable: bool = True
    is_computed: bool = False
    fills_itself: bool = True
    is_oid: bool = False


@dataclass(frozen=True)
class Table:
    name: str
    schema: str
    relation: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    key_operators: tuple[str, ...] = ()
    """By which PostgreSQL compares the columns of the primary key."""
    is_partitioned: bool = False
    is_unlogged: bool = False
    """UNLOGGED, or with such a partition: no WAL has its rows, and no backup."""
    triggers: tuple[str, ...] = ()
    """Enabled ones that are not PostgreSQL's own."""

    @cached_property
    def stored(self) -> tuple[str, ...]:
        """What is written; the other columns PostgreSQL computes."""
        return tuple(column.name for column in self.columns if not column.is_computed)

    @cached_property
    def types(self) -> Mapping[str, str]:
        return {column.name: column.type for column in self.columns}

    def row_id(self, row: Row) -> RowId:
        return self.name, tuple(str(row[column]) for column in self.primary_key)

    def nullable(self, columns: Iterable[str]) -> tuple[str, ...]:
        free = {column.name for column in self.columns if column.is_nullable} - set(self.primary_key)
        return tuple(column for column in columns if column in free)


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Rows of ``child`` name a row of ``parent``. ``is_link``: by the registry's word, or NOT ENFORCED.

    ``is_period``: the last columns are ranges of time. A child names every parent whose period it touches.
    """

    name: str
    child: str
    columns: tuple[str, ...]
    parent: str
    referenced: tuple[str, ...]
    is_deferrable: bool = False
    is_match_full: bool = False
    is_indexed: bool = True
    """Whether the child's columns are the first ones of an index."""
    is_link: bool = False
    is_period: bool = False
    rules: str = ""
    """What follows the columns in PostgreSQL's own definition: what a DELETE does, whether it is enforced."""

    operators: tuple[str, ...] = ()
    """``parent operator child``, a column each, as the constraint has them; none: PostgreSQL's ``=``."""
    collations: tuple[str | None, ...] = ()
    """The parent's, by which both sides are compared."""

    def values(self, child: Row) -> Values | None:
        """What the child names; ``None`` where one of the columns is NULL: then it names nothing."""
        found = tuple(value for column in self.columns if (value := child.get(column)) is not None)
        return found if len(found) == len(self.columns) else None

    def target(self, parent: Row) -> Values | None:
        """What a child would say to name this parent."""
        found = tuple(value for column in self.referenced if (value := parent.get(column)) is not None)
        return found if len(found) == len(self.referenced) else None


@dataclass(frozen=True)
class Catalogue:
    """One database's tables and foreign keys; a partition's rows are its root's."""

    tables: Mapping[str, Table]
    keys: tuple[ForeignKey, ...]
    spellings: Mapping[ForeignKey, Mapping[Values, Values]] = field(default_factory=dict)
    """What children name → the same as the parent spells it, where the two texts differ."""

    def find(self, name: TableName) -> Table | None:
        return self._by_parts.get((name.schema, name.table))

    @cached_property
    def _by_parts(self) -> Mapping[tuple[str, str], Table]:
        return {(table.schema, table.relation): table for table in self.tables.values()}

    @cached_property
    def children(self) -> Mapping[str, Sequence[ForeignKey]]:
        """Parent → the keys that lead to it."""
        found: dict[str, list[ForeignKey]] = defaultdict(list)
        for key in self.keys:
            found[key.parent].append(key)
        return found

    @cached_property
    def parents(self) -> Mapping[str, Sequence[ForeignKey]]:
        """Child → its keys that PostgreSQL enforces."""
        found: dict[str, list[ForeignKey]] = defaultdict(list)
        for key in self.keys:
            if not key.is_link:
                found[key.child].append(key)
        return found

    def with_links(self, links: Iterable[ForeignKey], *, shared: Iterable[str]) -> "Catalogue":
        """Rows of ``shared`` and of unlogged tables hang on nothing, whatever they name; as parents they stay.

        A restored copy has no rows of an unlogged table: by it, all of them were to be deleted.
        """
        apart = {*shared, *(table.name for table in self.tables.values() if table.is_unlogged)}
        kept = tuple(key for key in (*self.keys, *links) if key.child not in apart)
        return replace(self, keys=kept)

    def references(self, rows: Rows) -> Iterator[tuple[RowId, RowId, ForeignKey]]:
        """Among ``rows``: who names whom. Links do not count: nothing stops whoever breaks one."""
        by_table: dict[str, list[RowId]] = defaultdict(list)
        for row_id in rows:
            by_table[row_id[0]].append(row_id)
        for key in self.keys:
            if key.is_link or key.child not in by_table or key.parent not in by_table:
                continue
            spelled = self.spellings.get(key, {})
            equal = len(key.columns) - key.is_period  # which periods touch, only PostgreSQL can say
            targets: dict[Values, list[RowId]] = defaultdict(list)
            for parent in by_table[key.parent]:
                if (target := key.target(rows[parent])) is not None:
                    targets[target[:equal]].append(parent)
            for child in by_table[key.child]:
                if (values := key.values(rows[child])) is not None:
                    found = targets.get(spelled.get(values, values)[:equal], ())
                    yield from ((child, parent, key) for parent in found)


@dataclass(frozen=True, slots=True)
class WriteOrder:
    """Parents before children. The columns of ``later`` are NULL at first and filled in when all rows are there."""

    tables: tuple[str, ...]
    later: tuple[ForeignKey, ...] = ()

    def columns_later(self, table: Table) -> tuple[str, ...]:
        named = [column for key in self.later if key.child == table.name for column in table.nullable(key.columns)]
        return tuple(dict.fromkeys(named))


class NoOrder(Exception):
    """Tables that refer to each other in a ring, each by columns that may not be NULL."""

    def __init__(self, ring: tuple[str, ...]) -> None:
        super().__init__(ring)
        self.ring = ring


def write_order(catalogue: Catalogue, rows: Rows) -> WriteOrder:
    """One statement a table, so rows of one table may name each other. Raises ``NoOrder``.

    Only references between these very rows count: a ring in the schema is seldom one among the rows of one matter.
    """
    edges = {
        key
        for child, parent, key in catalogue.references(rows)
        if child[0] != parent[0] and not key.is_deferrable  # a deferred key is checked when all rows are there
    }
    tables = sorted({table for table, _ in rows})
    later: list[ForeignKey] = []
    while True:
        try:
            return WriteOrder(_sorted(tables, edges), tuple(later))
        except CycleError as error:
            ring = tuple(reversed(error.args[1]))  # each names the next
            broken = _weakest(catalogue, edges, ring)
            edges -= set(broken)
            later += broken


def table_order(catalogue: Catalogue, tables: Iterable[str]) -> tuple[str, ...]:
    """Whole tables, parents before children, whatever their rows are. Raises ``NoOrder``."""
    names = set(tables)
    edges = [
        key
        for name in names
        for key in catalogue.parents.get(name, ())
        if key.parent in names and key.parent != name and not key.is_deferrable
    ]
    try:
        return _sorted(sorted(names), edges)
    except CycleError as error:
        raise NoOrder(tuple(reversed(error.args[1]))) from None


def _sorted(tables: Sequence[str], edges: Iterable[ForeignKey]) -> tuple[str, ...]:
    graph: dict[str, set[str]] = {table: set() for table in tables}
    for key in edges:
        graph[key.child].add(key.parent)
    return tuple(TopologicalSorter(graph).static_order())


def _weakest(catalogue: Catalogue, edges: Iterable[ForeignKey], ring: Sequence[str]) -> list[ForeignKey]:
    """All keys between two neighbours of the ring, where each can be NULL for a moment."""
    for child, parent in pairwise(ring):
        between = sorted((key for key in edges if (key.child, key.parent) == (child, parent)), key=lambda key: key.name)
        if between and all(_can_wait(catalogue.tables[child], key) for key in between):
            return between
    raise NoOrder(tuple(ring))


def _can_wait(child: Table, key: ForeignKey) -> bool:
    free = child.nullable(key.columns)
    return len(free) == len(key.columns) if key.is_match_full else bool(free)


def large_objects_of(catalogue: Catalogue, row_id: RowId, row: Row) -> Iterator[int]:
    """The oids in those of its columns that may name large objects."""
    for column in catalogue.tables[row_id[0]].columns:
        if column.is_oid and (value := row.get(column.name)):
            yield int(value)


def digest(row: Row, columns: Iterable[str]) -> str:
    """sha256 (hex) of a row's values in these columns, whatever their order."""
    return hashlib.sha256(json.dumps({column: row[column] for column in sorted(columns)}).encode()).hexdigest()
