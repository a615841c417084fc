"""A restore over a cluster of which 1 % changed since its backup, beside ``pgbackrest --delta``.

The rows that changed lie in one of twenty tables, as a day's work does. Both programs compare file by file: rows all
over one large table would change all of it for either.
"""

import shutil
import time
from pathlib import Path

import psycopg
from rich.console import Console

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.site import Site
from muniment.domain.record import new_id
from muniment.domain.restore.plan import RestorePlan
from muniment.ports import utc_now
from muniment.runbooks.restore.restore_cluster import restore_cluster
from tests.bench.dataset import ROOT, ROWS, bench_cluster
from tests.bench.full_backup import MAJOR, Runner, Sample, in_turns, size_of
from tests.bench.restore import prepared_pgbackrest, show
from tests.bench.world import bench_cloud, bench_site
from tests.support.stored import back_up, plan_for

ROWS_A_TABLE = 20_000
TABLES = max(ROWS // ROWS_A_TABLE, 2)


def run(console: Console) -> None:
    folder = ROOT / "delta"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with bench_cluster(MAJOR, rows=ROWS_A_TABLE) as cluster, bench_cloud() as cloud:
        _spread(cluster)
        site = bench_site(cloud, cluster)
        plan = plan_for(site.primary, back_up(site, new_id(utc_now()), full=True), folder / "ours")
        pgbackrest = prepared_pgbackrest(cluster, folder, lambda into: _copy(cluster, into))
        _change(cluster)
        cluster.stop()
        runners: dict[str, Runner | None] = {
            "muniment": lambda: muniment(site, cluster, plan),
            "pgBackRest": pgbackrest,
        }
        show(console, in_turns(runners), runners, size_of(cluster), "restore over 1 % changed")
    shutil.rmtree(folder)


def muniment(site: Site, cluster: LocalCluster, plan: RestorePlan) -> Sample:
    shutil.rmtree(plan.into, ignore_errors=True)
    _copy(cluster, Path(plan.into))
    began, cpu = time.monotonic(), time.process_time()
    restore_cluster(site.primary, plan, programs=cluster.programs, restore_command=["false"], delta=True)
    return Sample(time.monotonic() - began, time.process_time() - cpu, 0, 0)


def _copy(cluster: LocalCluster, into: Path) -> None:
    """The stopped cluster as it is after the change."""
    shutil.copytree(cluster.data_dir, into, ignore=shutil.ignore_patterns("0000*"))


def _spread(cluster: LocalCluster) -> None:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        for number in range(1, TABLES):
            connection.execute(f"CREATE TABLE note_{number} AS SELECT * FROM note")
        connection.execute("CHECKPOINT")


def _change(cluster: LocalCluster) -> None:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        changed = ROWS_A_TABLE * TABLES // 100
        connection.execute("UPDATE note_1 SET author = author + 1 WHERE id < %s", (changed,))
        connection.execute("CHECKPOINT")
