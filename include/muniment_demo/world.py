"""Where one demonstration lives on disk, and what is written down so that another process can find and end it."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from muniment.adapters.host import processes
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.lock_file import locked
from muniment.adapters.host.programs import PostgresPrograms, wheel_bin_dir
from muniment.errors import TargetNotEmpty
from muniment_demo.cloud import Cloud
from muniment_demo.errors import DemonstrationIsBusy
from muniment_demo.sessions import end_sessions

PUT_BACK = "restore-documents"
"""docs/iam/: who puts documents back."""
PROJECT = Path(__file__).resolve().parents[2]


def demo_programs() -> PostgresPrograms:
    """PostgreSQL 17 of the wheel, which has pgvector; `MUNIMENT_PG_BIN` overrides."""
    wheel = wheel_bin_dir()
    if os.environ.get("MUNIMENT_PG_BIN") or wheel is None:
        return PostgresPrograms.find()
    return PostgresPrograms.in_folder(wheel)


def _is_cloud(pid: int) -> bool:
    """And not the shell of somebody who is looking around in its folder."""
    try:
        return b"ministack" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class World:
    """One folder. Everything that runs works in it or below, which is how it is recognised."""

    root: Path

    @classmethod
    def named(cls, name: str) -> "World":
        return cls(PROJECT / ".muniment" / name)

    @property
    def airflow(self) -> Path:
        return self.root / "airflow"

    @property
    def registry(self) -> Path:
        return self.root / "registry"

    @property
    def settings(self) -> Path:
        return self.root / "airflow_settings.yaml"

    @property
    def cloud(self) -> Path:
        return self.root / "cloud"

    @property
    def mail(self) -> Path:
        """What on-call and the firms' contacts are told: files of ``letters/new``."""
        return self.root / "mail"

    @property
    def web_hooks(self) -> Path:
        """What PagerDuty and Slack were told: a JSON file each."""
        return self.root / "web_hooks"

    @property
    def regions(self) -> Path:
        """What lets a region go away."""
        return self.root / "regions"

    @property
    def scratch(self) -> Path:
        """Where drills restore and stagings stand."""
        return self.root / "scratch"

    @property
    def approver_key(self) -> Path:
        """The private key of ``lead``, who approves what the commands do in place; its public one beside it."""
        return self.root / "keys" / "lead"

    @property
    def metadata(self) -> Path:
        return self.root / "metadata" / "data"

    def firm(self, firm_id: str) -> Path:
        return self.root / "firms" / firm_id

    def policy_settings(self, firm_id: str, policy: str) -> Path:
        """The connections of whoever works under that file of docs/iam/."""
        return self.firm(firm_id) / f"{policy}.yaml"

    def data_directory(self, firm_id: str) -> Path:
        return self.firm(firm_id) / "data"

    def cluster_dirs(self) -> list[Path]:
        """Every data directory that was made here, the restored one too."""
        return sorted(path.parent for path in self.root.glob("**/data/PG_VERSION"))

    def remember_session(self, leader: int) -> None:
        """Before anything else is done with a process that leads a session of its own."""
        with (self.root / "sessions").open("a") as file:
            file.write(f"{leader}\n")

    def sessions(self) -> set[int]:
        try:
            return {int(line) for line in (self.root / "sessions").read_text().split()}
        except FileNotFoundError:
            return set()

    def describe(self, facts: dict[str, Any]) -> None:
        """What `make up` tells and the writer reads. Passwords are in it: for its owner only."""
        file = self.root / "world.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(facts, indent=1))

    def description(self) -> dict[str, Any] | None:
        try:
            facts: dict[str, Any] = json.loads((self.root / "world.json").read_text())
        except FileNotFoundError:
            return None
        return facts

    def stop(self) -> None:
        """Ends everything that runs here, whoever started it and however far it came."""
        if not self.root.exists():
            return
        end_sessions(self.sessions(), self.root)
        for data_dir in self.cluster_dirs():
            LocalCluster(data_dir, demo_programs()).end()
        if cloud := Cloud.running_in(self.cloud):
            cloud.stop()
        # Whoever started it may have been killed before it had written down where it runs.
        processes.send(filter(_is_cloud, processes.working_in(self.cloud)), signal.SIGKILL)

    def create(self) -> None:
        """An empty folder; whatever an earlier demonstration left there is ended and removed."""
        self.stop()
        self.remove()
        self.scratch.mkdir(parents=True)
        self._mark.touch()

    def remove(self) -> None:
        """Raises `TargetNotEmpty` where the folder holds something that is not a demonstration."""
        if not self.root.exists():
            return
        if not self._mark.exists() and any(self.root.iterdir()):
            raise TargetNotEmpty(place=self.root)
        shutil.rmtree(self.root)

    @property
    def _mark(self) -> Path:
        return self.root / ".muniment-demonstration"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One at a time: raises `DemonstrationIsBusy` while another process starts or stops this one."""
        self.root.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.root.with_suffix(".lock"), DemonstrationIsBusy(place=self.root)):
            yield
