"""A PostgreSQL cluster on this machine, started and ended by us: staging after a restore, scratch for a drill, demo."""

import os
import secrets
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from psycopg.conninfo import make_conninfo

from muniment.adapters.host import processes, shared_memory
from muniment.adapters.host.control_file import ControlFile
from muniment.adapters.host.data_directory import accepts_connections
from muniment.adapters.host.programs import UNPRIVILEGED_GID, UNPRIVILEGED_UID, PostgresPrograms, run_program
from muniment.errors import ProgramFailed

StopMode = Literal["smart", "fast", "immediate"]
_OUR_SETTINGS = "muniment.conf"
# PostgreSQL itself kills after 5 s whatever did not heed an immediate shutdown (SIGKILL_CHILDREN_AFTER_SECS).
_IMMEDIATE_S = 20.0
_PAUSE_S = 0.1


class LocalCluster:
    """One data directory and the server that may run in it.

    It listens on 127.0.0.1 alone and has no Unix socket: their paths are limited to 107 bytes, and a data directory
    lies where it lies. A cluster that `create` made wants a password, kept beside it in `<data_dir>.pgpass`.
    """

    user: str = "postgres"
    launcher: tuple[str, ...] = ()
    """A command that starts what its arguments say; the server is started through it."""

    def __init__(self, data_dir: Path, programs: PostgresPrograms, port: int | None = None) -> None:
        self.data_dir = data_dir.absolute()
        self.programs = programs
        self._wanted_port = port
        self._chosen_port: int | None = None

    def create(self, *, wal_segment_size_mb: int = 16, sync: bool = True) -> None:
        """initdb: UTF-8, C.UTF-8, data checksums. `sync=False` is for clusters that nobody will miss."""
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        self.data_dir.mkdir(mode=0o700)
        self._hand_over(self.data_dir)
        password = secrets.token_urlsafe(24)
        self._write_private(self.passfile, f"*:*:*:*:{password}\n")
        options = [f"--pgdata={self.data_dir}", "--username=postgres", "--auth=scram-sha-256", "--pwfile=/dev/stdin"]
        options += ["--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", f"--wal-segsize={wal_segment_size_mb}"]
        if not sync:
            options.append("--no-sync")
        self.programs.run("initdb", *options, timeout_s=120, stdin=f"{password}\n")
        with (self.data_dir / "postgresql.conf").open("a") as file:
            file.write(f"include_if_exists = '{_OUR_SETTINGS}'\n")

    def configure(self, settings: Mapping[str, str | int | bool]) -> None:
        """Replace our settings; they hold from the next start or reload. ALTER SYSTEM comes after them and wins."""
        lines = [f"{name} = {_quoted(value)}\n" for name, value in settings.items()]
        path = self.data_dir / _OUR_SETTINGS
        path.write_text("".join(lines))
        self._hand_over(path)

    def start(self, *, enforced: Mapping[str, str | int | bool] | None = None, timeout_s: float = 60) -> None:
        """Start and wait until it accepts connections.

        `enforced` goes on the command line, where nothing that the data directory brings along can override it.
        """
        self._hand_over_all()
        self._forget_dead_postmaster()
        settings = {**(enforced or {}), **self._address()}
        options = " ".join(f"-c {name}={_shell_quoted(str(value))}" for name, value in settings.items())
        try:
            # Without a log file the server would inherit our pipes, and we would wait for their end for ever.
            self._pg_ctl("start", "--log", self.log_path, "--options", options, timeout_s=timeout_s)
        except ProgramFailed as failure:
            said = self._log_tail() or failure.facts["stderr"]  # without a log, the server was never begun
            raise ProgramFailed(**{**failure.facts, "program": "pg_ctl", "stderr": said}) from failure

    def comes_up(self, timeout_s: float) -> bool:
        """Whether it accepts connections before it ends, or before the time is over.

        Asked of its own lock file: pg_ctl waits no longer than until recovery goes on, and whoever connected would hear
        the same answer for hours, be it that recovery goes on or that nobody will ever be let in.
        """
        deadline = time.monotonic() + timeout_s
        while not accepts_connections(self.data_dir):
            if not self.is_running or time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE_S)
        return True

    def stop(self, mode: StopMode = "fast", timeout_s: float = 60) -> None:
        """Stop and wait until it has; nothing to do where it does not run."""
        if self.is_running:
            self._pg_ctl("stop", "--mode", mode, timeout_s=timeout_s)

    def restart(self, *, enforced: Mapping[str, str | int | bool] | None = None) -> None:
        """Stop and start again on the same port."""
        self._chosen_port = self.port
        self.stop()
        self.start(enforced=enforced)

    def reload(self) -> None:
        self._pg_ctl("reload", timeout_s=30)

    def end(self) -> None:
        """End what nobody will start again, without a checkpoint, and what was left where it had been killed before.

        By an immediate shutdown: PostgreSQL then removes its shared memory itself. What does not end by it is killed.
        """
        running = self._processes()
        if (pid := self.pid) is not None:
            processes.send([pid], signal.SIGQUIT)
            processes.has_gone(pid, self.data_dir, timeout_s=_IMMEDIATE_S)
        self._kill(running)

    def kill(self) -> None:
        """End it as a power failure would: no checkpoint, nothing flushed, postmaster.pid left behind.

        Its shared memory would not outlive that either, and nothing else removes what a killed server leaves of it.
        """
        if self.is_running:
            self._chosen_port = self.port
        self._kill(self._processes())

    def _processes(self) -> list[int]:
        """The postmaster first: it would start anew what it sees dying. Then all below it, and whom a dead one left."""
        pid = self.pid
        orphans = [each for each in processes.working_in(self.data_dir) if processes.name_of(each) == "postgres"]
        return list(dict.fromkeys([*([pid, *processes.descendants(pid)] if pid else []), *orphans]))

    def _kill(self, pids: list[int]) -> None:
        running = [each for each in pids if processes.runs_in(each, self.data_dir)]
        processes.send(running, signal.SIGKILL)
        for each in running:
            processes.has_gone(each, self.data_dir, timeout_s=10)
        shared_memory.remove_left(self.data_dir)

    @property
    def pid(self) -> int | None:
        """The postmaster's pid, None where it does not run."""
        lines = self._postmaster_file()
        if not lines:
            return None
        pid = abs(int(lines[0]))
        return pid if processes.runs_in(pid, self.data_dir) else None

    @property
    def is_running(self) -> bool:
        return self.pid is not None

    @property
    def port(self) -> int:
        """The port it listens on, or will."""
        if self.is_running and len(lines := self._postmaster_file()) > 3:
            return int(lines[3])
        if self._chosen_port is None:
            self._chosen_port = self._wanted_port or free_port()
        return self._chosen_port

    @property
    def passfile(self) -> Path:
        return self.data_dir.with_name(f"{self.data_dir.name}.pgpass")

    @property
    def log_path(self) -> Path:
        return self.data_dir.with_name(f"{self.data_dir.name}.log")

    def conninfo(self, dbname: str = "postgres", **more: str) -> str:
        """For psycopg and libpq; it names the password file and holds no password."""
        if self.passfile.exists():
            more = {"passfile": str(self.passfile), **more}
        told = {"host": "127.0.0.1", "port": str(self.port), "user": self.user, "dbname": dbname}
        return make_conninfo("", **{**told, **more})

    def system_identifier(self) -> str:
        """As pg_control has it; the server need not run."""
        return str(ControlFile.read(self.data_dir, self.programs).system_identifier)

    def _address(self) -> dict[str, str]:
        return {"port": str(self.port), "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}

    def _pg_ctl(self, action: str, *args: str | Path, timeout_s: float) -> None:
        argv = [action, "--pgdata", self.data_dir, "--silent", *args]
        if action != "reload":
            argv += ["--wait", f"--timeout={timeout_s:.0f}"]
        through = self.launcher if action == "start" else ()
        run_program([*through, *self.programs.argv("pg_ctl", *argv)], timeout_s=timeout_s + 10)

    def _forget_dead_postmaster(self) -> None:
        """Remove the lock file of a server that was killed.

        PostgreSQL itself asks whether the pid exists, and one that waits to be reaped, or was given to another
        program, does. Nobody who works in the data directory is a stronger answer; else PostgreSQL decides.
        """
        if not self.is_running and not processes.working_in(self.data_dir):
            (self.data_dir / "postmaster.pid").unlink(missing_ok=True)

    def _postmaster_file(self) -> list[str]:
        try:
            return (self.data_dir / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _log_tail(self) -> str:
        return self.log_path.read_text(errors="replace")[-2000:].strip() if self.log_path.exists() else ""

    def _write_private(self, path: Path, text: str) -> None:
        path.touch(mode=0o600)
        path.write_text(text)

    def _hand_over_all(self) -> None:
        """A data directory that root restored belongs to root; the server wants its own."""
        if os.geteuid() != 0 or self.data_dir.stat().st_uid == UNPRIVILEGED_UID:
            return
        places = (link.resolve() for link in (self.data_dir / "pg_tblspc").glob("*"))
        # A restore lays tablespaces out beside the data directory; what lies elsewhere is somebody else's.
        roots = [self.data_dir, *(place for place in places if place.is_relative_to(self.data_dir.parent.resolve()))]
        for root in roots:
            hand_over(root)

    @staticmethod
    def _hand_over(path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, UNPRIVILEGED_UID, UNPRIVILEGED_GID, follow_symlinks=False)


def hand_over(root: Path) -> None:
    """A folder and all in it, to the user that PostgreSQL's programs run as; nothing to do where we are not root."""
    for folder, _, files in root.walk() if os.geteuid() == 0 else ():
        for path in (folder, *(folder / file for file in files)):
            LocalCluster._hand_over(path)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _quoted(value: str | int | bool) -> str:
    text = ("on" if value else "off") if isinstance(value, bool) else str(value)
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _shell_quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
