"""A whole Airflow on this machine: its parts as processes of ours."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from muniment.errors import ProgramFailed
from muniment_demo.airflow_env import COMPONENTS
from muniment_demo.sessions import end_sessions

SCHEDULER = "scheduler"
_MIGRATE_TIMEOUT_S = 600
_LOG_TAIL_CHARS = 3000


class LocalAirflow:
    """The processes. `home` is AIRFLOW_HOME, their working folder and the place of their logs.

    `remember` is told the session of each process as soon as there is one.
    """

    def __init__(self, home: Path, environment: Mapping[str, str], remember: Callable[[int], None]) -> None:
        self.home = home
        self._remember = remember
        self._environment = {**os.environ, **environment}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def migrate(self) -> None:
        """Makes the tables; before `start`."""
        migration = self._spawn("db", "migrate")
        try:
            status = migration.wait(_MIGRATE_TIMEOUT_S)
        except BaseException:
            end_sessions([migration.pid], self.home)
            raise
        if status != 0:
            raise ProgramFailed(program="airflow db migrate", status=f"status {status}", stderr=self.tail("db"))

    def start(self, *, without: str | None = None, only: str | None = None) -> None:
        for component in COMPONENTS:
            if component[0] != without and only in (None, component[0]):
                self.processes[component[0]] = self._spawn(*component)

    def require_running(self) -> None:
        """Raises `ProgramFailed` with the end of its log when a part has ended by itself."""
        for name, process in self.processes.items():
            if (status := process.poll()) is not None:
                raise ProgramFailed(program=f"airflow {name}", status=f"status {status}", stderr=self.tail(name))

    def stop(self) -> None:
        end_sessions([process.pid for process in self.processes.values()], self.home)
        for process in self.processes.values():
            process.wait(10)
        self.processes.clear()

    def tail(self, name: str) -> str:
        log = self.home / f"{name}.log"
        return log.read_text(errors="replace")[-_LOG_TAIL_CHARS:].strip() if log.exists() else ""

    def _spawn(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.home / f"{arguments[0]}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "airflow", *arguments],
                cwd=self.home,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C ends whoever started us, who then stops this in order.
                start_new_session=True,
            )
        self._remember(process.pid)
        return process
