"""A test run that is interrupted, however, leaves no server and no shared memory behind."""

import os
import signal
import subprocess
import sys
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
    told = tmp_path / "data_dir"
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/faults/interrupted.py"]
    environment = {**os.environ, "MUNIMENT_TELL": str(told)}
    with subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as run:
        eventually(lambda: told.exists() and bool(told.read_text()), timeout_s=180)
        data_dir = Path(told.read_text())
        segments = segments_of(data_dir)
        assert segments
        assert processes.working_in(data_dir)
        run.send_signal(how)
    eventually(lambda: not processes.working_in(data_dir), timeout_s=120)
    eventually(lambda: left_of(segments) == NOTHING, timeout_s=60)
    eventually(lambda: not data_dir.parent.parent.exists(), timeout_s=60)
