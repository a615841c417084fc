"""What the operating system offers beyond Python's own ``os``."""

import ctypes
import errno
import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile

from muniment.domain.restore.space import RoomNeeded
from muniment.errors import DiskFull

_OCTAL = re.compile(r"\\([0-7]{3})")


@contextmanager
def room_in(needed_bytes: int, *places: Path) -> Iterator[None]:
    """Raises ``DiskFull`` where something in them finds no space, with the one that has least."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        place = min(places, key=free_bytes)
        raise DiskFull(place=place, needed=needed_bytes, free=free_bytes(place)) from error


def free_bytes(place: Path) -> int:
    """Where ``place`` is not made yet, what there is where it would be."""
    return shutil.disk_usage(_nearest(place)).free


def _nearest(place: Path) -> Path:
    return next(folder for folder in (place, *place.resolve().parents) if folder.exists())


def require_space(place: Path, needed_bytes: int) -> None:
    """Raises ``DiskFull`` where fewer bytes are free."""
    require_room([(place, needed_bytes)])


type Claims = Iterable[tuple[Path, int]]
"""How many bytes come to lie below which folder; what is freed there counts against it."""


def room_for(claims: Claims) -> tuple[RoomNeeded, ...]:
    """Summed up for each file system, in the order in which the claims name them."""
    by_device: dict[int, list[tuple[Path, int]]] = {}
    for place, needed in claims:
        by_device.setdefault(_nearest(place).stat().st_dev, []).append((place, needed))
    return tuple(
        RoomNeeded(
            places=tuple(dict.fromkeys(str(place) for place, _ in there)),
            needed_bytes=max(0, sum(needed for _, needed in there)),
            there_bytes=free_bytes(there[0][0]),
        )
        for there in by_device.values()
    )


def on_one_file_system(one: Path, other: Path) -> bool:
    """Whether a rename leads from one to the other, once both are there."""
    return _nearest(one).stat().st_dev == _nearest(other).stat().st_dev


def require_room(claims: Claims) -> None:
    """Raises ``DiskFull`` for the first file system that has less."""
    for room in room_for(claims):
        if room.is_short:
            raise DiskFull(place=", ".join(room.places), needed=room.needed_bytes, free=room.there_bytes)


def mounts_below(folder: Path) -> tuple[Path, ...]:
    """Every mount point inside of ``folder``, itself excepted: bind mounts too, which no device number tells.

    proc_pid_mountinfo(5), the fifth field; empty where the system has none.
    """
    root = folder.resolve()
    try:
        lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ()
    mounted = (Path(_OCTAL.sub(lambda code: chr(int(code[1], 8)), line.split()[4])) for line in lines)
    return tuple(sorted({place for place in mounted if place != root and place.is_relative_to(root)}))


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
_PROBE = b"x"


def copy_option(folders: Sequence[Path], major: int) -> tuple[str, ...]:
    """How pg_combinebackup of PostgreSQL ``major`` copies whole files fastest within each folder's file system.

    Each way is tried on every one of them: a link (the parts are removed afterwards), a clone, the kernel's own copy;
    what all can do is reading and writing.
    """
    ways: list[tuple[str, Callable[[Path], None]]] = [("--clone", _clone), ("--copy-file-range", _copy_file_range)]
    if major >= _FIRST_WITH_LINK:
        ways.insert(0, ("--link", _link))
    return next(((option,) for option, way in ways if all(_works(way, folder) for folder in folders)), ())


def _works(way: Callable[[Path], None], folder: Path) -> bool:
    try:
        way(folder)
    except (OSError, AttributeError):  # a system whose Python lacks the call
        return False
    return True


def _link(folder: Path) -> None:
    with NamedTemporaryFile(dir=folder) as original:
        link = Path(f"{original.name}.link")
        os.link(original.name, link)
        link.unlink()


def _clone(folder: Path) -> None:
    with _probe(folder) as original, TemporaryFile(dir=folder) as clone:
        fcntl.ioctl(clone.fileno(), _FICLONE, original)


def _copy_file_range(folder: Path) -> None:
    with _probe(folder) as original, TemporaryFile(dir=folder) as copy:
        if os.copy_file_range(original, copy.fileno(), len(_PROBE), 0) != len(_PROBE):
            raise OSError(errno.EIO, os.strerror(errno.EIO))


@contextmanager
def _probe(folder: Path) -> Iterator[int]:
    with TemporaryFile(dir=folder) as file:
        file.write(_PROBE)
        file.flush()
        yield file.fileno()
