"""A drill's scratch folder: what a killed drill left is removed by the next one, what a running one holds is not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.host.shared_memory import segments_of
from muniment.runbooks.drill.restore import scratch_folder
from tests.fixtures.clusters import ROOT
from tests.support.shared_memory import NOTHING, left_of

HOLD = """
import sys, time
from pathlib import Path
from muniment.runbooks.drill.restore import scratch_folder
with scratch_folder(Path(sys.argv[1]), "alder", "20261120T083000123Z") as scratch:
    print(scratch.root, flush=True)
    time.sleep(600)
"""


def test_what_a_killed_drill_left_is_removed_by_the_next(tmp_path: Path, programs17: PostgresPrograms) -> None:
    held = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert held.stdout is not None
    left = Path(held.stdout.readline().strip())
    with scratch_folder(tmp_path, "alder", "20261120T083000124Z") as own:
        assert {left, own.root} == set(tmp_path.iterdir())
    cluster = LocalCluster(left / "data", programs17)
    cluster.create(sync=False)
    cluster.start()
    pid = cluster.pid
    held.send_signal(signal.SIGKILL)
    held.wait()
    held.stdout.close()
    script = subprocess.Popen(["sleep", "600"], cwd=_made(left / "kit"))
    by_kit = LocalCluster(_made(left / "kit" / "cluster") / "data", programs17)
    by_kit.create(sync=False)
    by_kit.start()
    assert by_kit.is_running
    memory = [segments_of(each.data_dir) for each in (cluster, by_kit)]
    with scratch_folder(tmp_path, "alder-2", "20261120T083000125Z"):
        assert left.exists()
    with scratch_folder(tmp_path, "alder", "20261120T083000126Z") as own:
        assert set(tmp_path.iterdir()) == {own.root}
    assert script.wait() == -signal.SIGKILL
    assert not by_kit.is_running
    for segments in memory:
        assert segments
        assert left_of(segments) == NOTHING
    assert pid
    stat = Path(f"/proc/{pid}/stat")
    assert not stat.exists() or " Z " in stat.read_text()  # ended, where nobody has reaped it yet
    assert list(tmp_path.iterdir()) == []


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
