import signal
import subprocess
import sys
from pathlib import Path

from include.muniment.adapters import processes
from tests.fixtures.clusters import ROOT

SLEEP = "import time; time.sleep(60)"


def test_a_process_is_known_by_its_folder(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEP], cwd=tmp_path) as child:
        assert processes.runs_in(child.pid, tmp_path)
        assert not processes.runs_in(child.pid, tmp_path.parent)
        assert processes.working_in(tmp_path) == [child.pid]
        assert not processes.has_gone(child.pid, tmp_path, timeout_s=0.05)
        processes.send([child.pid], signal.SIGKILL)
        assert processes.has_gone(child.pid, tmp_path, timeout_s=10)
    processes.send([child.pid], signal.SIGKILL)


def test_descendants_are_children_and_theirs() -> None:
    grandchild = f"import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); {SLEEP}'])"
    with subprocess.Popen([sys.executable, "-c", grandchild], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        below = processes.descendants(child.pid)
        assert len(below) == 1
        processes.send([child.pid, *below], signal.SIGKILL)
    assert processes.descendants(child.pid) == []


TELL = "from include.muniment.adapters import processes; print(processes.own_identity(), flush=True); input()"


def test_whether_a_process_still_runs_is_told_where_it_ran_and_nowhere_else() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", TELL], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        identity = child.stdout.readline().strip()
        assert processes.still_runs(identity) is True
        world, pid, started = identity.rsplit(" ", 2)
        assert processes.still_runs(f"{world} {pid} {int(started) + 1}") is False  # its pid is another's by now
        child.kill()
        child.wait()
        assert processes.still_runs(identity) is False
    assert processes.still_runs(f"another boot, or container {pid} {started}") is None
