"""One base backup as ``pg_basebackup -Fp`` would have left it, each file checked against PostgreSQL's own manifest.

A folder may hold some of it already: of a restore that was killed, or of the cluster that is restored over.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from muniment.adapters.backup.extraction import extract_backup
from muniment.adapters.backup.manifest import read_manifest, whole_files
from muniment.adapters.restore.journal import FOLDER
from muniment.adapters.vault.fallback import FallbackVault
from muniment.domain.backup.layout import CONTROL, UNFINISHED_CONTROL, Layout
from muniment.domain.backup.manifest import TABLESPACE_MAP, ManifestFile
from muniment.domain.vault.registers import Backup
from muniment.ports import Progress

CHUNKS_A_CORE = 2
MANIFEST = "backup_manifest"


def lay_out(
    source: FallbackVault,
    backup: Backup,
    layout: Layout,
    *,
    progress: Progress,
    replace: bool = False,
    lender: Layout | None = None,
) -> None:
    """Fetches what is not there whole. ``replace`` removes what does not belong; ``lender`` has files to copy from.

    ``pg_control`` has its unfinished name afterwards. Raises ``ObjectDamaged``, ``ObjectMissing``, ``MemberOutside``,
    and ``OSError`` where the disk is full.
    """
    manifest, content = read_manifest(source, backup)
    files = {path: file for path, file in manifest.files.items() if path != TABLESPACE_MAP}
    if replace:
        _remove_foreign(layout, files)
    wanted = _without(files, _there(layout, files, progress))
    if lender is not None:
        wanted = _without(wanted, _borrow(lender, layout, wanted, progress))
    _make_way(layout, wanted.values())
    with progress.step(f"restore {backup.kind} {backup.id}", backup.size_bytes, "bytes") as step:
        extract_backup(source, backup, layout, wanted, step=step, workers=_workers())
    (layout.folder / MANIFEST).write_bytes(content)
    _link_tablespaces(layout)


def finish(layout: Layout) -> None:
    """From now on a server may start there, or pg_combinebackup read it."""
    (layout.folder / UNFINISHED_CONTROL).rename(layout.folder / CONTROL)


def _workers() -> int:
    return CHUNKS_A_CORE * (os.cpu_count() or 1)


def _without(files: Mapping[str, ManifestFile], there: frozenset[str]) -> dict[str, ManifestFile]:
    return {path: file for path, file in files.items() if path not in there}


def _there(layout: Layout, files: Mapping[str, ManifestFile], progress: Progress) -> frozenset[str]:
    if not any(place.is_dir() for place in layout.roots):
        return frozenset()
    with progress.step(f"compare {layout.folder}", sum(file.size_bytes for file in files.values()), "bytes") as step:
        return whole_files(layout, files.values(), step=step, workers=_workers())


def _borrow(lender: Layout, layout: Layout, wanted: Mapping[str, ManifestFile], progress: Progress) -> frozenset[str]:
    """Copies what the cluster that is restored over still has exactly as this backup had it."""
    whole = _there(lender, wanted, progress)
    for path in sorted(whole):
        place = layout.place(path)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy2(lender.place(path), place)
    return whole


def _remove_foreign(layout: Layout, files: Mapping[str, ManifestFile]) -> None:
    """What is neither the backup's nor ours. In a tablespace only its own version's folder is looked at.

    Links are removed and never followed, pg_wal's own excepted: what it leads to is emptied.
    """
    ours = {layout.place(path) for path in files}
    wal = layout.folder / "pg_wal"
    for place in _own_places(layout):
        if place == wal and place.is_symlink():
            _clear(place)
        elif place != layout.folder / FOLDER:
            _remove_unless(place, ours)


def _own_places(layout: Layout) -> Iterable[Path]:
    yield from layout.folder.iterdir()
    for place in layout.tablespaces.values():
        yield from place.glob("PG_*")


def _remove_unless(place: Path, ours: set[Path]) -> None:
    if place.is_dir() and not place.is_symlink():
        for below in place.iterdir():
            _remove_unless(below, ours)
    elif place not in ours:
        place.unlink()


def _clear(folder: Path) -> None:
    for below in folder.iterdir():
        if below.is_dir() and not below.is_symlink():
            shutil.rmtree(below)
        else:
            below.unlink()


def _make_way(layout: Layout, wanted: Iterable[ManifestFile]) -> None:
    """Each file is written in place: what is longer is cut, what is no file goes."""
    for file in wanted:
        place = layout.place(file.path)
        if place.is_symlink():
            place.unlink()
        elif place.is_dir():
            shutil.rmtree(place)
        elif place.exists() and place.stat().st_size > file.size_bytes:
            os.truncate(place, file.size_bytes)


def _link_tablespaces(layout: Layout) -> None:
    """Links replace tablespace_map, whose locations are those of the firm's own server."""
    for oid, place in layout.tablespaces.items():
        link = layout.folder / "pg_tblspc" / str(oid)
        link.unlink(missing_ok=True)
        link.symlink_to(place.resolve())
