"""Ends what a test run has left when its process vanished: ``python -m tests.support.reaper FOLDER…``

pytest's own fixtures end what they have started, Ctrl-C included. SIGTERM, SIGKILL and a full memory leave them no
time. So a process of its own, which a signal to pytest's group does not reach, waits until nobody is at the other end
of its input any more; then it ends whatever works below the folders. Should it be killed as well, the next run does it:
each run's folders say whose they are.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from muniment.adapters.host import processes
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.lock_file import lock
from muniment.adapters.host.programs import PostgresPrograms

# In each of a run's folders: the identity of its process. In its own one, the other folders as well.
_OWNER = ".owner"


@contextmanager
def reaped(own: Path, *others: Path) -> Iterator[None]:
    """``own`` is removed as well should this process vanish."""
    identity = processes.own_identity()
    for folder in others:
        (folder / _OWNER).write_text(identity)
    (own / _OWNER).write_text("\n".join((identity, *map(str, others))))
    argv = [sys.executable, "-m", "tests.support.reaper", *map(str, (own, *others))]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, cwd=root, start_new_session=True) as reaper:
        yield
        assert reaper.stdin
        reaper.stdin.close()


def reap(folders: list[Path]) -> None:
    for data_dir in {cwd for _, cwd in _working_below(folders) if (cwd / "postmaster.pid").exists()}:
        LocalCluster(data_dir, PostgresPrograms.find()).end()
    for _ in range(10):  # one that is ending may have started another
        processes.send([pid for pid, _ in _working_below(folders)], signal.SIGKILL)
    shutil.rmtree(folders[0], ignore_errors=True)


def reap_earlier_runs(folder: Path) -> None:
    """Ends what is left of each run below ``folder`` whose process has vanished, and removes its own folder."""
    descriptor = lock(folder / ".lock")
    if descriptor is None:
        return  # another worker of this run is at it
    try:
        for told in folder.glob(f"*/{_OWNER}"):
            owner, *others = told.read_text().splitlines() or [""]
            if owner and processes.still_runs(owner) is False:
                # pytest numbers its folders: by now, one of this name may be another run's.
                reap([told.parent, *(Path(other) for other in others if _owner_of(Path(other)) == owner)])
    finally:
        os.close(descriptor)


def _owner_of(folder: Path) -> str:
    try:
        return (folder / _OWNER).read_text()
    except FileNotFoundError:
        return ""


def _working_below(folders: list[Path]) -> list[tuple[int, Path]]:
    """A folder that was removed under its process has its name still, and `` (deleted)`` behind it."""
    working = processes.working_folders()
    return [(pid, cwd) for pid, cwd in working if any(cwd.is_relative_to(folder) for folder in folders)]


if __name__ == "__main__":
    sys.stdin.buffer.read()
    reap([Path(argument) for argument in sys.argv[1:]])
