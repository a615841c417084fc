"""Who keeps a staging: one process at a time, by its pid."""

import os
import subprocess
import sys
from pathlib import Path

from muniment.adapters.staging.records import StagingFolder
from tests.fixtures.clusters import ROOT

KEEP = """
import os, sys
from pathlib import Path
from muniment.adapters.staging.records import StagingFolder
print(StagingFolder(Path(sys.argv[1])).take_keeping(), os.getpid(), flush=True)
"""


def keeper(place: Path) -> tuple[bool, str]:
    """Whether it became the keeper, and its pid; it has ended since."""
    argv = [sys.executable, "-c", KEEP, str(place)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True, env=dict(os.environ))
    became, pid = done.stdout.split()
    return became == "True", pid


def test_the_file_names_the_last_keeper_alone(tmp_path: Path) -> None:
    for _ in range(2):
        became, pid = keeper(tmp_path)
        assert became
        assert (tmp_path / "keeper").read_text() == pid


def test_there_is_one_keeper_at_a_time(tmp_path: Path) -> None:
    assert StagingFolder(tmp_path).take_keeping()
    assert keeper(tmp_path)[0] is False
    assert (tmp_path / "keeper").read_text() == str(os.getpid())
