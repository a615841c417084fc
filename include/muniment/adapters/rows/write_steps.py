"""Steps of a restore, in whatever order PostgreSQL takes them.

A unique value that a row of the matter holds has to be given up before another takes it, and which rows hold which is
known to PostgreSQL alone: an index may be of an expression, of some rows, or an exclusion. So what is refused by a
constraint is tried again behind the others. Rows that hold what each other wants give theirs up for a moment, and a
constraint that is NOT VALID, which old rows need not obey, is away while they come back.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import psycopg
from psycopg import errors, sql

from muniment.adapters.postgres.quoting import beside_placeholders
from muniment.adapters.rows.not_valid import NOT_OBEYED, SetAside
from muniment.adapters.rows.reader import (
    Comparison,
    Connection,
    RowReader,
    by_column,
    by_primary_key,
    from_clause,
    unnested,
)
from muniment.domain.rows.foreign_keys import RowId, Rows, Table

_TAKEN = (errors.UniqueViolation, errors.ExclusionViolation)
# The columns that an index is made of, those of its expressions too.
_COLUMNS = """
    SELECT a.attname AS name, t.typcategory::text AS category, NOT a.attnotnull AS is_nullable
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attgenerated = '' AND (a.attnum = ANY(i.indkey) OR EXISTS (
        SELECT FROM pg_depend d WHERE (d.classid, d.objid) = ('pg_class'::regclass, i.indexrelid)
        AND (d.refclassid, d.refobjid, d.refobjsubid) = ('pg_class'::regclass, i.indrelid, a.attnum)))
    JOIN pg_type t ON t.oid = a.atttypid WHERE (n.nspname, c.relname) = (%s, %s) ORDER BY a.attnum
