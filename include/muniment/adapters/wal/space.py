"""How much room ``pg_wal`` has left: told with each file that is pushed, because PostgreSQL has no function for it."""

import os
from pathlib import Path
from stat import S_ISREG

from muniment.adapters.wal.archive import FREE_BYTES, PG_WAL_BYTES


def space_of(folder: Path) -> dict[str, str]:
    """As metadata; empty where ``folder`` is no ``pg_wal`` or cannot be read: it must not cost the push.

    Free is what the server's own user may still write. The size is as ``pg_ls_waldir()`` adds it up: regular files, not
    those whose names begin with a dot.
    """
    try:
        if not (folder / "archive_status").is_dir():
            return {}
        system = os.statvfs(folder)
        used = sum(_size(each) for each in os.scandir(folder) if not each.name.startswith("."))
    except OSError:
        return {}
    return {FREE_BYTES: str(system.f_bavail * system.f_frsize), PG_WAL_BYTES: str(used)}


def _size(entry: "os.DirEntry[str]") -> int:
    """The server removes and renames its segments meanwhile."""
    try:
        found = entry.stat()
    except FileNotFoundError:
        return 0
    return found.st_size if S_ISREG(found.st_mode) else 0
