"""The tables that a matter lies in, at both times: what they have in common, and what stands in a restore's way."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from muniment.domain.firm.application import DocumentReference, MatterLink, MattersPolicy
from muniment.domain.firm.firm import Firm
from muniment.domain.rows.difference import RowSets
from muniment.domain.rows.foreign_keys import Catalogue, ForeignKey, Row, RowId, Rows, Table
from muniment.domain.rows.writes import RowWrites
from muniment.domain.sql_names import Identifier, TableName, near, spelled
from muniment.errors import InvalidConfiguration, TablesNotRestorable


@dataclass(frozen=True)
class MatterTables:
    """``then`` and ``live``: both with the registry's links. A table may be in one of them alone."""

    firm: str
    then: Catalogue
    live: Catalogue
    unlogged: tuple[ForeignKey, ...] = ()
    """Keys of live UNLOGGED tables: followed by nobody, since no backup has what is in them."""

    @classmethod
    def of(cls, firm: Firm, then: Catalogue, live: Catalogue) -> "MatterTables":
        """Raises ``InvalidConfiguration`` with everything that the registry names and a database has not."""
        policy = firm.policy.matters
        faults = list(_faults(policy, then, "the staged database")) or list(_faults(policy, live, "the live database"))
        if faults:
            raise InvalidConfiguration(count=len(faults), faults="\n".join(faults))
        apart = tuple(key for key in live.keys if live.tables[key.child].is_unlogged)
        return cls(firm.id, _linked(policy, then), _linked(policy, live), apart)

    def untouched(self, tables: Iterable[str]) -> Iterator[str]:
        """What hangs on rows of ``tables`` and is no matter of a restore."""
        names = set(tables)
        for key in self.unlogged:
            if key.parent in names:
                yield f"{key.child} is UNLOGGED: no backup has its rows, and what hangs on {key.parent} is left alone"

    @cached_property
    def common(self) -> Mapping[str, tuple[str, ...]]:
        """Of each table at both times the columns that are written."""
        return {
            name: tuple(column for column in table.stored if column in set(self.live.tables[name].stored))
            for name, table in self.then.tables.items()
            if name in self.live.tables
        }

    def require(self, rows: Iterable[RowId]) -> None:
        """Raises ``TablesNotRestorable`` where rows cannot be told apart, or have no table to go to."""
        faults = [fault for name in sorted({name for name, _ in rows}) for fault in self._unusable(name)]
        if faults:
            raise TablesNotRestorable(firm=self.firm, count=len(faults), faults="\n".join(faults))

    def _unusable(self, name: str) -> Iterator[str]:
        then, live = self.then.tables.get(name), self.live.tables.get(name)
        if not (live or then or Table("", "", "", (), ())).primary_key:
            yield f"{name}: has no primary key, so its rows cannot be told apart"
        elif live is None:
            yield f"{name}: the live database has no such table any more"
        elif then is not None and then.primary_key != live.primary_key:
            yield f"{name}: its primary key was {', '.join(then.primary_key)}, now it is {', '.join(live.primary_key)}"
        elif then is not None:
            # Keys of two types cannot be compared; what a row's other columns were matters where it is written.
            names = {column for key in self.live.keys for column in _columns_of(key, name)} | {*live.primary_key}
            for column in sorted(names & then.types.keys()):
                if not _comparable(then.types[column], live.types[column]):
                    yield f"{name}: column {column} was {then.types[column]}, now it is {live.types[column]}"

    def faults(self, chosen: Iterable[RowId], sets: RowSets) -> Iterator[str]:
        """Why chosen rows do not fit into their live tables."""
        written = {row_id for row_id in chosen if row_id in sets.then}
        coming = {name for name, _ in (row_id for row_id in written if row_id not in sets.now)}
        for name in sorted({name for name, _ in written}):
            then, live = self.then.tables[name], self.live.tables[name]
            for column in then.stored:
                if column not in live.types:
                    yield f"{name}: column {column} is not there any more"
                elif then.types[column] != live.types[column]:
                    yield f"{name}: column {column} was {then.types[column]}, now it is {live.types[column]}"
            for later in live.columns:
                if name in coming and later.name not in then.types and not later.fills_itself and not later.is_computed:
                    yield f"{name}: column {later.name} came since and may not be empty"

    def notes(self, written: Iterable[str]) -> Iterator[str]:
        for name in sorted(written):
            live, then = self.live.tables[name], self.then.tables.get(name)
            later = [column for column in live.stored if then is not None and column not in then.types]
            if later:
                yield f"{name}: what came since stays, or gets its default: {', '.join(later)}"
            if live.triggers:
                yield f"{name} has triggers: {', '.join(live.triggers)}"
        for key in self.live.keys:
            if not key.is_indexed and key.parent in set(written):
                yield f"{key.child} ({', '.join(key.columns)}) has no index: finding what hangs on {key.parent} is slow"

    def named_by(self, rows: Rows) -> Iterator[tuple[ForeignKey, list[tuple[str, ...]]]]:
        """By each key the distinct values that ``rows`` name, where both sides have that key."""
        by_table: dict[str, list[Row]] = {}
        for (name, _), row in rows.items():
            by_table.setdefault(name, []).append(row)
        for name, found in by_table.items():
            for key in self.live.parents.get(name, ()):
                if self._was_there(key):
                    values = {value for row in found if (value := key.values(row)) is not None}
                    if values:
                        yield key, sorted(values)

    def _was_there(self, key: ForeignKey) -> bool:
        child, parent = self.then.tables[key.child], self.then.tables.get(key.parent)
        return parent is not None and {*key.columns} <= child.types.keys() and {*key.referenced} <= parent.types.keys()

    def writes(self, sets: RowSets, chosen: Iterable[RowId]) -> RowWrites:
        """What has to be written for these rows: the columns that both sides have."""
        before = {row_id: sets.now[row_id] for row_id in chosen if row_id in sets.now}
        after = {
            row_id: {column: sets.then[row_id][column] for column in self.common[row_id[0]]}
            for row_id in chosen
            if row_id in sets.then
        }
        return RowWrites(before, after)


