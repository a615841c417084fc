"""A name on its way to PostgreSQL: each place that reads it has a way of its own to take signs for something else.

libpq's connection strings are ``psycopg.conninfo.make_conninfo``'s to write, its variables take a name as it is.
"""

from psycopg import sql
from psycopg.conninfo import make_conninfo

from muniment.domain.sql_names import TableName, quoted


def identifier(table: TableName) -> sql.Identifier:
    return sql.Identifier(table.schema, table.table)


def beside_placeholders(part: sql.Composable) -> sql.SQL:
    """``part`` of a statement that has parameters: there, psycopg takes a percent sign for the begin of one."""
    return sql.SQL(part.as_string().replace("%", "%%"))


def pattern(name: str) -> str:
    """For pg_dump's ``--schema`` and pg_amcheck's ``--database``: lower case, asterisks, question marks and dots mean
    something there, but between quotes (PostgreSQL documentation, psql, "Patterns")."""
    return quoted(name)


def dbname_option(database: str) -> str:
    """pg_restore and pg_dump take what has an equals sign, or begins like an address, for a connection string."""
    return f"--dbname={make_conninfo(dbname=database)}"
