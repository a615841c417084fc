"""The environment in which PostgreSQL's own clients find a server: an argument list is everybody's to read."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from psycopg import pq

from muniment.adapters.postgres.conninfo import parse_conninfo
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.postgres.session import complete, settings_of
from muniment.adapters.postgres.session_settings import startup_options

_VARIABLES = {option.keyword.decode(): option.envvar.decode() for option in pq.Conninfo.get_defaults() if option.envvar}


@contextmanager
def libpq_environment(server: PostgresServer, database: str) -> Iterator[Mapping[str, str]]:
    """libpq's variables, to be laid over ``program_environment``; a password in a file that only we read, for as long
    as the block runs. Raises what ``server.connect`` raises: nothing is started that would not come in."""
    told = parse_conninfo(server.conninfo.reveal())
    password = told.pop("password", None)
    own = {"dbname": database, "application_name": server.application, **_session(server, database)}
    with tempfile.TemporaryDirectory(prefix="muniment-") as folder:
        if password is not None:
            escaped = password.replace("\\", "\\\\").replace(":", "\\:")
            own["passfile"] = str(_write_private(Path(folder) / "pgpass", f"*:*:*:*:{escaped}\n"))
        yield _variables(complete(told, **own), Path(folder) / "service")


def _variables(told: Mapping[str, str], file: Path) -> dict[str, str]:
    """What has no variable of its own (keepalives, the password of a key) stands in ``file``, as a service of ours;
    beside one that the firm names there is no place for it."""
    variables = {_VARIABLES[name]: value for name, value in told.items() if name in _VARIABLES}
    if "service" in told:
        return variables
    others = "".join(f"{name}={value}\n" for name, value in told.items() if name not in _VARIABLES)
    return {**variables, "PGSERVICE": "muniment", "PGSERVICEFILE": str(_write_private(file, f"[muniment]\n{others}"))}


def _session(server: PostgresServer, database: str) -> dict[str, str]:
    """As in each of our own; but in the encoding of the database: what has none (SQL_ASCII) stays as it is."""
    with server.connect(database) as session:
        settings = startup_options(settings_of(session, server.options), server.options)
        return {"options": settings, "client_encoding": session.info.parameter_status("server_encoding") or "UTF8"}


def _write_private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path
