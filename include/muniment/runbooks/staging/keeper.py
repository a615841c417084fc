"""``python -m muniment.runbooks.staging.keeper FOLDER``: the keeper of one staging, in a session of its own.

The first process returns as soon as the second one is on its way, so whoever starts it waits for nobody.
"""

import fcntl
import os
import sys
from pathlib import Path

from muniment.adapters.staging.records import StagingFolder
from muniment.ports import utc_now
from muniment.runbooks.staging.lifetime import keep


def main(place: Path) -> None:
    if os.fork() != 0:
        os._exit(0)
    os.setsid()
    os.chdir("/")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    with (place / "keeper").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        lock.write(str(os.getpid()))
        lock.flush()
        keep(StagingFolder(place), utc_now)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
