"""BASE_BACKUP over the streaming replication protocol: PostgreSQL's own copy of a running cluster.

Protocol: PostgreSQL documentation, "Streaming Replication Protocol", commands ``UPLOAD_MANIFEST`` and ``BASE_BACKUP``
(the form of PostgreSQL 15 and later: one COPY OUT in which each message's first byte says what it carries).
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

import psycopg
from psycopg import pq

from muniment.adapters.postgres.errors import kind_of
from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.backup.left_out import is_worth_telling
from muniment.domain.vault.registers import Tablespace
from muniment.domain.wal.names import Lsn
from muniment.errors import BackupRefused, BackupStreamBroken, PageChecksumFailed, StatementRefused, Transient

LABEL = "muniment {id}"
_DATA_CORRUPTED = "XX001"
_QUOTED = re.compile(r'["«„“]([^"»“”]+)["»“”]')
_UPLOAD_PIECE_BYTES = 1 << 20


class IncrementalRefused(Exception):
    """The server cannot build on that manifest; nothing was sent and the connection still works."""


class ArchiveSink(Protocol):
    """Who takes the archives, in the order in which the server sends them."""

    def begin_archive(self, name: str, tablespace: Tablespace | None) -> None: ...

    def write(self, piece: memoryview) -> None:
        """Bytes of the archive that was begun last; ``piece`` is valid only during the call."""


@dataclass(frozen=True, slots=True)
class BackupStart:
    """``estimated_bytes`` is the server's own, made before it began; an incremental sends less."""

    lsn: Lsn
    timeline: int
    estimated_bytes: int


@dataclass(frozen=True, slots=True)
class BackupEnd:
    """``manifest``: byte for byte as PostgreSQL sent it, because UPLOAD_MANIFEST checks its checksum."""

    lsn: Lsn
    timeline: int
    manifest: bytes
    left_out: tuple[str, ...] = ()
    """What the server said that it skips: links, by their paths below the data directory."""
    damaged: tuple[str, ...] = ()
    """Files in which the server found damaged pages, where somebody wants the backup all the same."""


@dataclass(slots=True)
class BaseBackupStream:
    """One BASE_BACKUP: ``start``, then ``receive`` to its end. Read the end before believing the beginning: a failed
    page checksum shows only there."""

    firm: str
    connection: pq.abc.PGconn
    received_bytes: int = 0
    _notices: list[str] = field(default_factory=list)
    _skipped: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection.notice_handler = self._hear

    def _hear(self, notice: pq.abc.PGresult) -> None:
        """Of what it skips the server tells in ``sendDir`` (basebackup.c) alone, in whatever language."""
        is_skipped = _field(notice, pq.DiagnosticField.SOURCE_FUNCTION) == "sendDir"
        (self._skipped if is_skipped else self._notices).append(_message(notice))

    def start(self, label: str, parent_manifest: bytes | None = None) -> BackupStart:
        """Raises ``IncrementalRefused`` where the server cannot build on ``parent_manifest``."""
        incremental = parent_manifest is not None
        if parent_manifest is not None:
            self._upload(parent_manifest)
        self._send(_command(label, incremental=incremental))
        lsn, timeline = _position(self._expect(pq.ExecStatus.TUPLES_OK, incremental=incremental))
        sizes = self._expect(pq.ExecStatus.TUPLES_OK, incremental=incremental)
        estimated = sum(int(sizes.get_value(row, 2) or 0) for row in range(sizes.ntuples)) * 1024
        self._expect(pq.ExecStatus.COPY_OUT, incremental=incremental)
        return BackupStart(lsn, timeline, estimated)

    def receive(self, sink: ArchiveSink, *, accept_damage: bool = False) -> BackupEnd:
        """Hands every archive to ``sink``. Raises ``BackupStreamBroken``, ``PageChecksumFailed``, ``BackupRefused``,
        any other ``PostgresError``.

        ``accept_damage``: damaged pages are named instead. The server has sent all of it, the manifest and the end
        included, before it says so (``perform_base_backup`` in src/backend/backup/basebackup.c).
        """
        manifest = bytearray()
        take: Callable[[memoryview], object] = sink.write
        while (piece := self._next_piece()) is not None:
            kind = piece[0]
            if kind == ord("d"):
                self.received_bytes += len(piece) - 1
                take(piece[1:])
            elif kind == ord("n"):
                sink.begin_archive(*_archive(bytes(piece[1:])))
            elif kind == ord("m"):
                take = manifest.extend
        lsn, timeline = _position(self._expect(pq.ExecStatus.TUPLES_OK))
        left_out = tuple(sorted(filter(is_worth_telling, _quoted(self._skipped))))
        try:
            self._expect(pq.ExecStatus.COMMAND_OK)
        except PageChecksumFailed:
            damaged = _damaged_files(self._notices)
            if not accept_damage or not damaged:
                raise
            return BackupEnd(lsn, timeline, bytes(manifest), left_out, damaged)
        return BackupEnd(lsn, timeline, bytes(manifest), left_out)

    def _next_piece(self) -> memoryview | None:
        try:
            length, piece = self.connection.get_copy_data(0)
        except psycopg.OperationalError as error:
            raise self._broken(str(error)) from error
        return piece if length > 0 else None

    def _upload(self, manifest: bytes) -> None:
        self._send("UPLOAD_MANIFEST")
        self._expect(pq.ExecStatus.COPY_IN, incremental=True)
        for begin in range(0, len(manifest), _UPLOAD_PIECE_BYTES):
            self.connection.put_copy_data(manifest[begin : begin + _UPLOAD_PIECE_BYTES])
        self.connection.put_copy_end()
        self._expect(pq.ExecStatus.COMMAND_OK, incremental=True)
        while self.connection.get_result() is not None:
            pass

    def _send(self, command: str) -> None:
        try:
            self.connection.send_query(command.encode())
        except psycopg.OperationalError as error:
            raise self._broken(str(error)) from error

    def _expect(self, status: pq.ExecStatus, *, incremental: bool = False) -> pq.abc.PGresult:
        result = self.connection.get_result()
        if result is None:
            reason = "the server ended the command early"
            raise self._broken(reason)
        if result.status != status:
            self._fail(result, incremental=incremental)
        return result

    def _fail(self, result: pq.abc.PGresult, *, incremental: bool) -> NoReturn:
        state = _field(result, pq.DiagnosticField.SQLSTATE)
        reason = _message(result) or self.connection.get_error_message().strip()
        if state == _DATA_CORRUPTED:
            raise PageChecksumFailed(firm=self.firm, files=", ".join(_damaged_files(self._notices)) or reason)
        kind = kind_of(state)
        if self.connection.status != pq.ConnStatus.OK or not state or issubclass(kind, Transient):
            raise self._broken(reason)
        if kind is not StatementRefused:
            raise kind(firm=self.firm, reason=f"{reason} (SQLSTATE {state})")
        if incremental:
            raise IncrementalRefused(reason)
        raise BackupRefused(firm=self.firm, reason=reason)

    def _broken(self, reason: str) -> BackupStreamBroken:
        said = " ".join(reason.split())
        return BackupStreamBroken(firm=self.firm, received_bytes=self.received_bytes, reason=said)


