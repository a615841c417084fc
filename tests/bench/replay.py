"""Replay of 200 WAL segments: ``muniment wal fetch`` out of S3 beside ``restore_command = cp`` from the local disk.

The server's own figure, "redo done ... elapsed", so that neither copying the base backup nor promotion counts.
"""

import os
import re
import shutil
import statistics
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from uuid import uuid4

import psycopg
from rich.console import Console
from rich.table import Table

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.adapters.wal.spool import WalSpool
from muniment.domain.restore.settings import settings_file
from muniment.ports import utc_now
from muniment.runbooks.restore.restore_cluster import fetch_command
from muniment.runbooks.wal.push_wal import open_pusher
from tests.bench.dataset import ROOT, SETTINGS
from tests.bench.full_backup import CORES, ROUNDS
from tests.bench.world import bench_cloud, bench_site
from tests.fixtures.sites import site_env
from tests.support.wal import eventually, write_registry

SEGMENTS = int(os.environ.get("MUNIMENT_BENCH_SEGMENTS", "200"))
MAJOR = 15
GOAL = "<= 1.15"
ENTRIES = 100_000
_LIMIT_S = 900
_ELAPSED = re.compile(r"redo done at .* elapsed: ([\d.]+) s")


def run(console: Console) -> None:
    folder = ROOT / f"replay-{SEGMENTS}"
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder)
    source = LocalCluster(folder / "source" / "data", PostgresPrograms.find(MAJOR))
    with bench_cloud() as cloud:
        source.start()
        try:
            site = bench_site(cloud, source)
        finally:
            source.stop()
        _push(site, folder)
        commands = {"cp": f"cp {folder}/wal/%f %p", "muniment wal fetch": fetch_command(site.firm.id, "primary")}
        os.environ.update({**site_env(site), "MUNIMENT_REGISTRY": str(_registry(site, folder))})
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, command in commands.items():
                times[name].append(_replay(folder, command))
        _show(console, times)


def _make(folder: Path) -> None:
    """Once, because it takes minutes: a base backup, and as many full segments behind it as are measured."""
    wal, programs = folder / "wal", PostgresPrograms.find(MAJOR)
    wal.mkdir(parents=True)
    wal.chmod(0o777)
    source = LocalCluster(folder / "source" / "data", programs)
    source.create()
    source.configure({**SETTINGS, "archive_command": f"cp %p {wal}/%f", "autovacuum": True, "fsync": False})
    source.start()
    try:
        _fill(source)
        how = ["-D", str(folder / "base"), "-X", "none", "-c", "fast", "--no-sync"]
        programs.run("pg_basebackup", "-d", source.conninfo(), *how, timeout_s=_LIMIT_S)
        _change(source, wal)
    finally:
        source.stop()
    (folder / "made").touch()


def _fill(source: LocalCluster) -> None:
    with psycopg.connect(source.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE TABLE entry (id int PRIMARY KEY, matter int, amount numeric, narrative text)")
        connection.execute(
            "INSERT INTO entry SELECT n, n %% 977, n / 7.0, repeat(md5(n::text), 4) FROM generate_series(1, %s) n",
            (ENTRIES,),
        )


def _change(source: LocalCluster, wal: Path) -> None:
    """Small changes to many rows, as a practice's day is."""
    with psycopg.connect(source.conninfo(), autocommit=True) as connection:
        first = len(list(wal.iterdir()))
        while len(list(wal.iterdir())) < first + SEGMENTS:
            connection.execute("UPDATE entry SET amount = amount + 1 WHERE id % 4 = (random() * 3)::int")
        connection.execute("SELECT pg_switch_wal()")
    eventually(lambda: not list((source.data_dir / "pg_wal" / "archive_status").glob("*.ready")), timeout_s=_LIMIT_S)


def _push(site: Site, folder: Path) -> None:
    pusher = open_pusher(site.primary, site.policy, WalSpool(folder / "push", site.firm.id), clock=utc_now)
    with ThreadPoolExecutor(CORES) as pool:
        list(pool.map(pusher.push, sorted((folder / "wal").glob("[0-9A-F]" * 24))))


def _registry(site: Site, folder: Path) -> Path:
    return write_registry(site, folder / f"registry-{uuid4().hex[:8]}")


def _replay(folder: Path, command: str) -> float:
    """Seconds of redo, of a fresh copy of the base backup."""
    place = folder / "replayed"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(folder / "base", place / "data")
    cluster = LocalCluster(place / "data", PostgresPrograms.find(MAJOR))
    shutil.copy(folder / "source" / LocalCluster(folder / "source" / "data", cluster.programs).passfile.name, place)
    with (cluster.data_dir / "postgresql.auto.conf").open("a") as settings:
        settings.write(settings_file({"recovery_target_timeline": "latest"}, command))
    (cluster.data_dir / "recovery.signal").touch()
    cluster.start(enforced={"hot_standby": False}, timeout_s=_LIMIT_S)
    try:
        eventually(partial(_elapsed, cluster), timeout_s=_LIMIT_S)
        return float(_elapsed(cluster) or 0)
    finally:
        cluster.stop("immediate")
        shutil.rmtree(place)


def _elapsed(cluster: LocalCluster) -> str | None:
    found = _ELAPSED.search(cluster.log_path.read_text())
    return found[1] if found else None


def _show(console: Console, times: dict[str, list[float]]) -> None:
    load = f"{ROUNDS} rounds in turns, medians; load {os.getloadavg()[0]:.1f} on {CORES} cores"
    table = Table(title=f"replay of {SEGMENTS} segments of 16 MiB: {load}")
    for heading in ("", "time", "of cp's", "goal"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, seconds in times.items():
        ratios = [ours / cp for ours, cp in zip(seconds, times["cp"], strict=True)]
        cells = (f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})", GOAL)
        table.add_row(name, f"{statistics.median(seconds):.1f} s", *(cells if name != "cp" else ("", "")))
    console.print(table)