"""


class StillNamed(Exception):
    """A row that should go is named by one that stays: its foreign key may delete that one too, or change it."""

    def __init__(self, row: RowId, by: RowId) -> None:
        super().__init__(row, by)
        self.row, self.by = row, by


class ValueTaken(Exception):
    """A row outside of what is written has what is unique. ``holder``: which, where that can be told."""

    def __init__(self, row: RowId, constraint: str, holder: RowId | None) -> None:
        super().__init__(row, constraint, holder)
        self.row, self.constraint, self.holder = row, constraint, holder


@dataclass(frozen=True, slots=True)
class Step:
    """Rows of one table, all with the same columns: those that are written."""

    kind: Literal["insert", "update", "delete"]
    table: Table
    rows: Rows


class Writer(Protocol):
    @property
    def reader(self) -> RowReader: ...

    def carry_out(self, step: Step) -> None: ...


@dataclass(frozen=True, slots=True)
class _Refusal:
    step: Step
    row: RowId
    error: Exception

    @property
    def index(self) -> tuple[str, str] | None:
        """Of a unique or exclusion constraint that was in the way: its schema and name."""
        if not isinstance(self.error, _TAKEN):
            return None
        return str(self.error.diag.schema_name), str(self.error.diag.constraint_name)


def carry_out_all(writer: Writer, steps: Sequence[Step], away: SetAside) -> None:
    """Raises ``StillNamed``, ``ValueTaken``, and whatever else PostgreSQL refuses."""
    waiting, parked = list(steps), set[tuple[str, str]]()
    while waiting:
        refusals: list[_Refusal] = []
        left = [replace(step, rows=rest) for step in waiting if (rest := _attempt(writer, step, refusals))]
        if _count(left) == _count(waiting):
            indexes = {found for each in refusals if (found := each.index) is not None} - parked
            parked |= indexes
            moved = [_parked(writer, left, index) for index in sorted(indexes)]
            moved += [away.put(each.step.table, each.error) for each in refusals]
            if not any(moved):
                raise _gravest(writer, refusals)
        waiting = left


def _count(steps: Sequence[Step]) -> int:
    return sum(len(step.rows) for step in steps)


def _attempt(writer: Writer, step: Step, refusals: list[_Refusal]) -> Rows:
    """Carried out but for the rows that are returned: half by half, so that one refusal does not cost a try a row."""
    try:
        with writer.reader.connection.transaction():
            writer.carry_out(step)
    except (*_TAKEN, *NOT_OBEYED, errors.RestrictViolation, StillNamed) as refused:
        row_ids = list(step.rows)
        if len(row_ids) == 1:
            refusals.append(_Refusal(step, row_ids[0], refused))
            return step.rows
    else:
        return {}
    halves = (row_ids[: len(row_ids) // 2], row_ids[len(row_ids) // 2 :])
    return {
        row_id: row
        for half in halves
        for row_id, row in _attempt(
            writer, replace(step, rows={each: step.rows[each] for each in half}), refusals
        ).items()
    }


def _parked(writer: Writer, left: Sequence[Step], index: tuple[str, str]) -> bool:
    """Whether rows that are still to be changed, or to go, gave up for a moment what ``index`` holds of them."""
    connection = writer.reader.connection
    columns = connection.execute(_COLUMNS, index).fetchall()
    done = False
    for step in left:
        if step.kind == "insert":
            continue
        written = next(iter(step.rows.values())).keys() if step.kind == "update" else step.table.types.keys()
        for column in columns:
            done = (column["name"] in written and _give_up(connection, step, column)) or done
    return done


def _give_up(connection: Connection, step: Step, column: dict[str, str]) -> bool:
    """``column``: one that the step itself writes later, or whose row goes. Tries what no row has."""
    for value in _nobodys(step.table, column):
        told = (sql.Identifier(column["name"]), value, sql.SQL(step.table.types[column["name"]]))
        statement = sql.SQL("UPDATE {} AS r SET {} = {}::{} FROM {} WHERE {}").format(
            *map(beside_placeholders, (from_clause(step.table), *told)),
            unnested("v", len(step.table.primary_key)),
            by_primary_key(step.table).of_rows(),
        )
        try:
            with connection.transaction():
                connection.execute(statement, by_column(key for _, key in step.rows))
        except (psycopg.IntegrityError, psycopg.DataError, psycopg.ProgrammingError):
            continue
        return True
    return False


def _nobodys(table: Table, column: dict[str, str]) -> Iterator[sql.Composable]:
    """Values that no row has, another one for each ``v.place``, by the type's category (pg_type.typcategory)."""
    if column["is_nullable"]:
        yield sql.SQL("NULL")
    place = {"column": sql.Identifier(column["name"]), "table": from_clause(table)}
    if column["category"] == "N":
        yield sql.SQL("((SELECT max({column}) FROM {table}) + v.place)").format(**place)
        yield sql.SQL("((SELECT min({column}) FROM {table}) - v.place)").format(**place)
    elif column["category"] == "D":
        yield sql.SQL("((SELECT max({column}) FROM {table}) + v.place * interval '1 day')").format(**place)
    elif column["category"] == "S":
        yield sql.SQL("md5(v.place::text || random()::text)")
    elif column["category"] == "R":
        yield sql.SQL("'empty'")
    elif table.types[column["name"]] == "uuid":
        yield sql.SQL("gen_random_uuid()")


def _gravest(writer: Writer, refusals: Sequence[_Refusal]) -> Exception:
    """What keeps the others waiting: a value that somebody else has, then a row that somebody else names."""
    for refusal in refusals:
        if refusal.index is not None:
            return _taken(writer.reader, refusal, refusal.index)
    first = (StillNamed, errors.CheckViolation, errors.NotNullViolation)
    return next((each.error for each in refusals if isinstance(each.error, first)), refusals[0].error)


def _taken(reader: RowReader, refusal: _Refusal, index: tuple[str, str]) -> ValueTaken:
    """Who has it, found by the values of the index's own columns; of an expression nothing is found."""
    table = refusal.step.table
    names = [row["name"] for row in reader.connection.execute(_COLUMNS, index)]
    there = reader.by_key([refusal.row]).get(refusal.row, {})
    wanted = {**there, **refusal.step.rows[refusal.row]}
    values = tuple(str(wanted[name]) for name in names if wanted.get(name) is not None)
    holders: list[RowId] = []
    if names and len(values) == len(names):
        comparison = Comparison(tuple(names), tuple(table.types[name] for name in names))
        holders = [row_id for row_id in reader.equal(table, comparison, values) if row_id != refusal.row]
    return ValueTaken(refusal.row, index[1], holders[0] if holders else None)
