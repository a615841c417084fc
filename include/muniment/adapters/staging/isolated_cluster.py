"""A restored cluster as a server that answers on this machine, to one role with a password, and calls nobody.

Whoever staged it may do anything in it as a superuser; no name of the firm's own roles or passwords is needed or
changed. What keeps the server from calling, and from writing anywhere but in its own folder, is the kernel's
(isolation_launcher.py); what keeps it quiet is its command line (domain/restore/copy_settings.py).
"""

import os
import secrets
import shlex
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import make_conninfo

from muniment.adapters.host.control_file import ControlFile
from muniment.adapters.host.data_directory import folders_of
from muniment.adapters.host.durable_files import whole_file
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms, run_program
from muniment.adapters.postgres.errors import Session
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.staging import isolation_launcher
from muniment.domain.restore.copy_settings import Settings
from muniment.domain.restore.isolation import (
    BANNER,
    ROLE,
    access_rules,
    isolated_settings,
    recovery_settings,
    role_settings,
    role_statements,
    scram_verifier,
)
from muniment.domain.restore.room import room
from muniment.domain.restore.settings import start_command
from muniment.domain.secret import Secret
from muniment.errors import PostgresError, ProgramFailed, ServerUnavailable, SessionRefused

START_TIMEOUT_S = 4 * 3600.0
_SOCKET_FOLDER = ".."  # as the server sees it, who works in its data directory; so no path is too long for a socket
_WITHOUT_SESSIONS = "template1"  # single-user mode asks no database whether it takes connections
_PAUSE_S = 0.1
_RELOAD_TIMEOUT_S = 60.0
_LOG_TAIL_CHARS = 2000
_NO_RULE = "28000"  # no line of pg_hba.conf


def fenced_in(*folders: Path) -> tuple[str, ...]:
    """What starts a program that calls nobody and writes below ``folders`` alone."""
    below = [part for folder in folders for part in ("--write-below", str(folder))]
    return (sys.executable, "-I", isolation_launcher.__file__, "--no-calls", *below)


def fenced_start_command(data_dir: Path, spool: Path, port: int = 5433) -> str:
    """For a person's shell: a restored server that may fetch its WAL, and writes in its own folders alone."""
    folders = [*folders_of(data_dir), spool]
    below = " ".join(f"--write-below {shlex.quote(str(folder))}" for folder in folders)
    launcher = shlex.join([sys.executable, "-I", isolation_launcher.__file__])
    # No socket: where PostgreSQL puts it by itself is none of these folders.
    start = start_command(
        str(data_dir),
        port,
        {"dynamic_shared_memory_type": "mmap", "unix_socket_directories": "", "listen_addresses": "127.0.0.1"},
    )
    log = shlex.quote(str(data_dir / "start.log"))
    return f"mkdir -p {shlex.quote(str(spool))} && {launcher} {below} {start} -l {log}"


