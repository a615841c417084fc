"""A cluster of at least 1 GB of text, the same for every program that is measured."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pydoc_data.topics import topics
from shutil import rmtree

import psycopg

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms

ROOT = Path(__file__).resolve().parents[2] / ".muniment" / "bench"
ROWS = int(os.environ.get("MUNIMENT_BENCH_ROWS", "400000"))
# Text that is written once and inserted again and again. A copy comes back only after this many rows, 40 MB on: far
# outside the 2 MiB that zstd -3 looks back, so no program finds the repetition.
_DISTINCT_ROWS = 20_000
_WORDS_A_ROW = 320
_WORDS_A_PHRASE = 2, 10
SETTINGS: dict[str, str | int | bool] = {
    "wal_level": "replica",
    "archive_mode": "on",
    "archive_command": "/bin/true",
    "max_wal_senders": 5,
    "shared_buffers": "128MB",
    "max_wal_size": "4GB",
    "autovacuum": False,
    "fsync": True,
}


@contextmanager
def bench_cluster(major: int, rows: int = ROWS) -> Iterator[LocalCluster]:
    """A running cluster with ``rows`` notes of about 2 KB; removed at the end."""
    programs = PostgresPrograms.find(major)
    folder = ROOT / f"pg{major}"
    rmtree(folder, ignore_errors=True)
    cluster = LocalCluster(folder / "data", programs)
    cluster.create()
    cluster.configure(SETTINGS | ({"summarize_wal": True} if major >= 17 else {}))
    cluster.start()
    try:
        fill(cluster, rows)
        yield cluster
    finally:
        cluster.stop("immediate")
        rmtree(folder)


def fill(cluster: LocalCluster, rows: int) -> None:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE TABLE note (id bigint PRIMARY KEY, author int, written timestamptz, body text)")
        connection.execute("ALTER TABLE note ALTER body SET STORAGE PLAIN")
        with connection.cursor().copy("COPY note FROM STDIN") as copy:
            for row in _notes(_DISTINCT_ROWS):
                copy.write_row(row)
        for first in range(_DISTINCT_ROWS, rows, _DISTINCT_ROWS):
            connection.execute(
                "INSERT INTO note SELECT id + %s, author, written + interval '1 day', body FROM note WHERE id < %s",
                (first, _DISTINCT_ROWS),
            )
        connection.execute("VACUUM FREEZE note")
        connection.execute("CHECKPOINT")


def _notes(count: int) -> Iterator[tuple[int, int, str, str]]:
    """Runs of words from Python's own documentation: as in people's notes, phrases come back."""
    words = " ".join(topics.values()).split()
    chance = random.Random(20261120)
    for number in range(count):
        body = " ".join(_phrases(words, chance))
        yield number, chance.randrange(400), f"2026-{chance.randrange(1, 13):02d}-17 09:30+00", body


def _phrases(words: list[str], chance: random.Random) -> Iterator[str]:
    left = _WORDS_A_ROW
    while left > 0:
        length = min(chance.randint(*_WORDS_A_PHRASE), left)
        begin = chance.randrange(len(words) - length)
        yield from words[begin : begin + length]
        left -= length
