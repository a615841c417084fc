"""The server at the live place of this host: started and stopped as its owner says, or by pg_ctl."""

import shlex
import time
from dataclasses import dataclass
from pathlib import Path

from muniment.adapters.host import processes
from muniment.adapters.host.data_directory import accepts_connections, postmaster_of, system_identifier_of
from muniment.adapters.host.programs import PostgresPrograms, run_program
from muniment.domain.firm.firm import LiveHost
from muniment.domain.firm.server_start import options_in, unit_in
from muniment.errors import ControlFileDamaged, ProgramFailed

START_TIMEOUT_S = STOP_TIMEOUT_S = 600.0
_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class LiveServer:
    """One data directory; which one lies there changes while the name stays."""

    data_dir: Path
    programs: PostgresPrograms
    start_command: tuple[str, ...] = ()
    stop_command: tuple[str, ...] = ()
    start_options: tuple[str, ...] = ()
    """For pg_ctl: what the server is given on its command line."""

    @classmethod
    def of(cls, host: LiveHost, programs: PostgresPrograms) -> "LiveServer":
        """For a firm whose file names ``cluster.live.data_directory``."""
        return cls(Path(host.data_directory or ""), programs, host.start, host.stop)

    @property
    def is_running(self) -> bool:
        return runs_at(self.data_dir)

    def start(self) -> None:
        """Until it accepts connections. Raises ``ProgramFailed`` with the end of the log that we know of."""
        if not self.is_running:
            self._forget_dead_postmaster()
        try:
            self._start()
        except ProgramFailed as failure:
            if "--log" in self._start_argv():
                raise ProgramFailed(**{**failure.facts, "stderr": self._log_tail()}) from failure
            raise

    def _start(self) -> None:
        """Two starts at once are one: PostgreSQL's own lock file lets the second one fail."""
        try:
            run_program(self._start_argv(), timeout_s=START_TIMEOUT_S + 10)
        except ProgramFailed:
            if not self._comes_up():
                raise
        if not self._comes_up():
            raise ProgramFailed(program="postgres", status="no server in the data directory", stderr=self._log_tail())

    def stop(self) -> None:
        """Until nothing works in the folder. Raises ``ProgramFailed``."""
        argv = self.stop_command or self.programs.argv(
            "pg_ctl",
            "stop",
            "--pgdata",
            self.data_dir,
            "--silent",
            "--wait",
            "--mode=fast",
            f"--timeout={STOP_TIMEOUT_S:.0f}",
        )
        run_program(argv, timeout_s=STOP_TIMEOUT_S + 10)
        if not self._within(STOP_TIMEOUT_S, running=False):
            raise ProgramFailed(program=Path(argv[0]).name, status="a server that runs on", stderr="")

    @property
    def log_path(self) -> Path:
        return self.data_dir.with_name(f"{self.data_dir.name}.log")

    def _start_argv(self) -> list[str]:
        if self.start_command:
            return list(self.start_command)
        wait = f"--timeout={START_TIMEOUT_S:.0f}"
        options = ("--options", shlex.join(self.start_options)) if self.start_options else ()
        return self.programs.argv(
            "pg_ctl", "start", "--pgdata", self.data_dir, "--silent", "--wait", wait, "--log", self.log_path, *options
        )

    def last_options(self) -> tuple[str, ...] | None:
        """Its command line at its last start, without the data directory; ``None`` where nothing tells."""
        try:
            return options_in((self.data_dir / "postmaster.opts").read_text())
        except FileNotFoundError:
            return None

    def unit(self) -> str | None:
        """The systemd service that runs it; ``None`` where none does, or the one that we belong to ourselves."""
        pid = postmaster_of(self.data_dir)
        here = _unit_of("self")
        return found if pid is not None and (found := _unit_of(str(pid))) != here else None

    def _comes_up(self) -> bool:
        """pg_ctl says of a server that somebody else started only that there is one."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while self.is_running and time.monotonic() < deadline:
            if accepts_connections(self.data_dir):
                return True
            time.sleep(_PAUSE_S)
        return False

    def _within(self, seconds: float, *, running: bool) -> bool:
        deadline = time.monotonic() + seconds
        while self.is_running != running:
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE_S)
        return True

    def _forget_dead_postmaster(self) -> None:
        """A pid that another program was given since would keep PostgreSQL from starting."""
        if not processes.working_in(self.data_dir):
            (self.data_dir / "postmaster.pid").unlink(missing_ok=True)

    def _log_tail(self) -> str:
        return self.log_path.read_text(errors="replace")[-2000:].strip() if self.log_path.exists() else ""


def lying_at(live: Path) -> int | None:
    """Its system identifier; ``None`` where none can be read: that one may well have to be replaced."""
    try:
        return system_identifier_of(live)
    except ControlFileDamaged:
        return None


def runs_at(data_dir: Path) -> bool:
    """Whoever works in the folder counts, also a server that has lost its postmaster.pid."""
    pid = postmaster_of(data_dir)
    return (pid is not None and processes.runs_in(pid, data_dir)) or bool(processes.working_in(data_dir))


def serves_at(data_dir: Path) -> bool:
    """Whether the server there says that it takes connections."""
    return runs_at(data_dir) and accepts_connections(data_dir)


def _unit_of(process: str) -> str | None:
    try:
        return unit_in(Path(f"/proc/{process}/cgroup").read_text())
    except FileNotFoundError:
        return None
