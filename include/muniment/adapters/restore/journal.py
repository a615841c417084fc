"""What a restore notes in the folder that it fills, so that one that was killed goes on.

It says whose folder this is; which files are whole, their checksums say.
"""

import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from muniment.adapters.host.durable_files import replace_file, sync_folder
from muniment.adapters.host.lock_file import locked
from muniment.adapters.site.site import Side
from muniment.domain.record import Record
from muniment.domain.restore.plan import RestorePlan
from muniment.errors import TargetInUse

FOLDER = ".muniment"


class RestoreJournal(Record):
    """``.muniment/restore.json`` in the data directory; removed with its folder when the restore is finished."""

    format: Literal[1] = 1
    plan: RestorePlan
    delta: bool
    """Whether there was a cluster before: then files that do not belong are removed."""
    state: Literal["begun", "complete"] = "begun"
    """``complete``: everything is on disk under its name, ``pg_control`` perhaps excepted."""


def read_journal(into: Path) -> RestoreJournal | None:
    """``None`` where no restore is under way."""
    try:
        return RestoreJournal.from_json(_file(into).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None


def unfinished_plan(into: Path, firm: str, side: Side, target: str) -> RestorePlan | None:
    """The plan of the restore that was begun there, where it is what is asked for again."""
    journal = read_journal(into)
    if journal is None or (journal.plan.firm, journal.plan.side, journal.plan.target) != (firm, side, target):
        return None
    return journal.plan


def write_journal(into: Path, journal: RestoreJournal) -> None:
    """On disk when it returns, the old one or the new one at any instant."""
    replace_file(_file(into), journal.to_json())


def remove_journal(into: Path) -> None:
    """Last, together with everything that only the restore needed."""
    shutil.rmtree(into / FOLDER)
    sync_folder(into)


@contextmanager
def held(into: Path) -> Iterator[None]:
    """The folder is this process's own. Raises ``TargetInUse`` where another one restores into it."""
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(into.stat().st_mode) & 0o027:  # PostgreSQL wants 0700 or 0750
        into.chmod(0o700)
    (into / FOLDER).mkdir(mode=0o700, exist_ok=True)
    with locked(into / FOLDER, TargetInUse(place=into)):
        yield


def _file(into: Path) -> Path:
    return into / FOLDER / "restore.json"
