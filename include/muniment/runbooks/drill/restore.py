"""A drill's restore: one vault alone, into a scratch folder, to one position, on a server that reaches nobody.

The WAL is fetched before the server starts: what it then runs needs no credentials, and no other vault can help out.
"""

import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from muniment.adapters.drill.scratch import Scratch
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.site.site import Side, Site
from muniment.adapters.staging.isolated_cluster import IsolatedCluster
from muniment.adapters.vault import catalog
from muniment.adapters.vault.fallback import FallbackVault
from muniment.adapters.vault.vault import Vault
from muniment.domain.drill.evidence import DrillTarget
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.restore.copy_settings import Settings
from muniment.domain.secret import Secret
from muniment.domain.vault.registers import Point
from muniment.ports import Clock, Progress, utc_now
from muniment.runbooks.restore.plan_restore import plan_restore
from muniment.runbooks.restore.restore_cluster import restore_cluster
from muniment.runbooks.staging.lifetime import clear_expired
from muniment.runbooks.wal.fetch_span import WalSpan, copy_from, fetch_wal_beside

SCRATCH_VARIABLE = "MUNIMENT_SCRATCH"
# No need to wait for the disk.
_NOT_MISSED: Settings = {"fsync": "off"}


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
    scratch = Scratch.of_drill(run_dir, firm, drill_id)
    with scratch.held():
        try:
            yield scratch
        finally:
            scratch.remove()


def clear_abandoned(run_dir: Path, firm: str) -> None:
    """Ends and removes what drills of this firm left on this machine when their process was killed."""
    for scratch in Scratch.all_of(run_dir, firm):
        if scratch.is_abandoned:
            scratch.end_everything()
            scratch.remove()


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
    return fetch_wal_beside(FallbackVault(vault, None), point.system_identifier, span, scratch.wal, progress)


@contextmanager
def recovered(
    site: Site, cluster: LocalCluster, point: Point, target: DrillTarget, scratch: Scratch
) -> Iterator[Recovered]:
    """The server, stopped at the end whatever happens. Raises ``ProgramFailed`` with the end of its log."""
    to = {
        "recovery_target_lsn": str(target.lsn),
        "recovery_target_inclusive": "off",
        "recovery_target_timeline": str(point.wal.timeline),
    }
    with _isolated(site, cluster) as isolated:
        isolated.recover(to, copy_from(scratch.wal), _NOT_MISSED)
        yield _answering(site, isolated)


@contextmanager
def admitted(site: Site, cluster: LocalCluster) -> Iterator[Recovered]:
    """As ``recovered``, where the restore kit's own server has recovered it and was stopped."""
    with _isolated(site, cluster) as isolated:
        isolated.admit(_NOT_MISSED)
        yield _answering(site, isolated)


@contextmanager
def _isolated(site: Site, cluster: LocalCluster) -> Iterator[IsolatedCluster]:
    firm, banner = site.firm, f"muniment drill of {site.firm.id}"
    isolated = IsolatedCluster(
        cluster.data_dir, cluster.programs, banner=banner, firm=firm.id, database=firm.cluster.database
    )
    try:
        yield isolated
    finally:
        isolated.end()


def _answering(site: Site, isolated: IsolatedCluster) -> Recovered:
    conninfo = Secret(isolated.conninfo())
    server = PostgresServer(site.firm.id, conninfo, site.firm.cluster.database, "muniment drill")
    return Recovered(server, isolated.programs)
