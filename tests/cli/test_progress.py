"""Bars on a terminal, lines elsewhere; both from any thread."""

import os
import pty
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from muniment.adapters.progress_lines import LineProgress
from muniment.domain.progress import Pace, Unit
from tests.fixtures.clusters import ROOT

WORK = """
from muniment.cli.progress import progress_on_stderr
with progress_on_stderr() as progress:
    progress.note("recovery point 1 begins")
    with progress.step("base backup", 4 * 2**20, "bytes") as step:
        for _ in range(4):
            step.advance(2**20)
"""


@pytest.mark.parametrize(
    ("done", "total", "unit", "elapsed_s", "text"),
    [
        (2**30, 4 * 2**30, "bytes", 8.0, "1.0 GiB of 4.0 GiB (25 %), 128.0 MiB/s, 24.0 s left"),
        (2**30, None, "bytes", 8.0, "1.0 GiB, 128.0 MiB/s"),
        (1200, 4000, "objects", 60.0, "1,200 objects of 4,000 objects (30 %), 20 objects/s, 2 min 20 s left"),
        (0, 7, "segments", 0.0, "0 segments of 7 segments (0 %), 0 segments/s"),
        (7, 7, "segments", 1.0, "7 segments of 7 segments (100 %), 7 segments/s"),
    ],
)
def test_a_line_says_how_far_how_fast_and_how_long(
    done: int, total: int | None, unit: Unit, elapsed_s: float, text: str
) -> None:
    assert str(Pace(done, total, unit, elapsed_s)) == text


def test_a_step_that_does_not_move_still_speaks() -> None:
    lines: list[str] = []
    with LineProgress(lines.append, every_s=0.02).step("verify", 100, "objects"):
        while len(lines) < 3:
            time.sleep(0.02)
    assert lines[0] == "verify: 0 objects of 100 objects (0 %), 0 objects/s"
    assert lines[-1].startswith("verify: 0 objects in ")


def test_steps_count_from_many_threads_and_correct_their_total() -> None:
    lines: list[str] = []
    with LineProgress(lines.append).step("copy", None, "objects") as step, ThreadPoolExecutor(8) as pool:
        step.expect(8000)
        for _ in range(8000):
            pool.submit(step.advance, 1)
    assert lines[-1].startswith("copy: 8,000 objects in ")


def test_a_failed_step_does_not_claim_to_be_done() -> None:
    lines: list[str] = []
    with pytest.raises(OSError, match="gone"), LineProgress(lines.append).step("copy", 10, "objects"):
        raise OSError("gone")
    assert lines == []


def test_lines_where_nobody_looks() -> None:
    done = subprocess.run([sys.executable, "-c", WORK], cwd=ROOT, capture_output=True, text=True, check=True)
    note, summary = done.stderr.splitlines()
    assert note == "recovery point 1 begins"
    assert summary.startswith("base backup: 4.0 MiB in ")
    assert done.stdout == ""


def test_a_bar_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-c", WORK],
        cwd=ROOT,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
        check=True,
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # Linux's way to say that the other end is closed
        pass
    finally:
        os.close(ours)
    text = shown.decode()
    assert "recovery point 1 begins" in text
    assert "base backup" in text
    assert "4.0 MiB of 4.0 MiB (100 %)" in text
    assert "━━━" in text
