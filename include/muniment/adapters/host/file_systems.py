"""What the operating system offers beyond Python's own ``os``."""

import ctypes
import errno
import fcntl
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from muniment.errors import DiskFull


@contextmanager
def room_in(place: Path, needed_bytes: int) -> Iterator[None]:
    """Raises ``DiskFull`` where something in it finds no space."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(place=place, needed=needed_bytes, free=free_bytes(place)) from error


def free_bytes(place: Path) -> int:
    """Where ``place`` is not made yet, what there is where it would be."""
    there = next(folder for folder in (place, *place.resolve().parents) if folder.exists())
    return shutil.disk_usage(there).free


def require_space(place: Path, needed_bytes: int) -> None:
    """Raises ``DiskFull`` where fewer bytes are free."""
    free = free_bytes(place)
    if free < needed_bytes:
        raise DiskFull(place=place, needed=needed_bytes, free=free)


def sync(folders: Iterable[Path]) -> None:
    """Everything on these folders' file systems is on disk, names included. Raises ``OSError`` where it is not.

    One call for a hundred thousand files, as PostgreSQL's own ``--sync-method=syncfs`` does it. Linux alone has it;
    elsewhere every file system is synchronised.
    """
    by_device = {folder.stat().st_dev: folder for folder in folders}
    for folder in by_device.values():
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            _syncfs(descriptor)
        finally:
            os.close(descriptor)


def _syncfs(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "syncfs"):
        os.sync()
    elif libc.syncfs(descriptor):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


# linux/fs.h: FICLONE makes one file share the blocks of another.
_FICLONE = 0x40049409
_FIRST_WITH_LINK = 18


def copy_option(folder: Path, major: int) -> tuple[str, ...]:
    """How pg_combinebackup of PostgreSQL ``major`` copies whole files fastest within ``folder``'s file system.

    A link where it can make one (the parts are removed afterwards), a clone where the file system has it, else the
    kernel's own copy.
    """
    if major >= _FIRST_WITH_LINK:
        return ("--link",)
    if _clones(folder):
        return ("--clone",)
    return ("--copy-file-range",) if sys.platform == "linux" else ()


def _clones(folder: Path) -> bool:
    with TemporaryFile(dir=folder) as original, TemporaryFile(dir=folder) as clone:
        original.write(b"x")
        original.flush()
        try:
            fcntl.ioctl(clone.fileno(), _FICLONE, original.fileno())
        except OSError:
            return False
    return True
