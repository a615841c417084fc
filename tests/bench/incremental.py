"""An incremental backup after one page in a hundred has changed, beside the full one before it."""

import time

import psycopg
from rich.console import Console
from rich.table import Table

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.domain.units import human_size
from tests.bench.dataset import bench_cluster
from tests.bench.world import Measured, bench_cloud, bench_site, measured_backup

MAJOR = 17
# A page holds three notes: one note of each 300 is one page of a hundred.
ONE_NOTE_IN = 300


def run(console: Console) -> None:
    with bench_cluster(MAJOR) as cluster, bench_cloud() as cloud:
        site = bench_site(cloud, cluster)
        full = measured_backup(site, full=True)
        changed = change(cluster)
        incremental = measured_backup(site, full=False)
    table = Table(title=f"after {changed} of all pages were changed")
    for heading in ("", "time", "from the server", "stored", "of the full one", "peak memory"):
        table.add_column(heading, justify="left" if not heading else "right")
    table.add_row("full", *_cells(full, full))
    table.add_row("incremental", *_cells(incremental, full))
    console.print(table)


def change(cluster: LocalCluster) -> str:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        changed = connection.execute("UPDATE note SET author = author + 1 WHERE id %% %s = 0", (ONE_NOTE_IN,)).rowcount
        row = connection.execute("SELECT pg_relation_size('note') / current_setting('block_size')::int").fetchone()
        assert row is not None
        connection.execute("CHECKPOINT")
        wait_for_summarizer(connection)
        return f"{changed / row[0]:.1%}"


def wait_for_summarizer(connection: psycopg.Connection[tuple[int]], deadline_s: float = 60) -> None:
    """The server would wait as well; that is the summarizer's time and not the backup's."""
    until = time.monotonic() + deadline_s
    while time.monotonic() < until:
        done = connection.execute(
            "SELECT summarized_lsn >= (SELECT redo_lsn FROM pg_control_checkpoint()) FROM pg_get_wal_summarizer_state()"
        ).fetchone()
        if done and done[0]:
            return
        time.sleep(0.1)
    message = f"the wal summarizer has not reached the last checkpoint in {deadline_s} s"
    raise TimeoutError(message)


def _cells(measured: Measured, full: Measured) -> tuple[str, ...]:
    return (
        f"{measured.seconds:.2f} s",
        human_size(measured.size_bytes),
        human_size(measured.stored_bytes),
        f"{measured.stored_bytes / full.stored_bytes:.1%}",
        human_size(measured.peak_bytes),
    )
