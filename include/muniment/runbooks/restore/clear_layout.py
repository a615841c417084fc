"""What goes from a cluster that is restored over, and what stays because no base backup could bring it back.

A base backup holds no link: what a host keeps elsewhere (settings in /etc, a log folder, certificates) is a link at the
top of the data directory. It stays, unless the backup has a file of its own there. None is followed, pg_wal's excepted:
what it leads to is emptied. Where a folder is a mount point, what is in it goes.
"""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from muniment.adapters.host.file_systems import mounts_below
from muniment.adapters.restore.journal import FOLDER
from muniment.domain.backup.layout import TABLESPACES, WAL, Layout
from muniment.domain.backup.manifest import ManifestFile

_NEVER_OURS = frozenset({FOLDER, "lost+found"})


def clear_layout(layout: Layout) -> None:
    """Everything that the next one brings whole. In a tablespace only what belongs to a version of PostgreSQL."""
    mounted = set(mounts_below(layout.folder))
    for place in _top(layout):
        if place.name == WAL and (place.is_symlink() or place.resolve() in mounted):
            clear(place)
        elif place.name == TABLESPACES:
            _clear_tablespaces(place, layout)
        elif not place.is_symlink():
            _remove(place)
    for place in _in_tablespaces(layout):
        _remove(place)


def remove_foreign(layout: Layout, files: Mapping[str, ManifestFile]) -> None:
    """What is not among ``files``, the backup's own."""
    ours = {layout.place(path) for path in files} | {layout.link_of(oid) for oid in layout.tablespaces}
    heads = {path.partition("/")[0] for path in files}
    for place in _top(layout):
        if not place.is_symlink():
            _remove_unless(place, ours)
        elif place.name == WAL:
            clear(place)
        elif place.name in heads:
            place.unlink()
    for place in _in_tablespaces(layout):
        _remove_unless(place, ours)


def clear(folder: Path) -> None:
    for below in folder.iterdir():
        if below.name not in _NEVER_OURS:
            _remove(below)


def _clear_tablespaces(folder: Path, layout: Layout) -> None:
    for below in folder.iterdir():
        if not (below.is_symlink() and below.name.isdigit() and int(below.name) in layout.tablespaces):
            _remove(below)


def _top(layout: Layout) -> list[Path]:
    return [place for place in _listed(layout.folder) if place.name not in _NEVER_OURS]


def _in_tablespaces(layout: Layout) -> Iterator[Path]:
    for root in layout.tablespaces.values():
        yield from list(root.glob("PG_*"))


def _listed(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink()


def _remove_unless(place: Path, ours: set[Path]) -> None:
    if place.is_dir() and not place.is_symlink():
        for below in place.iterdir():
            _remove_unless(below, ours)
    elif place not in ours:
        place.unlink()
