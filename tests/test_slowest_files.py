"""What `.ci/run` prints before pytest's closing line: the files that took longest, and the CPU time of it all."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.clusters import ROOT

# Two CPU-seconds, in a process of the test's own.
BUSY = """
import subprocess, sys

def test_busy():
    burn = "import time\\nwhile time.process_time() < 2: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
"""


@pytest.mark.parametrize("workers", [["-p", "no:xdist"], ["-n", "2", "--dist", "loadfile"]], ids=["alone", "workers"])
def test_both_come_before_pytests_closing_line(tmp_path: Path, workers: list[str]) -> None:
    for name, text in (("busy", BUSY), ("quick", "def test_quick(): pass"), ("quicker", "def test_quicker(): pass")):
        (tmp_path / f"test_{name}.py").write_text(text)
    argv = [sys.executable, "-m", "pytest", "-p", "tests.fixtures.slowest_files", "--slowest-files", "2", *workers]
    done = subprocess.run(
        [*argv, "--rootdir", str(tmp_path), "-c", os.devnull, str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=360,
        check=False,
    )
    *_, title, first, second, total, closing = filter(None, done.stdout.splitlines())
    assert " 2 slowest files " in title, done.stdout + done.stderr
    assert first.endswith(" s  test_busy.py")
    assert re.search(r" s  test_quick(er)?\.py$", second)
    minutes = re.fullmatch(r" +([0-9.]+) CPU-minutes in all", total)
    assert minutes is not None
    assert float(minutes[1]) * 60 >= 2
    assert " 3 passed in " in closing
