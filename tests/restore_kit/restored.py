"""What the engineer does after the kit has fetched."""

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import psycopg

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import as_unprivileged
from tests.support.wal import eventually


def finish(restored: LocalCluster, into: Path) -> None:
    """What step 6 of RESTORE.md says, as a user that PostgreSQL accepts."""
    for path in (into, *into.rglob("*")):
        restored._hand_over(path)
    here = os.path.relpath(restored.programs.bin_dir)  # as somebody types it who stands beside it
    argv = as_unprivileged(["sh", str(into / "finish.sh"), here])
    done = subprocess.run(argv, capture_output=True, text=True, timeout=360, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (start,) = [line for line in done.stdout.splitlines() if line.startswith("ready. Start it:")]
    program, _, place, *_ = shlex.split(start.removeprefix("ready. Start it:"))
    assert (program, place) == (str(restored.programs.bin_dir / "pg_ctl"), str(restored.data_dir))


def trusting(into: Path) -> Path:
    """LocalCluster speaks TCP alone; the kit's own settings let nobody in by it."""
    hba = into / "trust.hba"
    hba.write_text("host all all 127.0.0.1/32 trust\n")
    hba.chmod(0o644)
    return hba


def start_and_ask(restored: LocalCluster, query: str) -> Any:
    """The only row, once WAL is replayed: until then nobody is let in."""
    restored.start(enforced={"hba_file": str(trusting(restored.data_dir.parent)), "hot_standby": False})

    def answer() -> Any:
        try:
            with psycopg.connect(restored.conninfo(), autocommit=True) as connection:
                return connection.execute(query.encode()).fetchone()
        except psycopg.OperationalError:
            return None

    return eventually(answer)