@contextmanager
def open_base_backup(server: PostgresServer) -> Iterator[BaseBackupStream]:
    """A connection for one base backup; leaving early makes the server stop sending."""
    connection = server.replication_connection()
    try:
        yield BaseBackupStream(server.firm, connection)
    finally:
        connection.notice_handler = None
        connection.finish()


def _command(label: str, *, incremental: bool) -> str:
    """No WAL and no waiting for it: verify_wal_checkpoint looks for it in the vault, which proves more."""
    options = [f"LABEL '{label}'", "PROGRESS", "CHECKPOINT 'fast'", "WAIT 0", "MANIFEST 'yes'", "TABLESPACE_MAP"]
    if incremental:
        options.append("INCREMENTAL")
    return f"BASE_BACKUP ({', '.join(options)})"


def _position(result: pq.abc.PGresult) -> tuple[Lsn, int]:
    return Lsn.parse(_cell(result, 0)), int(_cell(result, 1))


def _cell(result: pq.abc.PGresult, column: int) -> str:
    return (result.get_value(0, column) or b"").decode()


def _archive(message: bytes) -> tuple[str, Tablespace | None]:
    """``base.tar`` and no path, or ``<oid>.tar`` and the tablespace's folder."""
    file_name, location, *_ = message.split(b"\0")
    name = file_name.decode().removesuffix(".tar")
    return name, Tablespace(oid=int(name), location=location.decode()) if location else None


def _field(result: pq.abc.PGresult, name: pq.DiagnosticField) -> str:
    return (result.error_field(name) or b"").decode(errors="replace")


def _message(result: pq.abc.PGresult) -> str:
    detail = _field(result, pq.DiagnosticField.MESSAGE_DETAIL)
    text = _field(result, pq.DiagnosticField.MESSAGE_PRIMARY)
    return f"{text} ({detail})" if detail else text


def _damaged_files(notices: list[str]) -> tuple[str, ...]:
    """The files that the server's warnings quote, in their order, each once: its sentences may be translated."""
    return tuple(_quoted(notices))


def _quoted(notices: list[str]) -> dict[str, None]:
    return dict.fromkeys(match[1].removeprefix("./") for notice in notices if (match := _QUOTED.search(notice)))
