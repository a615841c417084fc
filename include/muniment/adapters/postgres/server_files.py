"""The server's own files, as the server names them: settings, who may come in, certificates. Read by the server itself.

They may lie outside of the data directory, as Debian has them, or be links: then no base backup holds them.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import psycopg

from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.config.snapshot import Confidential, ServerFile

type Connection = psycopg.Connection[dict[str, Any]]

_FILES = ("config_file", "hba_file", "ident_file")
_TLS = ("ssl_cert_file", "ssl_key_file", "ssl_ca_file", "ssl_crl_file")
_NAMED = "SELECT name, setting FROM pg_settings WHERE name = ANY(%s) AND setting <> ''"
_SOURCES = "SELECT DISTINCT sourcefile AS path FROM pg_settings WHERE sourcefile IS NOT NULL"
_MAY_READ = "SELECT has_function_privilege('pg_read_binary_file(text)', 'execute') AS yes"
_READ = "SELECT pg_read_binary_file(%s) AS content"


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """``unread``: path and reason."""

    read: tuple[ServerFile, ...]
    unread: tuple[str, ...]


def read_server_files(server: PostgresServer, links: Collection[str]) -> ServerFiles:
    """Those that no base backup holds. ``links``: what the last one left out. Raises ``ServerUnavailable``."""
    with server.connect() as connection:
        read, unread = [], []
        for path in _paths(connection, links):
            answer = _read(connection, path)
            if isinstance(answer, ServerFile):
                read.append(answer)
            elif answer:
                unread.append(f"{path}: {answer}")
    return ServerFiles(tuple(read), tuple(unread))


def unread_files(connection: Connection, links: Collection[str]) -> tuple[str, ...]:
    """Which of them this role cannot read. Nothing of them leaves the server's answer."""
    return tuple(path for path in _paths(connection, links) if isinstance(_read(connection, path), str))


def _data_directory(connection: Connection) -> str:
    """The root where the role may not know it: without pg_monitor it is told of no file either."""
    found = connection.execute(_NAMED, (["data_directory"],)).fetchone()
    return str(found["setting"]) if found else "/"


def _paths(connection: Connection, links: Collection[str]) -> list[str]:
    """Each once: what the settings name, and every file that one of them came from; not what a base backup holds."""
    folder = _data_directory(connection)
    settings = {row["name"]: row["setting"] for row in connection.execute(_NAMED, ([*_FILES, *_TLS, "ssl"],))}
    named = [settings[name] for name in _FILES if name in settings]
    named += [row["path"] for row in connection.execute(_SOURCES)]
    if settings.get("ssl") == "on":
        named += [settings[name] for name in _TLS if name in settings]
    found = sorted({PurePosixPath(folder, name) for name in named})
    return [str(path) for path in found if not path.is_relative_to(folder) or str(path.relative_to(folder)) in links]


def _read(connection: Connection, path: str) -> ServerFile | str | None:
    """The file, or why the role may not read it; ``None`` where there is none."""
    if not _allowed(connection):
        return "permission denied for function pg_read_binary_file"
    try:
        with connection.transaction():
            row = connection.execute(_READ, (path,)).fetchone()
    except psycopg.errors.UndefinedFile:
        return None
    except psycopg.errors.InsufficientPrivilege as denied:
        return str(denied.diag.message_primary)
    return ServerFile(path=path, content=Confidential(bytes(row["content"]))) if row else None


def _allowed(connection: Connection) -> bool:
    row = connection.execute(_MAY_READ).fetchone()
    return bool(row and row["yes"])
