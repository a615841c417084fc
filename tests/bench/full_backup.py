"""A full backup beside pg_basebackup and pgBackRest: the same cluster, the same two cores, in turns.

Ours is encrypted and uploaded to the cloud, which runs on the same cores; the peers write to the local disk.
"""

import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.postgres.base_backup import open_base_backup
from muniment.adapters.site.site import Site
from muniment.domain.units import human_size
from muniment.domain.vault.registers import Tablespace
from muniment_demo.cloud import Cloud
from tests.bench.dataset import ROOT, bench_cluster
from tests.bench.world import bench_cloud, bench_site, empty_vault, measured_backup, with_base_backups

ROUNDS = int(os.environ.get("MUNIMENT_BENCH_ROUNDS", "3"))
CORES = len(os.sched_getaffinity(0))
# The only one whose PostgreSQL and pg_basebackup know zstd.
MAJOR = 15
TARGETS = {"pg_basebackup": 1.1, "pgBackRest": 0.6}


@dataclass(frozen=True, slots=True)
class Sample:
    """``cpu_s`` is the program's own, without PostgreSQL's; ``peak_bytes`` of its largest process."""

    seconds: float
    cpu_s: float
    peak_bytes: int
    stored_bytes: int
    cloud_cpu_s: float = 0


type Runner = Callable[[], Sample]


class Nowhere:
    """Takes an archive and forgets it."""

    def begin_archive(self, name: str, tablespace: Tablespace | None) -> None: ...

    def write(self, piece: memoryview) -> None: ...


def run(console: Console) -> None:
    folder = ROOT / "peers"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with bench_cluster(MAJOR) as cluster, bench_cloud() as cloud:
        site = bench_site(cloud, cluster)
        runners: dict[str, Runner | None] = {
            "BASE_BACKUP to nowhere": lambda: nowhere(site),
            "pg_basebackup": lambda: pg_basebackup(cluster, folder / "tar"),
            "muniment": lambda: muniment(cloud, site),
            "pgBackRest": prepared_pgbackrest(cluster, folder),
            "muniment, zstd -1": lambda: muniment(cloud, with_base_backups(site, zstd_level=1)),
        }
        samples = in_turns(runners)
        show(console, samples, [name for name, runner in runners.items() if runner is None], size_of(cluster))
    shutil.rmtree(folder)


def in_turns(runners: dict[str, Runner | None]) -> dict[str, list[Sample]]:
    """Round by round, so that what else happens on the machine strikes all of them alike."""
    samples: dict[str, list[Sample]] = {name: [] for name, runner in runners.items() if runner}
    for _ in range(ROUNDS):
        for name, runner in runners.items():
            if runner:
                samples[name].append(runner())
    return samples


def show(console: Console, samples: dict[str, list[Sample]], missing: list[str], size_bytes: int) -> None:
    load = f"{ROUNDS} rounds in turns, medians; load {os.getloadavg()[0]:.1f} on {CORES} cores"
    table = Table(title=f"full backup of {human_size(size_bytes)}: {load}")
    for heading in ("", "time", "muniment is", "goal", "CPU", "the store's CPU", "stored", "peak memory"):
        table.add_column(heading, justify="left" if not heading else "right")
    ours = samples["muniment"]
    for name, runs in samples.items():
        table.add_row(name, seconds(runs), *compared(name, ours, runs), *_costs(runs))
    for name in missing:
        table.add_row(name, "not installed")
    console.print(table)


def seconds(runs: list[Sample]) -> str:
    times = [run.seconds for run in runs]
    return f"{statistics.median(times):.2f} s ({min(times):.2f} to {max(times):.2f})"


def compared(name: str, ours: list[Sample], theirs: list[Sample]) -> tuple[str, str]:
    if name.startswith("muniment"):
        return "", ""
    ratios = [own.seconds / other.seconds for own, other in zip(ours, theirs, strict=True)]
    goal = f"<= {TARGETS[name]}" if name in TARGETS else ""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})", goal


