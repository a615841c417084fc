"""The folder of one drill on this machine: what lies where, and whether anybody still works in it."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from muniment.adapters.host import processes
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.lock_file import is_locked, locked
from muniment.adapters.host.programs import PostgresPrograms
from muniment.errors import TargetInUse

_GLANCE_S = 60.0
"""Whoever looks whether a folder is abandoned holds its lock for a moment."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """``<root>/drill-<firm>-<id>``; nothing of it is left when the drill ends."""

    root: Path

    @classmethod
    def of_drill(cls, run_dir: Path, firm: str, drill_id: str) -> "Scratch":
        return cls(run_dir / f"drill-{firm}-{drill_id}")

    @classmethod
    def all_of(cls, run_dir: Path, firm: str) -> Iterator["Scratch"]:
        """Those of this firm that are on this machine."""
        return map(cls, run_dir.glob(f"drill-{firm}-[0-9]*"))

    @property
    def data_dir(self) -> Path:
        return self.root / "data"

    @property
    def kit(self) -> Path:
        return self.root / "kit"

    @property
    def data_dirs(self) -> tuple[Path, ...]:
        """By Muniment, by the restore kit."""
        return self.data_dir, self.kit / "cluster" / "data"

    @property
    def kit_works_in(self) -> tuple[Path, ...]:
        """Its script, and what its finish.sh runs: programs of their own, which outlive a drill that is killed."""
        return self.kit, self.kit / "cluster"

    @property
    def sockets(self) -> Path:
        """Where the restore kit's server puts its socket, whose path has 107 bytes at most."""
        return Path(tempfile.gettempdir()) / f"sockets-{self.root.name.rpartition('-')[2]}"

    @property
    def wal(self) -> Path:
        return self.root / "wal"

    @property
    def is_abandoned(self) -> bool:
        """A folder without its lock file has just been made, or is about to go."""
        try:
            return not is_locked(self._in_use)
        except FileNotFoundError:
            return False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Made, and this process's own until the end of the block or of the process."""
        self.root.mkdir(parents=True, mode=0o700)
        with locked(self._in_use, TargetInUse(place=self.root), patience_s=_GLANCE_S):
            yield

    def end_everything(self) -> None:
        """Servers and programs that a drill which was killed has left."""
        for data_dir in self.data_dirs:
            LocalCluster(data_dir, PostgresPrograms.find()).end()
        for folder in self.kit_works_in:
            processes.send(processes.working_in(folder), signal.SIGKILL)

    def remove(self) -> None:
        shutil.rmtree(self.sockets, ignore_errors=True)
        shutil.rmtree(self.root)

    @property
    def _in_use(self) -> Path:
        return self.root / "in-use"
