"""All rows of a table: their sum, and their way from one server to another through PostgreSQL's own COPY."""

from collections.abc import Iterable, Mapping, Sequence

from psycopg import sql

from muniment.adapters.rows.not_valid import SetAside
from muniment.adapters.rows.reader import Connection, from_clause
from muniment.adapters.rows.sequences import advance_past_table
from muniment.domain.rows.foreign_keys import Table
from muniment.domain.rows.table_plan import TableState


def read_state(connection: Connection, table: Table) -> TableState:
    """Rows are summed as the text that PostgreSQL prints, which is the same in each session of ours."""
    columns = sql.SQL(", ").join(sql.Identifier("r", name) for name in table.stored)
    query = sql.SQL(
        "SELECT count(*) AS rows, coalesce(sum(hashtextextended(ROW({})::text, 0)::numeric), 0)::text AS checksum"
        " FROM {} AS r"
    ).format(columns, from_clause(table))
    found = connection.execute(query).fetchone() or {}
    return TableState(rows=found["rows"], checksum=found["checksum"])


def exchange_rows(source: Connection, target: Connection, tables: Sequence[Table]) -> None:
    """``tables``, parents first: the rows of ``target`` go, those of ``source`` come, old ones under NOT VALID too."""
    target.execute("SET CONSTRAINTS ALL DEFERRED")
    away = SetAside(target)
    for table in tables:
        away.put_all(table)
    _empty(target, tables)
    for table in tables:
        copy_rows(source, target, table, table.stored, sql.Identifier(table.schema, table.relation))
        advance_past_table(target, table)
    target.execute("SET CONSTRAINTS ALL IMMEDIATE")
    away.put_back()


def copy_rows(
    source: Connection, target: Connection, table: Table, columns: Sequence[str], place: sql.Identifier
) -> int:
    """Piece by piece: a table of any size passes through little memory. Returns how many."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    out = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(names, from_clause(table))
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(place, names)
    with source.cursor() as reads, target.cursor() as writes:
        with reads.copy(out) as rows, writes.copy(into) as back:
            for piece in rows:
                back.write(piece)
        return writes.rowcount


def named_objects(connection: Connection, tables: Iterable[Table]) -> set[int]:
    """The oids in those of their columns that may name large objects."""
    found: set[int] = set()
    for table in tables:
        for column in table.columns:
            if column.is_oid:
                query = sql.SQL("SELECT DISTINCT {0}::bigint AS oid FROM {1} WHERE {0} IS NOT NULL")
                rows = connection.execute(query.format(sql.Identifier(column.name), from_clause(table)))
                found |= {row["oid"] for row in rows}
    return found


def set_aside(connection: Connection, tables: Sequence[Table], schemas: Mapping[str, str]) -> None:
    """The rows of now, once more, as tables of the same names. ``schemas``: a table's schema → the new one."""
    for schema in schemas.values():
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    for table in tables:
        kept = sql.Identifier(schemas[table.schema], table.relation)
        connection.execute(sql.SQL("CREATE TABLE {} AS SELECT * FROM {}").format(kept, from_clause(table)))


def _empty(connection: Connection, tables: Sequence[Table]) -> None:
    """All at once: they may refer to each other."""
    connection.execute(sql.SQL("TRUNCATE TABLE {}").format(sql.SQL(", ").join(map(from_clause, tables))))


def lock_whole(connection: Connection, tables: Sequence[Table]) -> None:
    """Nobody else reads or writes them until the end of the transaction."""
    for table in tables:
        name = sql.Identifier(table.schema, table.relation)
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(name))