def _costs(runs: list[Sample]) -> tuple[str, str, str, str]:
    middle = statistics.median
    cloud = middle(run.cloud_cpu_s for run in runs)
    return (
        f"{middle(run.cpu_s for run in runs):.2f} s",
        f"{cloud:.2f} s" if cloud else "",
        human_size(middle(run.stored_bytes for run in runs)),
        human_size(max(run.peak_bytes for run in runs)),
    )


def nowhere(site: Site) -> Sample:
    began, cpu = time.monotonic(), time.process_time()
    with open_base_backup(site.postgres) as stream:
        stream.start("bench")
        stream.receive(Nowhere())
    return Sample(time.monotonic() - began, time.process_time() - cpu, 0, 0)


def muniment(cloud: Cloud, site: Site) -> Sample:
    before = cpu_of(cloud.pid)
    done = measured_backup(site, full=True)
    sample = Sample(done.seconds, done.cpu_s, done.peak_bytes, done.stored_bytes, cpu_of(cloud.pid) - before)
    empty_vault(cloud, site)
    return sample


def pg_basebackup(cluster: LocalCluster, folder: Path) -> Sample:
    shutil.rmtree(folder, ignore_errors=True)
    argv = cluster.programs.argv("pg_basebackup", "--dbname", cluster.conninfo(), "--pgdata", folder)
    argv += ["-Ft", "-X", "none", "--checkpoint=fast", f"--compress=client-zstd:level=3,workers={CORES}"]
    return timed(argv, {}, folder)


def prepared_pgbackrest(cluster: LocalCluster, folder: Path) -> Runner | None:
    """Its stanza, made once; ``None`` where it is not installed and cannot be."""
    if not shutil.which("pgbackrest") and os.geteuid() == 0:
        subprocess.run(["apt-get", "install", "-y", "pgbackrest"], check=False, capture_output=True)
    if not shutil.which("pgbackrest"):
        return None
    config, repository = folder / "pgbackrest.conf", folder / "repository"
    config.write_text(pgbackrest_config(cluster, folder, repository))
    # Without a socket path it leaves the host to libpq, and libpq to the environment.
    env = {"PGHOST": "127.0.0.1", "PGPASSFILE": str(cluster.passfile)}
    pgbackrest = ["pgbackrest", f"--config={config}", "--stanza=bench"]
    subprocess.run([*pgbackrest, "stanza-create"], check=True, env={**os.environ, **env}, stdout=subprocess.DEVNULL)
    return lambda: timed([*pgbackrest, "--type=full", "--no-archive-check", "backup"], env, repository / "backup")


def pgbackrest_config(cluster: LocalCluster, folder: Path, repository: Path) -> str:
    lines = [
        "[global]",
        f"repo1-path={repository}",
        "repo1-cipher-type=aes-256-cbc",
        "repo1-cipher-pass=bench-bench-bench-bench-bench",
        "repo1-bundle=y",
        "repo1-retention-full=1",
        f"process-max={CORES}",
        "compress-type=zst",
        "compress-level=3",
        "start-fast=y",
        "log-level-console=error",
        "log-level-file=off",
        f"lock-path={folder}",
        f"log-path={folder}",
        f"spool-path={folder}",
        "[bench]",
        f"pg1-path={cluster.data_dir}",
        f"pg1-port={cluster.port}",
        "pg1-user=postgres",
    ]
    return "\n".join(lines) + "\n"


def timed(argv: list[str], env: dict[str, str], stored: Path) -> Sample:
    began = time.monotonic()
    process = subprocess.Popen(argv, env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    if status:
        message = f"{argv[0]} ended with {os.waitstatus_to_exitcode(status)}: {said}"
        raise RuntimeError(message)
    return Sample(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, stored_bytes(stored))


def stored_bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def size_of(cluster: LocalCluster) -> int:
    return stored_bytes(cluster.data_dir) - stored_bytes(cluster.data_dir / "pg_wal")


def cpu_of(pid: int) -> float:
    """User and system time of a running process, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
