import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from muniment.adapters.host import processes
from muniment.adapters.host.programs import PostgresPrograms
from tests.fixtures.clusters import ROOT, ClusterFactory

SLEEP = "import time; time.sleep(60)"


def test_a_process_is_known_by_its_folder(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEP], cwd=tmp_path) as child:
        assert processes.runs_in(child.pid, tmp_path)
        assert not processes.runs_in(child.pid, tmp_path.parent)
        assert processes.working_in(tmp_path) == [child.pid]
        assert not processes.has_gone(child.pid, tmp_path, timeout_s=0.05)
        processes.send([child.pid], signal.SIGKILL)
        assert processes.has_gone(child.pid, tmp_path, timeout_s=360)
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


TELL = "from muniment.adapters.host import processes; print(processes.own_identity(), flush=True); input()"


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


UNPRIVILEGED = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace", "--ambient-caps=-all"]
SOMEBODY = ["setpriv", "--reuid=1", "--regid=1", "--clear-groups", "--inh-caps=+dac_override"]
SOMEBODY += ["--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup"]
LOOK = """
from pathlib import Path
from muniment.adapters.cut_over import live_host
from muniment.adapters.host import processes
running, stopped = Path({running!r}), Path({stopped!r})
try:
    Path("/proc/{pid}/cwd").stat()
except PermissionError:
    print("may not look")
except FileNotFoundError:
    pass
pids = [live_host.postmaster_of(place) or 0 for place in (running, stopped)]
print([pid > 0 and processes.runs_in(pid, place) for pid, place in zip(pids, (running, stopped))])
print([{pid} in processes.working_in(place) for place in (running, stopped)])
print([live_host.runs_at(place) for place in (running, stopped)])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may hide processes")
def test_a_server_that_proc_hides_counts_as_running(
    cluster_factory: ClusterFactory, programs17: PostgresPrograms
) -> None:
    """``hidepid=2``: other users' processes are not even listed."""
    running, stopped = cluster_factory(programs17), cluster_factory(programs17)
    stopped.stop()
    look = LOOK.format(pid=running.pid, running=str(running.data_dir), stopped=str(stopped.data_dir))
    hidden = 'mount -t proc -o hidepid=2 proc /proc && exec "$@"'
    argv = ["unshare", "--mount", "sh", "-c", hidden, "sh", *SOMEBODY, sys.executable, "-c", look]
    seen = subprocess.run(argv, capture_output=True, text=True, check=True)
    alive, listed, at = seen.stdout.splitlines()
    assert (alive, listed, at) == ("[True, False]", "[False, False]", "[True, False]")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user's processes on its hands")
def test_a_server_that_we_may_not_look_at_counts_as_running(
    cluster_factory: ClusterFactory, programs17: PostgresPrograms
) -> None:
    """Root without CAP_SYS_PTRACE, which is how Docker starts a container; beside it a cluster that is stopped."""
    running, stopped = cluster_factory(programs17), cluster_factory(programs17)
    stopped.stop()
    look = LOOK.format(pid=running.pid, running=str(running.data_dir), stopped=str(stopped.data_dir))
    seen = subprocess.run([*UNPRIVILEGED, sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert seen.stdout.splitlines() == ["may not look", *["[True, False]"] * 3]
    (running.data_dir / "postmaster.pid").rename(running.data_dir / "lost.pid")
    seen = subprocess.run([*UNPRIVILEGED, sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert seen.stdout.splitlines()[-1] == "[True, False]"
    (running.data_dir / "lost.pid").rename(running.data_dir / "postmaster.pid")
