"""A drill's restore: one vault alone, into a scratch folder, to one position, on a server that reaches nobody.

The WAL is fetched before the server starts: what it then runs needs no credentials, and no other vault can help out.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from include.muniment.adapters import catalog
from include.muniment.adapters.local_cluster import LocalCluster
from include.muniment.adapters.postgres_server import PostgresServer
from include.muniment.adapters.programs import PostgresPrograms
from include.muniment.adapters.site import Side, Site
from include.muniment.adapters.vault import Vault
from include.muniment.adapters.wal_archive import WalArchive
from include.muniment.domain.drill_evidence import DrillTarget
from include.muniment.domain.register import Backup, Point
from include.muniment.domain.secret import Secret
from include.muniment.domain.wal import WalSegment, is_history
from include.muniment.errors import ProgramFailed, ServerUnavailable
from include.muniment.ports import Progress
from include.muniment.runbooks.restore_cluster import restore_cluster

SCRATCH_VARIABLE = "MUNIMENT_SCRATCH"
START_TIMEOUT_S = 4 * 3600.0
# A position that is a record's begin is found in its own segment or, behind a switch, in one of the next two.
_SEGMENTS_BEHIND = 2
_PAUSE_S = 0.2
_LOG_TAIL_CHARS = 2000
_LOCAL_ONLY = "local all all trust\nhost all all 127.0.0.1/32 trust\n"


@dataclass(frozen=True, slots=True)
class Scratch:
    """The folder of one drill; nothing of it is left when it ends."""

    root: Path

    @property
    def data_dir(self) -> Path:
        return self.root / "data"

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
            LocalCluster(scratch.data_dir, PostgresPrograms.find()).kill()
            shutil.rmtree(scratch.root)


def lay_out(site: Site, side: Side, point: Point, scratch: Scratch, progress: Progress) -> LocalCluster:
    """Base and increments of ``point``, checked by pg_verifybackup."""
    found = restore_cluster(
        site.vault(side),
        into=scratch.data_dir,
        side=side,
        point=point,
        restore_command=_copy(scratch),
        progress=progress,
    )
    return LocalCluster(found.data_dir, PostgresPrograms.find(found.major))


def fetch_wal(vault: Vault, point: Point, target: DrillTarget, scratch: Scratch) -> int:
    """Everything between the base backup and the target, and each timeline's history. Returns the number of files.

    Raises ``WalSegmentInvalid`` and ``ObjectDamaged``; a segment that is missing shows when the server asks for it.
    """
    scratch.wal.mkdir(mode=0o755)
    backup = catalog.find_backup(vault, point.backup)
    archive = WalArchive(vault, point.system_identifier)
    names = set(archive.files())
    wanted = [*filter(is_history, names), *(name for name in _segments(backup, point, target) if name in names)]
    for name in wanted:
        (scratch.wal / name).write_bytes(archive.read(name))
    return len(wanted)


def _segments(backup: Backup, point: Point, target: DrillTarget) -> Iterator[str]:
    size, timeline = backup.wal_segment_bytes, point.wal.timeline
    first = WalSegment.holding(backup.start_lsn, timeline, size).number
    last = WalSegment.holding(target.lsn, timeline, size).number + _SEGMENTS_BEHIND
    for number in range(first, last + 1):
        for line in range(backup.timeline, timeline + 1):
            yield WalSegment(line, number, size).name


def _copy(scratch: Scratch) -> Sequence[str]:
    return ["cp", str(scratch.wal.absolute() / "%f"), "%p"]


@contextmanager
def recovered(
    site: Site, cluster: LocalCluster, point: Point, target: DrillTarget, scratch: Scratch
) -> Iterator[Recovered]:
    """The server, stopped at the end whatever happens. Raises ``ProgramFailed`` with the end of its log."""
    access = scratch.root / "pg_hba.conf"
    access.write_text(_LOCAL_ONLY)
    try:
        cluster.start(enforced=_enforced(access, point, target), timeout_s=START_TIMEOUT_S)
        server = PostgresServer(site.firm.id, Secret(cluster.conninfo()), site.firm.cluster.database, "muniment drill")
        _await_answer(cluster, server)
        yield Recovered(server, cluster.programs)
    finally:
        cluster.kill()


def _await_answer(cluster: LocalCluster, server: PostgresServer) -> None:
    """pg_ctl waits no longer than until recovery goes on: one that misses its target ends the server."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            with server.connect("postgres"):
                return
        except ServerUnavailable as not_yet:
            if not cluster.is_running or time.monotonic() > deadline:
                log = cluster.log_path.read_text(errors="replace")[-_LOG_TAIL_CHARS:].strip()
                raise ProgramFailed(program="postgres", status="an unfinished recovery", stderr=log) from not_yet
            time.sleep(_PAUSE_S)


def _enforced(access: Path, point: Point, target: DrillTarget) -> Mapping[str, str | int | bool]:
    """On the command line, where nothing that came along with the data can override it."""
    return {
        "recovery_target_lsn": str(target.lsn),
        "recovery_target_inclusive": "off",
        "recovery_target_action": "promote",
        "recovery_target_timeline": str(point.wal.timeline),
        "hba_file": str(access.absolute()),
        "archive_mode": "off",
        "shared_preload_libraries": "",
        "max_logical_replication_workers": 0,
        # Not before the target is reached does it answer, and no setting of the firm's server has to be matched.
        "hot_standby": "off",
        "ssl": "off",
        "logging_collector": "off",
        "synchronous_standby_names": "",
        "autovacuum": "off",
        "fsync": "off",  # nobody will miss it
    }
