"""Tablespaces that a recovery made inside of its data directory, because the WAL's own paths lead to the living.

What had to be changed in the WAL for that is noted beside it before it is there, so that it can be undone: a server
copies the segment in which its recovery ended into the timeline that it begins, and that one is archived once the
server goes live.
"""

import json
import shutil
from pathlib import Path

from muniment.domain.wal.tablespaces import Change, Emptied

_NOTE = ".tablespaces.json"


def note_changes(folder: Path, name: str, emptied: Emptied) -> None:
    """Of segment ``name``, beside it."""
    if not emptied.changes:
        return
    changes = [
        {"offset": each.offset, "was": each.was.hex(), "becomes": each.becomes.hex()} for each in emptied.changes
    ]
    tablespaces = [{"oid": each.oid, "location": each.location} for each in emptied.creations]
    (folder / f"{name}{_NOTE}").write_text(json.dumps({"tablespaces": tablespaces, "changes": changes}, indent=1))


def has_changes(folder: Path) -> bool:
    return any(folder.glob(f"*{_NOTE}"))


def move_out(data_dir: Path, root: Path) -> None:
    """Each becomes a folder ``<root>/<oid>`` with a link to it, as a restore lays them out. The server must not run.

    May be repeated: whoever was killed here left a whole folder in one of the two places. What lies in ``root`` while
    the folder is in place is of a restore that was begun anew since.
    """
    for place in (data_dir / "pg_tblspc").glob("[0-9]*"):
        if place.is_symlink():
            continue
        target = root / place.name
        if any(place.iterdir()):
            shutil.rmtree(target, ignore_errors=True)
        root.mkdir(mode=0o700, exist_ok=True)
        if target.exists():
            place.rmdir()
        else:
            place.rename(target)
        place.symlink_to(target)


def undo_changes(noted_in: Path, pg_wal: Path) -> None:
    """In the segments of ``pg_wal``, on whichever timeline: a copy has the same bytes at the same place."""
    for note in noted_in.glob(f"*{_NOTE}"):
        changes = [
            Change(each["offset"], bytes.fromhex(each["was"]), bytes.fromhex(each["becomes"]))
            for each in json.loads(note.read_text())["changes"]
        ]
        for segment in pg_wal.glob(f"????????{note.name[8:24]}"):
            _undo(segment, changes)


def _undo(segment: Path, changes: list[Change]) -> None:
    with segment.open("r+b") as file:
        for change in changes:
            file.seek(change.offset)
            if file.read(len(change.becomes)) == change.becomes:
                file.seek(change.offset)
                file.write(change.was)
