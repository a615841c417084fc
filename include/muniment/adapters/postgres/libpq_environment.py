"""The environment in which PostgreSQL's own clients find a server: an argument list is everybody's to read."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from psycopg import pq

from muniment.adapters.postgres.conninfo import parse_conninfo
from muniment.adapters.postgres.server import PostgresServer

_VARIABLES = {option.keyword.decode(): option.envvar.decode() for option in pq.Conninfo.get_defaults() if option.envvar}


@contextmanager
def libpq_environment(server: PostgresServer, database: str) -> Iterator[Mapping[str, str]]:
    """libpq's variables; a password in a file that only we read, for as long as the block runs."""
    told = parse_conninfo(server.conninfo.reveal())
    password = told.pop("password", None)
    told |= {"dbname": database, "application_name": server.application}
    with tempfile.TemporaryDirectory(prefix="muniment-") as folder:
        if password is not None:
            passfile = Path(folder) / "pgpass"
            passfile.touch(mode=0o600)
            passfile.write_text("*:*:*:*:" + password.replace("\\", "\\\\").replace(":", "\\:") + "\n")
            told["passfile"] = str(passfile)
        yield {_VARIABLES[name]: value for name, value in told.items() if name in _VARIABLES}