class IsolatedCluster(LocalCluster):
    """Our configuration lies beside the data directory, and so does a socket: nobody else may enter that folder.

    Nor does the server write anywhere else: whatever it needs, tablespaces among it, lies there.
    """

    user = ROLE

    def __init__(
        self,
        data_dir: Path,
        programs: PostgresPrograms,
        *,
        banner: str = "muniment",
        firm: str = "unknown",
        database: str = "postgres",
    ) -> None:
        super().__init__(data_dir, programs)
        self.firm, self.database = firm, database
        self.folder = self.data_dir.parent
        self.banner = banner
        self.launcher = fenced_in(self.folder)

    def recover(self, target: Mapping[str, str], restore_command: str, more: Settings | None = None) -> None:
        """Replays until ``target``, opens for writing, and lets in the one role with its password alone.

        Raises ``ProgramFailed`` with the end of the server's log where recovery does not get there, ``PostgresError``
        with the server's own sentence where it then lets nobody in.
        """
        self._let_us_in({**recovery_settings(target, restore_command), **(more or {})}, more or {})

    def admit(self, more: Settings | None = None) -> None:
        """As ``recover``, of what another server has recovered and was stopped."""
        self._let_us_in(more or {}, more or {})

    def _let_us_in(self, at_first: Settings, more: Settings) -> None:
        self._configure(open_to_us=True)
        self.start(enforced={**self._isolated(), **at_first}, timeout_s=START_TIMEOUT_S)
        password = secrets.token_urlsafe(24)
        self._write_private(self.passfile, f"*:*:*:{ROLE}:{password}\n")
        statements = role_statements(scram_verifier(password, secrets.token_bytes(16)), self.programs.major)
        try:
            with self._first_session() as session:
                for statement in statements:
                    session.execute(statement.encode())
        except SessionRefused:  # there is no role postgres that may log in, or no database that takes sessions
            self._alone(statements, more)
        self._configure(open_to_us=False)
        self.announce(self.banner)
        self._await_reload()

    def _alone(self, statements: Iterable[str], more: Settings) -> None:
        """In single-user mode, which asks for no role: a firm may have renamed postgres, or locked it out."""
        self.stop(timeout_s=START_TIMEOUT_S)
        settings = {**self._isolated(), **more}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        argv = self.programs.argv("postgres", "--single", "-j", "-D", self.data_dir, *options, _WITHOUT_SESSIONS)
        said = run_program(
            [*self.launcher, *argv], timeout_s=START_TIMEOUT_S, stdin="".join(f"{each};\n\n" for each in statements)
        )
        if "ERROR:" in said.stderr:
            raise ProgramFailed(program="postgres --single", status="an error", stderr=said.stderr[-_LOG_TAIL_CHARS:])
        self.start(enforced=settings, timeout_s=START_TIMEOUT_S)

    def start_again(self) -> None:
        """What was recovered before and stopped."""
        self._configure(open_to_us=False)
        self.start(enforced=self._isolated(), timeout_s=START_TIMEOUT_S)

    def announce(self, text: str) -> None:
        """What ``SHOW muniment.staging`` answers from now on."""
        quoted = text.replace("\\", "\\\\").replace("'", "''")
        # Once recovered, its timeline is kept from its first segment on: should it go live, that is archived.
        keep = "" if (self.data_dir / "recovery.signal").exists() else "wal_keep_size = '1TB'\n"
        self._write("postgresql.conf", f"{BANNER} = '{quoted}'\n{keep}")
        if self.is_running:
            self.reload()

    def _isolated(self) -> Settings:
        control = ControlFile.read(self.data_dir, self.programs)
        needed = room(control.settings, control.segment_bytes)
        return isolated_settings(
            folder=self.folder, data_dir=self.data_dir, major=self.programs.major, banner=self.banner, needed=needed
        )

    def _configure(self, *, open_to_us: bool) -> None:
        self._write("pg_hba.conf", access_rules(open_to_us=open_to_us))
        self._write("pg_ident.conf", "")
        if not (self.folder / "postgresql.conf").exists():
            self.announce(self.banner)

    def _write(self, name: str, text: str) -> None:
        """Whole or not at all: the server may read it at any time."""
        with whole_file(self.folder / name, durable=False) as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(text.encode())

    @contextmanager
    def _first_session(self) -> Iterator[Session]:
        """As soon as recovery is over. The socket lies in ``folder``, which only its owner and root enter."""
        if not self.comes_up(START_TIMEOUT_S):
            raise ProgramFailed(program="postgres", status="an unfinished recovery", stderr=self._log_tail())
        descriptor = os.open(self.folder, os.O_PATH | os.O_DIRECTORY)
        try:
            # A socket's path has 107 bytes at most; this one is short wherever the folder lies.
            host = f"/proc/self/fd/{descriptor}"
            options = " ".join(f"-c {name}={value}" for name, value in role_settings(self.programs.major).items())
            told = make_conninfo("", host=host, port=self.port, user="postgres", options=options)
            with self._asked(told).anywhere() as session:
                yield session
        finally:
            os.close(descriptor)

    def _asked(self, conninfo: str) -> PostgresServer:
        return PostgresServer(self.firm, Secret(conninfo), self.database)

    def _await_reload(self) -> None:
        """Until it lets in our own role. Anything but the old rules' refusal is the last word."""
        deadline = time.monotonic() + _RELOAD_TIMEOUT_S
        while True:
            try:
                with self._asked(self.conninfo()).anywhere():
                    return
            except PostgresError as refused:
                is_old = isinstance(refused, ServerUnavailable) or refused.facts.get("sqlstate") == _NO_RULE
                if not is_old or not self.is_running or time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE_S)

    def _address(self) -> dict[str, str]:
        return {**super()._address(), "unix_socket_directories": _SOCKET_FOLDER}
