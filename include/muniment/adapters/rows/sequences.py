"""The sequences that fill a table's columns, moved past the numbers that came back. None ever goes back."""

from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from psycopg import sql

from muniment.adapters.rows.foreign_keys import Connection
from muniment.domain.rows.foreign_keys import Row, Table

# A column's own (serial, identity), and any that its default takes numbers from; of a column of text, as one that is
# filled with 'M-' || nextval(…), nothing can be compared.
_SEQUENCES = """
    SELECT a.attname AS column, format('%%I.%%I', n.nspname, s.relname) AS name, q.seqincrement AS increment,
           q.seqmin AS lowest, q.seqmax AS highest
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    CROSS JOIN LATERAL (
        SELECT d.objid AS oid FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
            AND (d.refclassid, d.refobjid, d.refobjsubid) = ('pg_class'::regclass, a.attrelid, a.attnum)
        UNION SELECT d.refobjid FROM pg_attrdef f JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass
            AND d.objid = f.oid AND d.refclassid = 'pg_class'::regclass
        WHERE (f.adrelid, f.adnum) = (a.attrelid, a.attnum)
    ) AS used JOIN pg_class s ON s.oid = used.oid AND s.relkind = 'S'
    JOIN pg_sequence q ON q.seqrelid = s.oid JOIN pg_namespace n ON n.oid = s.relnamespace
    WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
      AND coalesce(nullif(t.typbasetype, 0), t.oid) = ANY('{int2,int4,int8,numeric}'::regtype[])
"""
# Which number comes next, whatever way it counts: RESTART leaves it as last_value, which was not given out yet.
_ADVANCE = """
    SELECT setval({name}::regclass, {number}) FROM {sequence} s WHERE
        sign({increment}) * (s.last_value::numeric + CASE WHEN s.is_called THEN {increment} ELSE 0 END - {number}) <= 0
"""


def advance_past_rows(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    """Where the next number is one that a row of these has, or lies behind it."""
    found = list(connection.execute(_SEQUENCES, (table.name,)))
    known = list(rows) if found else []
    for sequence in found:
        _advance(connection, sequence, (row.get(sequence["column"]) for row in known))


def advance_past_table(connection: Connection, table: Table) -> None:
    """Past all the numbers that are in the table."""
    for sequence in connection.execute(_SEQUENCES, (table.name,)).fetchall():
        query = sql.SQL("SELECT max({0})::text AS high, min({0})::text AS low FROM {1} WHERE {0} BETWEEN {2} AND {3}")
        bounds = (sequence["lowest"], sequence["highest"])
        place = sql.Identifier(table.schema, table.relation)
        found = connection.execute(query.format(sql.Identifier(sequence["column"]), place, *bounds)).fetchone() or {}
        _advance(connection, sequence, found.values())


def _advance(connection: Connection, sequence: dict[str, Any], values: Iterable[str | None]) -> None:
    numbers = [number for number in _numbers(values) if sequence["lowest"] <= number <= sequence["highest"]]
    if not numbers:
        return
    furthest = max(numbers) if sequence["increment"] > 0 else min(numbers)
    statement = sql.SQL(_ADVANCE).format(
        name=sql.Literal(sequence["name"]),
        sequence=sql.SQL(sequence["name"]),
        number=sql.Literal(furthest),
        increment=sql.Literal(sequence["increment"]),
    )
    connection.execute(statement)


def _numbers(values: Iterable[str | None]) -> Iterator[int]:
    for value in values:
        try:
            number = Decimal(value or "NaN")
        except InvalidOperation:
            continue
        if number.is_finite():
            yield int(number)
