"""The folders of stagings on this machine: what lies where, whose they are, and what became of whoever makes one."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from muniment.adapters.host import processes
from muniment.adapters.host.control_file import path_of
from muniment.adapters.host.data_directory import postmaster_of
from muniment.adapters.host.durable_files import replace_file, unfinished_name
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.lock_file import is_locked, lock, locked
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.staging.isolated_cluster import IsolatedCluster
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.restore.staging import Staging, name_of, parse_folder_name
from muniment.errors import StagingBusy

PATIENCE_S = 10.0
"""The keeper takes a look now and then: who finds it there waits a moment."""


@dataclass(frozen=True, slots=True)
class StagingFolder:
    """``<root>/staging-<firm>-<id>``."""

    path: Path

    @property
    def data_dir(self) -> Path:
        return self.path / "data"

    @property
    def wal(self) -> Path:
        return self.path / "wal"

    @property
    def documents(self) -> Path:
        return self.path / "restored"

    @property
    def plan_path(self) -> Path:
        return self.path / "plan.json"

    @property
    def record_path(self) -> Path:
        return self.path / "staging.json"

    def plan(self) -> RestorePlan | None:
        """What is restored here; ``None`` where nobody has begun yet, or where it cannot be read as one."""
        try:
            return RestorePlan.from_json(self.plan_path.read_bytes())
        except (FileNotFoundError, IsADirectoryError, ValueError):
            return None

    def record(self) -> Staging | None:
        """``None`` where it is half-made, or being destroyed, or where it cannot be read as one."""
        try:
            return Staging.from_json(self.record_path.read_bytes())
        except (FileNotFoundError, IsADirectoryError, ValueError):
            return None

    def write(self, staging: Staging) -> None:
        """Whole or not at all."""
        replace_file(self.record_path, staging.to_json())

    def server(self, programs: PostgresPrograms, plan: RestorePlan, database: str = "postgres") -> IsolatedCluster:
        """``database``: the firm's own."""
        banner = name_of(plan.firm, plan.target)
        return IsolatedCluster(self.data_dir, programs, banner=banner, firm=plan.firm, database=database)

    @property
    def is_being_made(self) -> bool:
        """Somebody holds it, who makes, destroys or takes it live."""
        try:
            with self.held(patience_s=0):
                return False
        except (StagingBusy, FileNotFoundError):
            return True

    @property
    def lost_its_plan(self) -> bool:
        """No plan says whose it is, yet nothing but a staging's is in it.

        Whoever made it was killed at once, its plan is damaged, or a roll-back returned a cluster to one that had gone.
        """
        files = {self.plan_path, self.record_path}
        known = {"in-use", "keeper", *(path.name for file in files for path in (file, unfinished_name(file)))}
        if path_of(self.data_dir).is_file():
            known |= {"data", "data-tablespaces", "wal", "restored"}
        return self.plan() is None and {path.name for path in self.path.iterdir()} <= known

    @property
    def touched_at(self) -> datetime:
        """When its making was begun, or gone on with."""
        place = self.plan_path if self.plan_path.is_file() else self.path
        return datetime.fromtimestamp(place.stat().st_mtime, UTC)

    @property
    def is_running(self) -> bool:
        """Not where the machine was started anew since."""
        pid = postmaster_of(self.data_dir)
        return pid is not None and processes.runs_in(pid, self.data_dir)

    def end_server(self) -> None:
        """Whatever postmaster works in this folder, of any version, and what a dead one has left."""
        LocalCluster(self.data_dir, PostgresPrograms.find()).end()

    def remove(self) -> None:
        """The record first: from then on there is no staging."""
        self.record_path.unlink(missing_ok=True)
        self.end_server()
        shutil.rmtree(self.path)

    @contextmanager
    def held(self, patience_s: float = PATIENCE_S) -> Iterator[None]:
        """Nobody destroys it, makes it, or takes it live meanwhile. The lock goes with its process, however that ends.

        Raises ``StagingBusy``, and ``FileNotFoundError`` where the folder has gone.
        """
        with locked(self.path / "in-use", StagingBusy(place=self.path), patience_s=patience_s):
            yield

    @property
    def is_kept(self) -> bool:
        try:
            return is_locked(self.path / "keeper")
        except FileNotFoundError:
            return False

    def take_keeping(self) -> bool:
        """This process is its keeper until it ends, and the file says so; ``False`` where it has one."""
        descriptor = lock(self.path / "keeper")
        if descriptor is None:
            return False
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        return True


def staging_folders(root: Path) -> list[StagingFolder]:
    """All of this machine's that we may look into, below ``root``, oldest first, half-made ones among them."""
    named = (path for path in root.glob("staging-*") if parse_folder_name(path.name))
    found = [path for path in named if path.is_dir() and os.access(path, os.R_OK | os.X_OK)]
    return [StagingFolder(path) for path in sorted(found, key=lambda path: path.name[-19:])]
