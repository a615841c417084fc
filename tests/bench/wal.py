"""WAL push: seconds from "N full segments are ready" to "the archiver has them all", each program as in production.

PostgreSQL's own archiver calls archive_command segment by segment; what a program does beside that (a batch, a process
behind it) counts. pgBackRest writes to a local folder, the others upload to the same S3 server on the same cores.
"""

import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree, which

from rich.console import Console
from rich.table import Table

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment_demo.cloud import ROOT as ROOT_KEY
from muniment_demo.cloud import Cloud
from tests.bench.dataset import ROOT, ROWS, SETTINGS, fill
from tests.bench.world import bench_cloud, bench_site
from tests.support.wal import archive_with, muniment_script, status_files

# What ROWS notes write: about 60 segments of 16 MiB, all of them full.
WAL_KEPT = "4GB"
MAJOR = 15
_LIMIT_S = 600
_ENVIRONMENT = ROOT / "barman-venv"


@dataclass(frozen=True, slots=True)
class Contender:
    name: str
    command: str
    what: str


def run(console: Console) -> None:
    folder = ROOT / "wal"
    rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    cluster = LocalCluster(folder / "data", PostgresPrograms.find(MAJOR))
    try:
        with bench_cloud() as cloud:
            _start(cluster)
            table = Table("archive_command", "segments", "seconds", "segments/s", "what it does")
            for make in (_ours, _barman, _pgbackrest_async, _pgbackrest):
                contender = make(cloud, cluster, folder)
                if contender is not None:
                    seconds, count = _measure(cluster, contender.command)
                    table.add_row(
                        contender.name, str(count), f"{seconds:.1f}", f"{count / seconds:.1f}", contender.what
                    )
            console.print(table)
    finally:
        cluster.kill()
        rmtree(folder)


def _start(cluster: LocalCluster) -> None:
    """Keeps every segment in pg_wal, so that each program gets the same ones."""
    cluster.create()
    cluster.configure({**SETTINGS, "archive_command": "/bin/false", "wal_keep_size": WAL_KEPT, "fsync": False})
    cluster.start()
    fill(cluster, ROWS)


def _measure(cluster: LocalCluster, command: str) -> tuple[float, int]:
    """Marks what was archived as ready again, then hands it to ``command``."""
    archive_with(cluster, "/bin/false")
    status = cluster.data_dir / "pg_wal" / "archive_status"
    for done in status.glob("*.done"):
        done.rename(done.with_suffix(".ready"))
    count = len(status_files(cluster, "ready"))
    time.sleep(4)  # the three failures of /bin/false are over: the archiver sleeps until it is told to reload
    began = time.monotonic()
    archive_with(cluster, command)
    while status_files(cluster, "ready"):
        if time.monotonic() - began > _LIMIT_S:
            left = len(status_files(cluster, "ready"))
            log = cluster.log_path.read_text()[-2000:]
            message = f"{command.split(maxsplit=1)[0]} left {left} segments after {_LIMIT_S} s:\n{log}"
            raise TimeoutError(message)
        time.sleep(0.02)
    return time.monotonic() - began, count


def _ours(cloud: Cloud, cluster: LocalCluster, folder: Path) -> Contender:
    scripts = folder / "ours"
    scripts.mkdir()
    script = muniment_script(bench_site(cloud, cluster), scripts, warm=False)
    return Contender("muniment wal push", f"{script} wal push %p", "zstd-3, AWS Encryption SDK, KMS, SSE-KMS, S3")


def _barman(cloud: Cloud, cluster: LocalCluster, folder: Path) -> Contender:
    if not (_ENVIRONMENT / "bin" / "barman-cloud-wal-archive").exists():
        subprocess.run([sys.executable, "-m", "venv", _ENVIRONMENT], check=True)
        subprocess.run([_ENVIRONMENT / "bin" / "pip", "install", "-q", "barman[cloud]", "zstandard"], check=True)
    cloud.client("s3").create_bucket(Bucket="barman")
    key = cloud.create_key("us-east-1", "barman")
    environment = {
        "AWS_ACCESS_KEY_ID": ROOT_KEY.access_key_id,
        "AWS_SECRET_ACCESS_KEY": ROOT_KEY.secret_access_key.reveal(),
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    script = folder / "barman.sh"
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    program = _ENVIRONMENT / "bin" / "barman-cloud-wal-archive"
    options = f"--endpoint-url {cloud.endpoint_url} --zstd -e aws:kms --sse-kms-key-id {key} s3://barman bench"
    script.write_text(f'#!/bin/sh\n{exports}exec {program} {options} "$1"\n')
    script.chmod(0o755)
    return Contender("barman-cloud-wal-archive", f"{script} %p", "zstd, SSE-KMS, S3; a process a segment")


def _pgbackrest(cloud: Cloud, cluster: LocalCluster, folder: Path, *, is_async: bool = False) -> Contender | None:
    if which("pgbackrest") is None:
        return None
    name = "async" if is_async else "sync"
    home = folder / f"pgbackrest-{name}"
    home.mkdir()
    home.chmod(0o777)
    configuration = home / "pgbackrest.conf"
    configuration.write_text(
        "[global]\n"
        f"repo1-path={home}/repo\nlog-path={home}\nlock-path={home}/lock\nspool-path={home}/spool\n"
        "repo1-cipher-type=aes-256-cbc\nrepo1-cipher-pass=bench\ncompress-type=zst\ncompress-level=3\n"
        f"process-max=2\nlog-level-console=warn\narchive-async={'y' if is_async else 'n'}\n"
        f"[bench]\npg1-path={cluster.data_dir}\n"
    )
    command = f"pgbackrest --config={configuration} --stanza=bench"
    subprocess.run([*command.split(), "--no-online", "stanza-create"], check=True)
    subprocess.run(["chmod", "-R", "a+rwX", home], check=True)
    what = "zstd-3, AES, a local folder" + ("; a process behind it pushes two at once" if is_async else "")
    return Contender(f"pgbackrest archive-push ({name})", f"{command} archive-push %p", what)


def _pgbackrest_async(cloud: Cloud, cluster: LocalCluster, folder: Path) -> Contender | None:
    return _pgbackrest(cloud, cluster, folder, is_async=True)