_COMPARABLE = (("smallint", "integer", "bigint", "numeric"), ("character varying", "text", "character"))


def _comparable(then: str, now: str) -> bool:
    """Whatever the length that is declared."""
    names = [type_.partition("(")[0] for type_ in (then, now)]
    return names[0] == names[1] or any(set(names) <= set(alike) for alike in _COMPARABLE)


def _columns_of(key: ForeignKey, table: str) -> tuple[str, ...]:
    return (*(key.columns if key.child == table else ()), *(key.referenced if key.parent == table else ()))


def _linked(policy: MattersPolicy, catalogue: Catalogue) -> Catalogue:
    """All that the registry names is there."""
    links = [_link(link, catalogue) for link in policy.links]
    return catalogue.with_links(links, shared=[_text(name, catalogue) for name in policy.shared])


def _link(link: MatterLink, catalogue: Catalogue) -> ForeignKey:
    columns, referenced = (tuple(column.name for column in names) for names in (link.columns, link.referenced_columns))
    child, parent = _text(link.table, catalogue), _text(link.references, catalogue)
    return ForeignKey(f"matters.links: {link.table}", child, columns, parent, referenced, is_link=True)


def _text(name: TableName, catalogue: Catalogue) -> str:
    """As the catalogue has it."""
    table = catalogue.find(name)
    return str(name) if table is None else table.name


def _faults(policy: MattersPolicy, catalogue: Catalogue, where: str) -> Iterator[str]:
    if policy.table is None:
        yield "policy.matters.table: is missing: which table has a row for each matter?"
        return
    yield from _lacking("matters", policy.table, [policy.key], catalogue, where)
    for number, link in enumerate(policy.links):
        path = f"matters.links[{number}]"
        yield from _lacking(path, link.table, link.columns, catalogue, where)
        yield from _lacking(path, link.references, link.referenced_columns, catalogue, where)
    for name in policy.shared:
        yield from _lacking("matters.shared", name, (), catalogue, where)


def _lacking(
    path: str, name: TableName, columns: Sequence[Identifier], catalogue: Catalogue, where: str
) -> Iterator[str]:
    table = catalogue.find(name)
    if table is None:
        yield f"policy.{path}: {where} has no table {name}{near(name, catalogue.tables)}"
        return
    for column in columns:
        if column.name not in table.types:
            meant = near(column, map(spelled, table.types))
            yield f"policy.{path}: {name} of {where} has no column {column}{meant}"


def document_names(references: Iterable[DocumentReference], rows: Iterable[tuple[Table, Row]]) -> tuple[str, ...]:
    """The documents that rows name: keys, or ``s3://bucket/key`` where the bucket is known."""
    by_table: dict[TableName, list[DocumentReference]] = {}
    for reference in references:
        by_table.setdefault(reference.table, []).append(reference)
    found: set[str] = set()
    for table, row in rows:
        for reference in by_table.get(TableName(table.schema, table.relation), ()):
            value = row.get(reference.column.name)
            if value:
                known = reference.bucket is not None and not value.startswith("s3://")
                found.add(f"s3://{reference.bucket}/{value}" if known else value)
    return tuple(sorted(found))
