"""Files that are whole or not there, and on the disk when it is said so."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """What is written comes to be ``path``, in place of what was there; an error leaves that as it was.

    Whoever is killed leaves a file beside it that the next writer overwrites: two do not write at once. What can be
    had again need not be ``durable``: it outlives a process that is killed, not a machine. Raises ``OSError``.
    """
    unfinished = unfinished_name(path)
    try:
        with unfinished.open("wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def unfinished_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.unfinished")


def replace_file(path: Path, content: bytes, *, durable: bool = True) -> None:
    """The old content or the new one at any instant. Raises ``OSError``; then it is the old one."""
    with whole_file(path, durable=durable) as file:
        file.write(content)


def create_file(path: Path, content: bytes) -> None:
    """On the disk, and nobody else's to read. Raises ``FileExistsError``, and ``OSError``; then there is none."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        path.unlink()
        raise
    sync_folder(path.absolute().parent)


def sync_folder(folder: Path) -> None:
    """The names in it are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
