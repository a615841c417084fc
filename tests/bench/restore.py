"""A whole cluster restored, beside pgBackRest.

Ours comes from S3, is decrypted and held against PostgreSQL's manifest; pgBackRest's from the local disk.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.site import Site
from muniment.domain.record import new_id
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.units import human_size
from muniment.ports import utc_now
from muniment.runbooks.restore.restore_cluster import restore_cluster
from tests.bench.dataset import ROOT, bench_cluster
from tests.bench.full_backup import (
    CORES,
    MAJOR,
    ROUNDS,
    Runner,
    Sample,
    compared,
    in_turns,
    pgbackrest_config,
    seconds,
    size_of,
    timed,
)
from tests.bench.world import bench_cloud, bench_site
from tests.support.stored import back_up, plan_for

GOAL = "<= 1.0"


def run(console: Console) -> None:
    folder = ROOT / "restore"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with bench_cluster(MAJOR) as cluster, bench_cloud() as cloud:
        site = bench_site(cloud, cluster)
        plan = plan_for(site.primary, back_up(site, new_id(utc_now()), full=True), folder / "ours")
        runners: dict[str, Runner | None] = {
            "muniment": lambda: muniment(site, cluster, plan),
            "pgBackRest": prepared_pgbackrest(cluster, folder),
        }
        show(console, in_turns(runners), runners, size_of(cluster))
    shutil.rmtree(folder)


def muniment(site: Site, cluster: LocalCluster, plan: RestorePlan) -> Sample:
    began, cpu = time.monotonic(), time.process_time()
    restore_cluster(site.primary, plan, programs=cluster.programs, restore_command=["false"])
    sample = Sample(time.monotonic() - began, time.process_time() - cpu, 0, 0)
    shutil.rmtree(plan.into)
    return sample


def prepared_pgbackrest(
    cluster: LocalCluster, folder: Path, fill: Callable[[Path], None] | None = None
) -> Runner | None:
    """A repository with one full backup; ``None`` where pgBackRest is not installed. ``fill`` makes it ``--delta``."""
    if not shutil.which("pgbackrest"):
        return None
    config, into = folder / "pgbackrest.conf", folder / "theirs"
    config.write_text(pgbackrest_config(cluster, folder, folder / "repository"))
    env = {"PGHOST": "127.0.0.1", "PGPASSFILE": str(cluster.passfile)}
    pgbackrest = ["pgbackrest", f"--config={config}", "--stanza=bench"]
    for arguments in (["stanza-create"], ["--type=full", "--no-archive-check", "backup"]):
        subprocess.run([*pgbackrest, *arguments], check=True, env={**os.environ, **env}, stdout=subprocess.DEVNULL)

    def restore() -> Sample:
        shutil.rmtree(into, ignore_errors=True)
        if fill is None:
            into.mkdir(mode=0o700)
        else:
            fill(into)
        return timed([*pgbackrest, f"--pg1-path={into}", *(["--delta"] if fill else []), "restore"], env, into)

    return restore


def show(
    console: Console,
    samples: dict[str, list[Sample]],
    runners: dict[str, Runner | None],
    size: int,
    what: str = "restore",
) -> None:
    load = f"{ROUNDS} rounds in turns, medians; load {os.getloadavg()[0]:.1f} on {CORES} cores"
    table = Table(title=f"{what} of {human_size(size)}: {load}")
    for heading in ("", "time", "muniment is", "goal"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name in runners:
        if name in samples:
            ratio, _ = compared(name, samples["muniment"], samples[name])
            table.add_row(name, seconds(samples[name]), ratio, GOAL if ratio else "")
        else:
            table.add_row(name, "not installed")
    console.print(table)
