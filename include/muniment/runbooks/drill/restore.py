"""A drill's restore: one vault alone, into a scratch folder, to one position, on a server that reaches nobody.

The WAL is fetched before the server starts: what it then runs needs no credentials, and no other vault can help out.
"""

import fcntl
import os
import shlex
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from muniment.adapters.host import processes
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.site.site import Side, Site
from muniment.adapters.staging.isolated_cluster import IsolatedCluster
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.domain.drill.evidence import DrillTarget
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.secret import Secret
from muniment.domain.vault.registers import Point
from muniment.ports import Clock, Progress, utc_now
from muniment.runbooks.restore.plan_restore import plan_restore
from muniment.runbooks.restore.restore_cluster import restore_cluster
from muniment.runbooks.staging.lifetime import clear_expired
from muniment.runbooks.wal.fetch_span import WalSpan, copy_from, fetch_wal_beside

SCRATCH_VARIABLE = "MUNIMENT_SCRATCH"


@dataclass(frozen=True, slots=True)
class Scratch:
    """The folder of one drill; nothing of it is left when it ends."""

    root: Path

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
    def in_use(self) -> Path:
        return self.root / "in-use"

    @property
    def is_abandoned(self) -> bool:
        """A folder without its lock file has just been made."""
        if not self.in_use.exists():
            return False
        with self.in_use.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    @property
    def wal(self) -> Path:
        return self.root / "wal"


@dataclass(frozen=True, slots=True)
class Recovered:
    """A server that answers, recovered to the target."""

    server: PostgresServer
    programs: PostgresPrograms


def scratch_root() -> Path:
    """Where drills restore on this machine."""
    return Path(os.environ.get(SCRATCH_VARIABLE) or tempfile.gettempdir())


@contextmanager
def scratch_folder(run_dir: Path, firm: str, drill_id: str) -> Iterator[Scratch]:
    """Locked for as long as its process lives, so that whoever comes later can tell a folder that was left behind."""
    clear_abandoned(run_dir, firm)
    clear_expired(run_dir, now=utc_now())
    scratch = Scratch(run_dir / f"drill-{firm}-{drill_id}")
    scratch.root.mkdir(parents=True, mode=0o700)
    with scratch.in_use.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch.root)


def clear_abandoned(run_dir: Path, firm: str) -> None:
    """Ends and removes what drills of this firm left on this machine when their process was killed."""
    for scratch in map(Scratch, run_dir.glob(f"drill-{firm}-[0-9]*")):
        if scratch.is_abandoned:
            for data_dir in scratch.data_dirs:
                LocalCluster(data_dir, PostgresPrograms.find()).end()
            for folder in scratch.kit_works_in:
                processes.send(processes.working_in(folder), signal.SIGKILL)
            shutil.rmtree(scratch.root)


def lay_out(
    site: Site, side: Side, point: Point, scratch: Scratch, *, clock: Clock, progress: Progress
) -> LocalCluster:
    """Base and increments of ``point``, out of this one vault: nothing helps out."""
    vault, target = site.vault(side), RecoveryTarget("point", point.id)
    found = restore_cluster(
        vault,
        plan_restore(vault, site.firm, target, side=side, into=scratch.data_dir, clock=clock),
        restore_command=shlex.split(copy_from(scratch.wal)),
        progress=progress,
    )
    return LocalCluster(found.data_dir, PostgresPrograms.find(found.major))


def fetch_wal(vault: Vault, point: Point, target: DrillTarget, scratch: Scratch, progress: Progress) -> int:
    """Everything between the base backup and the target, and each timeline's history. Returns the number of files."""
    span = WalSpan.from_backup(catalog.find_backup(vault, point.backup), target.lsn, point.wal.timeline)
    return fetch_wal_beside([vault], point.system_identifier, span, scratch.wal, progress)


@contextmanager
def recovered(
    site: Site, cluster: LocalCluster, point: Point, target: DrillTarget, scratch: Scratch
) -> Iterator[Recovered]:
    """The server, stopped at the end whatever happens. Raises ``ProgramFailed`` with the end of its log."""
    isolated = IsolatedCluster(cluster.data_dir, cluster.programs, banner=f"muniment drill of {site.firm.id}")
    to = {
        "recovery_target_lsn": str(target.lsn),
        "recovery_target_inclusive": "off",
        "recovery_target_timeline": str(point.wal.timeline),
    }
    try:
        # Beside the data directory, whoever fetched it. Nobody will miss it: no need to wait for the disk.
        isolated.recover(to, copy_from(cluster.data_dir.with_name("wal")), {"fsync": "off"})
        yield Recovered(
            PostgresServer(site.firm.id, Secret(isolated.conninfo()), site.firm.cluster.database, "muniment drill"),
            isolated.programs,
        )
    finally:
        isolated.end()
