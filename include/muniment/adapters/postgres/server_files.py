"""The server's own files, as the server names them: settings, who may come in, certificates. Read by the server itself.

They may lie outside of the data directory, as Debian has them, or be links: then no base backup holds them.
"""

from collections.abc import Collection, Iterator
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
_NO_RIGHT = "permission denied for function pg_read_binary_file"
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
        for path, answer in _answers(connection, links):
            if isinstance(answer, ServerFile):
                read.append(answer)
            elif answer:
                unread.append(f"{path}: {answer}")
    return ServerFiles(tuple(read), tuple(unread))


def unread_files(connection: Connection, links: Collection[str]) -> tuple[str, ...]:
    """Which of them this role cannot read. Nothing of them leaves the server's answer."""
    return tuple(path for path, answer in _answers(connection, links) if isinstance(answer, str))


def _answers(connection: Connection, links: Collection[str]) -> Iterator[tuple[str, ServerFile | str | None]]:
    """Each file, or why the role may not read it; ``None`` where there is none."""
    allowed = connection.execute(_MAY_READ).fetchone()
    for path in _paths(connection, links):
        yield path, _read(connection, path) if allowed and allowed["yes"] else _NO_RIGHT


def _paths(connection: Connection, links: Collection[str]) -> list[str]:
    """Each once: what the settings name, and every file that one of them came from; not what a base backup holds."""
    names = ["data_directory", *_FILES, *_TLS, "ssl"]
    settings = {row["name"]: row["setting"] for row in connection.execute(_NAMED, (names,))}
    # The root where the role may not know it: without pg_monitor it is told of no file either.
    folder = settings.get("data_directory", "/")
    named = [settings[name] for name in _FILES if name in settings]
    named += [row["path"] for row in connection.execute(_SOURCES)]
    if settings.get("ssl") == "on":
        named += [settings[name] for name in _TLS if name in settings]
    found = sorted({PurePosixPath(folder, name) for name in named})
    return [str(path) for path in found if not path.is_relative_to(folder) or str(path.relative_to(folder)) in links]


def _read(connection: Connection, path: str) -> ServerFile | str | None:
    try:
        with connection.transaction():
            row = connection.execute(_READ, (path,)).fetchone()
    except psycopg.errors.UndefinedFile:
        return None
    except psycopg.errors.InsufficientPrivilege as denied:
        return str(denied.diag.message_primary)
    return ServerFile(path=path, content=Confidential(bytes(row["content"]))) if row else None
