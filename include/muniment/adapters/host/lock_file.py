"""flock(2): one process at a time holds a file or a folder, and lets it go with its descriptor, however it ends.

``wal push`` and ``wal fetch`` start once a segment: nothing is imported here but what a bare Python has imported.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PAUSE_S = 0.05


def lock(path: Path) -> int | None:
    """The descriptor that holds it until it is closed; ``None`` where another one does.

    A file is made where there is none. Raises ``FileNotFoundError`` where its folder is not there.
    """
    return _lock(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT)


def is_locked(path: Path) -> bool:
    """Whether anybody holds it at this moment. Raises ``FileNotFoundError``: whoever only looks makes nothing."""
    descriptor = _lock(path, os.O_RDONLY)
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is None


def _lock(path: Path, flags: int) -> int | None:
    descriptor = os.open(path, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException as refused:
        os.close(descriptor)
        if isinstance(refused, BlockingIOError):
            return None
        raise
    return descriptor


@contextmanager
def locked(path: Path, busy: Exception, *, patience_s: float = 0.0) -> Iterator[None]:
    """Holds it for as long as the block runs. Raises ``busy`` where another one still does after ``patience_s``."""
    deadline = time.monotonic() + patience_s
    while (descriptor := lock(path)) is None:
        if time.monotonic() > deadline:
            raise busy
        time.sleep(_PAUSE_S)
    try:
        yield
    finally:
        os.close(descriptor)
