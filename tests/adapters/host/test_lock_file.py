"""One process at a time, and a lock that goes with whoever held it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from muniment.adapters.host.lock_file import is_locked, locked
from tests.fixtures.clusters import ROOT

HOLD = """
import sys, time
from pathlib import Path
from muniment.adapters.host.lock_file import locked
with locked(Path(sys.argv[1]), TimeoutError()):
    print("held", flush=True)
    time.sleep(600)
"""


class Busy(Exception):
    pass


def hold(path: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.stdout.close()
    return holder


@pytest.mark.parametrize("name", ["lock", "folder"])
def test_a_second_process_is_refused_until_the_first_one_is_killed(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    path, busy = tmp_path / name, Busy()
    holder = hold(path)
    assert is_locked(path)
    with pytest.raises(Busy) as refused, locked(path, busy):
        pass
    assert refused.value is busy
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with locked(path, busy):
        assert is_locked(path)
    assert not is_locked(path)


def test_whoever_is_patient_comes_in_when_the_first_one_has_gone(tmp_path: Path) -> None:
    holder = hold(tmp_path / "lock")
    subprocess.Popen(["sh", "-c", f"sleep 0.2; kill -9 {holder.pid}"]).wait()
    with locked(tmp_path / "lock", Busy(), patience_s=60):
        pass
    holder.wait()


def test_what_fails_while_it_is_held_is_not_taken_for_a_busy_lock(tmp_path: Path) -> None:
    with pytest.raises(BlockingIOError), locked(tmp_path / "lock", Busy()):
        raise BlockingIOError
    assert not is_locked(tmp_path / "lock")


def test_a_folder_that_has_gone_is_no_busy_lock(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked(tmp_path / "gone" / "lock", Busy(), patience_s=600):
        pass


def test_whoever_only_looks_makes_no_file(tmp_path: Path) -> None:
    """Else a folder that its owner removes at that moment would not be empty."""
    with pytest.raises(FileNotFoundError):
        is_locked(tmp_path / "lock")
    assert list(tmp_path.iterdir()) == []
