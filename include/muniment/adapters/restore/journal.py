"""What a restore notes in the folder that it fills, so that one that was killed goes on.

It says whose folder this is; which files are whole, their checksums say.
"""

import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import Field

from muniment.adapters.host.durable_files import replace_file, sync_folder
from muniment.adapters.host.lock_file import locked
from muniment.adapters.site.site import Side
from muniment.domain.backup.layout import Layout
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
    tablespaces: Mapping[int, str] = Field(default_factory=dict)
    """OID → folder. A cluster that is restored over tells it only until its links are gone."""
    state: Literal["begun", "replacing", "complete"] = "begun"
    """``begun``: a cluster that is restored over is as it was, ``pg_control`` perhaps under its unfinished name.
    ``complete``: everything is on disk under its name, ``pg_control`` perhaps excepted."""

    @property
    def layout(self) -> Layout:
        return Layout(Path(self.plan.into), {oid: Path(place) for oid, place in self.tablespaces.items()})


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


def remove_journal(layout: Layout) -> None:
    """Last, together with everything that only the restore needed; the journal's own folder last of all."""
    for root in reversed(layout.roots):
        if (root / FOLDER).exists():
            shutil.rmtree(root / FOLDER)
            sync_folder(root)


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
