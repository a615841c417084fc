"""Tables of a staged database into schemas of their own in the live one, all of it in one transaction.

Indexes are made while the tables are empty, and rows come by COPY in a session with the usual search_path: what an
index, a check or a generated column calls is then found, as it is for the application. PostgreSQL 17 empties the path
while it builds an index over rows, and pg_restore while it does anything.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from muniment.adapters.postgres.errors import described
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.definitions import definitions_of, definitions_of_objects, lacking
from muniment.adapters.rows.foreign_keys import Connection
from muniment.adapters.rows.large_objects import bring_over, gone_and_kept
from muniment.adapters.rows.reader import search_every_schema
from muniment.adapters.rows.table_copies import Later, TableCopier
from muniment.adapters.rows.table_dump import programs_of
from muniment.adapters.rows.table_rows import copy_rows, named_objects
from muniment.adapters.rows.writer import refusals
from muniment.domain.rows.foreign_keys import Table


@dataclass(frozen=True, slots=True)
class TablesWriter:
    """``live``: in its transaction. ``schemas``: a table's schema → the new one."""

    copier: TableCopier
    live: Connection
    schemas: Mapping[str, str]

    def write(self, staged: PostgresServer, chosen: Sequence[Table], later: Later, *, whole: bool) -> dict[str, int]:
        """The rows of each. ``whole``: with the structure. Raises ``ProgramMissing``, ``ProgramFailed``."""
        self._define(staged, later)
        rows = {}
        for table in chosen:
            columns = table.stored if whole else tuple(table.types)
            place = sql.Identifier(self.schemas[table.schema], table.relation)
            rows[table.name] = copy_rows(self.copier.connection, self.live, table, columns, place)
        for statement in later.constraints:
            self.live.execute(sql.SQL(statement))
        for sequence, state in later.numbers.items():
            self.live.execute("SELECT setval(%s::regclass, %s, %s)", (sequence, *state))
        self._bring_objects(chosen, later)
        return rows

    def _define(self, staged: PostgresServer, later: Later) -> None:
        """First what live lacks and they need, under its own name; what of a whole schema cannot be made is told."""
        programs = programs_of(staged)
        missing = lacking(self.copier.connection, self.live, self.schemas.values(), self.schemas)
        if missing:
            self.live.execute("SET LOCAL check_function_bodies = off; SET LOCAL search_path = ''")
            for name, definition in definitions_of_objects(staged, programs, missing):
                later.notes.append(self._made(name, definition))
        self.live.execute(definitions_of(staged, programs, self.schemas.values()).encode())
        search_every_schema(self.live)

    def _made(self, name: str, definition: str) -> str:
        try:
            with self.live.transaction():
                self.live.execute(definition.encode())
        except psycopg.Error as error:
            return f"{name} is gone, and cannot come back: {described(error)}"
        return f"{name} was gone, and came back under its own name"

    def _bring_objects(self, chosen: Sequence[Table], later: Later) -> None:
        staged = self.copier.connection
        gone, kept = gone_and_kept(staged, self.live, named_objects(staged, chosen))
        for oid in gone:
            bring_over(staged, self.live, oid)
        if gone or kept:
            told = f"{len(gone)} were gone and came back, {len(kept)} are there and stay as they are"
            later.notes.append(f"large objects that these rows name: {told}")


@contextmanager
def writing_tables(copier: TableCopier, live: PostgresServer, schemas: Mapping[str, str]) -> Iterator[TablesWriter]:
    """Committed at the end of the block. Raises ``WriteRefused``, ``PostgresError``."""
    with live.connect() as connection, refusals(), connection.transaction(), copier.connection.transaction():
        copier.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield TablesWriter(copier, connection, schemas)
