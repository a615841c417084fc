"""Every name of a firm's file and of its tier that the firm's database must have: which there are, and what is told of
those that it has not. A database is named beside each remedy, because there are several in a cluster."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from muniment.domain.finding import Finding, Severity
from muniment.domain.firm.application import MattersPolicy
from muniment.domain.firm.firm import Firm, Policy
from muniment.domain.sql_names import Identifier, TableName, near, spelled


@dataclass(frozen=True, slots=True)
class NamedTable:
    """``place`` in the file names it, and ``columns`` of it. ``is_read``: by each backup, through the connection's own
    role; the others a restored copy is asked for, by whoever may read all of it."""

    place: str
    table: TableName
    columns: tuple[Identifier, ...] = ()
    is_read: bool = False
    is_total: bool = False

    @property
    def severity(self) -> Severity:
        """A settings table that is lacking, or may not be read, costs the night that table alone (docs/adr/0033)."""
        return "stop" if self.is_total else "warning"


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """``wanted``: the kind of its one value."""

    place: str
    query: str
    wanted: str


@dataclass(frozen=True, slots=True)
class FoundTable:
    """What the database has of that name: its columns → whether the connection's role may read them."""

    columns: Mapping[str, bool]
    is_readable: bool
    """All of it, its schema included."""
    is_unlogged: bool
    hides_rows: bool
    """By row-level security, from the connection's role."""


@dataclass(frozen=True, slots=True)
class Names:
    """One database's answers. ``known``: all of its tables; ``queries``: why each cannot be asked, or ``None``."""

    database: str
    role: str
    known: tuple[TableName, ...]
    tables: Mapping[TableName, FoundTable]
    queries: Mapping[str, str | None]


def tables_named(firm: Firm) -> Iterator[NamedTable]:
    totals = firm.policy.control_totals
    for number, table in enumerate(totals.tables):
        yield NamedTable(f"policy.control_totals.tables[{number}]", table, is_read=True, is_total=True)
    for name, path in totals.sums.items():
        place, column = f"policy.control_totals.sums.{name}", Identifier(path.column)
        yield NamedTable(place, path.table, (column,), is_read=True, is_total=True)
    for number, table in enumerate(firm.configuration.tables):
        yield NamedTable(f"configuration.tables[{number}]", table, is_read=True)
    for number, reference in enumerate(firm.policy.document_references):
        yield NamedTable(f"policy.document_references[{number}]", reference.table, (reference.column,))
    yield from _of_matters(firm.policy.matters)


def _of_matters(policy: MattersPolicy) -> Iterator[NamedTable]:
    if policy.table is not None:
        yield NamedTable("policy.matters.table", policy.table, (policy.key,))
    for number, link in enumerate(policy.links):
        yield NamedTable(f"policy.matters.links[{number}]", link.table, link.columns)
        yield NamedTable(f"policy.matters.links[{number}]", link.references, link.referenced_columns)
    for number, table in enumerate(policy.shared):
        yield NamedTable(f"policy.matters.shared[{number}]", table)


def queries_named(policy: Policy) -> Iterator[NamedQuery]:
    for name, query in policy.drills.balances.items():
        yield NamedQuery(f"policy.drills.balances.{name}", query, "a number")
    for name, query in policy.drills.smoke_queries.items():
        yield NamedQuery(f"policy.drills.smoke_queries.{name}", query, "true or false")


def name_findings(tables: Iterable[NamedTable], queries: Iterable[NamedQuery], names: Names) -> Iterator[Finding]:
    for named in tables:
        found = names.tables.get(named.table)
        yield from [_no_table(named, names)] if found is None else _of_table(named, found, names)
    for query in queries:
        if fault := names.queries[query.query]:
            yield Finding(
                f"{query.place} cannot be asked in database {names.database}: {fault}",
                "correct the query there, or cluster.database in the firm's file.",
                "warning",
            )


def _no_table(named: NamedTable, names: Names) -> Finding:
    meant = near(named.table, names.known)
    return Finding(
        f"database {names.database} has no table {named.table}, which {named.place} names{meant}",
        "correct it there (docs/configuration.md, Names), or cluster.database in the firm's file.",
        named.severity,
    )


def _of_table(named: NamedTable, found: FoundTable, names: Names) -> Iterator[Finding]:
    where, lacking = f"{named.table} in database {names.database}", False
    for column in named.columns:
        if column.name not in found.columns:
            lacking = True
            meant = near(column, (spelled(each) for each in found.columns))
            yield Finding(
                f"{where} has no column {column}, which {named.place} names{meant}",
                "correct it there (docs/configuration.md, Names).",
                named.severity,
            )
    if named.is_read and not lacking and not _may_read(named, found):
        usage = f"GRANT USAGE ON SCHEMA {spelled(named.table.schema)} TO {names.role};"
        select = f"GRANT SELECT ON {named.table} TO {names.role};"
        remedy = f"in database {names.database}: {usage} {select}"
        yield Finding(f"role {names.role} may not read {where}", remedy, named.severity)
    if named.is_total and found.is_unlogged:
        yield Finding(
            f"{where} is UNLOGGED: no backup has its rows, and no restore can have what {named.place} counts",
            f"take it out of there, or in database {names.database}: ALTER TABLE {named.table} SET LOGGED;",
            "warning",
        )
    if named.is_total and found.hides_rows:
        yield Finding(
            f"row-level security hides rows of {where} from role {names.role}, and {named.place} counts them",
            f"ALTER ROLE {names.role} BYPASSRLS;",
        )


def _may_read(named: NamedTable, found: FoundTable) -> bool:
    if found.is_readable or not named.columns:
        return found.is_readable
    return all(found.columns[column.name] for column in named.columns)
