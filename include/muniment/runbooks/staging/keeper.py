"""``python -m muniment.runbooks.staging.keeper FOLDER``: the keeper of one staging, in a session of its own."""

import sys
from pathlib import Path

from muniment.adapters.host.daemon import become_daemon
from muniment.adapters.staging.records import StagingFolder
from muniment.ports import utc_now
from muniment.runbooks.staging.lifetime import keep


def main(folder: StagingFolder) -> None:
    become_daemon()
    if folder.take_keeping():
        keep(folder, utc_now)


if __name__ == "__main__":
    main(StagingFolder(Path(sys.argv[1])))
