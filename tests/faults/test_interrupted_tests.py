"""A test run that is interrupted, however, leaves no server and no shared memory behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from muniment.adapters.host import processes
from muniment.adapters.host.shared_memory import segments_of
from tests.fixtures.clusters import ROOT
from tests.support.shared_memory import NOTHING, left_of
from tests.support.wal import eventually

pytestmark = pytest.mark.timeout(540)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda each: each.name)
def test_an_interrupted_test_run_leaves_nothing_running(how: signal.Signals, tmp_path: Path) -> None:
    with waiting_run(tmp_path / "data_dir") as (run, data_dir):
        segments = segments_of(data_dir)
        assert segments
        assert processes.working_in(data_dir)
        run.send_signal(how)
    eventually(lambda: not processes.working_in(data_dir))
    eventually(lambda: left_of(segments) == NOTHING)
    eventually(lambda: not data_dir.parent.parent.exists())


def test_what_a_run_leaves_that_vanished_with_its_reaper_is_ended_by_the_next(tmp_path: Path) -> None:
    with waiting_run(tmp_path / "first") as (run, left):
        segments = segments_of(left)
        assert segments
        reapers = [pid for pid in processes.descendants(run.pid) if b"tests.support.reaper" in command_line(pid)]
        assert len(reapers) == 1
        processes.send([*reapers, run.pid], signal.SIGKILL)
    with waiting_run(tmp_path / "second") as (run, own):
        assert processes.working_in(own)
        eventually(lambda: not left.parent.parent.exists())
        assert not processes.working_in(left)
        assert left_of(segments) == NOTHING
        run.send_signal(signal.SIGINT)


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@contextmanager
def waiting_run(told: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A test run with a server, and that one's data directory; it is waited for at the end."""
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/faults/interrupted.py"]
    environment = {**os.environ, "MUNIMENT_TELL": str(told)}
    with subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as run:
        eventually(lambda: told.exists() and bool(told.read_text()))
        yield run, Path(told.read_text())
