"""Constraints that are NOT VALID: rows of before they were made need not obey them, and come back all the same."""

from collections.abc import Callable
from dataclasses import dataclass, field

from psycopg import errors, sql

from muniment.adapters.rows.foreign_keys import Connection
from muniment.domain.rows.foreign_keys import Table

NOT_OBEYED = (errors.CheckViolation, errors.ForeignKeyViolation, errors.NotNullViolation)
_NOT_VALID = """
    SELECT conname AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
    WHERE conrelid = %s::regclass AND NOT convalidated AND coninhcount = 0 AND contype IN ('c', 'f', 'n')
"""


@dataclass(frozen=True, slots=True)
class SetAside:
    """Within a transaction, until ``put_back``. Needs to own the tables, and keeps everybody else out of them."""

    connection: Connection
    taken: list[tuple[Table, str, str]] = field(default_factory=list)
    """Table, name and definition of each."""

    def put(self, table: Table, error: Exception) -> bool:
        """Whether ``error`` is of a constraint that old rows need not obey, which is away now."""
        if not isinstance(error, NOT_OBEYED):
            return False
        return self._put(table, lambda name: name == error.diag.constraint_name)

    def put_all(self, table: Table) -> None:
        self._put(table, lambda _: True)

    def put_back(self) -> None:
        """As they were: NOT VALID is part of the definition."""
        for table, name, definition in reversed(self.taken):
            self.connection.execute(
                sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(
                    sql.Identifier(table.schema, table.relation), sql.Identifier(name), sql.SQL(definition)
                )
            )
        self.taken.clear()

    def _put(self, table: Table, is_meant: Callable[[str], bool]) -> bool:
        """Whether there was any."""
        rows = self.connection.execute(_NOT_VALID, (table.name,)).fetchall()
        found = [(table, row["name"], row["definition"]) for row in rows if is_meant(row["name"])]
        for _, name, _ in found:
            self.connection.execute(
                sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(
                    sql.Identifier(table.schema, table.relation), sql.Identifier(name)
                )
            )
        self.taken.extend(found)
        return bool(found)
