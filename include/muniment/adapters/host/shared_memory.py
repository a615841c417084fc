"""What a PostgreSQL that was killed leaves in the kernel: it removes these only when it starts again in the same place.

One small System V segment, whose key and id postmaster.pid tells; in that, the name of a POSIX segment (``/dev/shm``),
which lists the others. A cluster that is destroyed never starts again, so whoever destroys it removes them.
"""

import ctypes
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Line 7 of postmaster.pid (LOCK_FILE_LINE_SHMEM_KEY in src/include/utils/pidfile.h): key and id.
_KEY_LINE = 6
# PGShmemHeader, src/include/storage/pg_shmem.h: magic, creator's pid, two sizes, the control segment's handle.
_HEADER, _HEADER_MAGIC = struct.Struct("=iiQQI"), 679834894
# dsm_control_header and its items, src/backend/storage/ipc/dsm.c: magic, items in use, items at most; a handle in each.
_CONTROL, _CONTROL_MAGIC = struct.Struct("=III4x"), 0x9A503D32
_ITEM = struct.Struct("=II32x")
_POSIX = Path("/dev/shm")
_READ_ONLY, _REMOVE = 0o10000, 0  # SHM_RDONLY, IPC_RMID


@dataclass(frozen=True, slots=True)
class Segments:
    """Of one server. ``posix``: names in /dev/shm; none where it keeps those in files."""

    system_v: int
    posix: tuple[str, ...]


def segments_of(data_dir: Path) -> Segments | None:
    """Of the server that runs there, or was killed there; ``None`` where there are none."""
    told = _told(data_dir)
    if told is None or told not in {(each.key, each.id, each.creator) for each in _system_v()}:
        return None
    handle = _control_handle(told[1])
    return Segments(told[1], tuple(_posix_names(handle)) if handle else ())


def remove_left(data_dir: Path) -> None:
    """Does nothing while anybody is attached, and touches no segment that another process has made since."""
    told, found = _told(data_dir), segments_of(data_dir)
    if told is None or found is None or any(each.id == told[1] and each.attached for each in _system_v()):
        return
    for name in found.posix:
        (_POSIX / name).unlink(missing_ok=True)
    _libc().shmctl(found.system_v, _REMOVE, None)


@dataclass(frozen=True, slots=True)
class _SystemV:
    key: int
    id: int
    creator: int
    attached: int


def _system_v() -> Iterator[_SystemV]:
    """proc_sysvipc(5)."""
    for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]:
        key, segment, _, _, creator, _, attached, *_ = map(int, line.split())
        yield _SystemV(key, segment, creator, attached)


def _told(data_dir: Path) -> tuple[int, int, int] | None:
    """Key, id and creator, by postmaster.pid; a server that is just starting has not written them yet."""
    try:
        lines = (data_dir / "postmaster.pid").read_text().splitlines()
        key, segment = map(int, lines[_KEY_LINE].split())
        return key, segment, abs(int(lines[0]))
    except (FileNotFoundError, IndexError, ValueError):
        return None


def _control_handle(segment: int) -> int | None:
    libc = _libc()
    at = libc.shmat(segment, None, _READ_ONLY)
    if at in (None, ctypes.c_void_p(-1).value):
        return None
    try:
        magic, *_, handle = _HEADER.unpack(ctypes.string_at(at, _HEADER.size))
    finally:
        libc.shmdt(ctypes.c_void_p(at))
    return int(handle) if magic == _HEADER_MAGIC else None


def _posix_names(handle: int) -> Iterator[str]:
    """The control segment last: without it nobody could tell the others."""
    try:
        content = (_POSIX / _name(handle)).read_bytes()
    except OSError:
        return
    if len(content) >= _CONTROL.size:
        magic, used, _ = _CONTROL.unpack_from(content)
        if magic == _CONTROL_MAGIC:
            items = content[_CONTROL.size :][: used * _ITEM.size]
            whole = len(items) - len(items) % _ITEM.size
            names = (_name(each) for each, references in _ITEM.iter_unpack(items[:whole]) if references)
            yield from (name for name in names if (_POSIX / name).exists())
    yield _name(handle)


def _name(handle: int) -> str:
    return f"PostgreSQL.{handle}"


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    libc.shmat.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
    return libc
