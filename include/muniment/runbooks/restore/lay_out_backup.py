"""One base backup as ``pg_basebackup -Fp`` would have left it, each file checked against PostgreSQL's own manifest.

A folder may hold some of it already: of a restore that was killed, or of the cluster that is restored over.
"""

import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from muniment.adapters.backup.extraction import extract_backup
from muniment.adapters.backup.manifest import read_manifest, whole_files
from muniment.adapters.host.file_systems import require_room
from muniment.adapters.vault.fallback import FallbackVault
from muniment.domain.backup.layout import CONTROL, UNFINISHED_CONTROL, Layout
from muniment.domain.backup.manifest import TABLESPACE_MAP, ManifestFile
from muniment.domain.vault.registers import Backup
from muniment.ports import Progress
from muniment.runbooks.restore.clear_layout import remove_foreign

CHUNKS_A_CORE = 2
MANIFEST = "backup_manifest"


def lay_out(
    source: FallbackVault,
    backup: Backup,
    layout: Layout,
    *,
    progress: Progress,
    replacing: Callable[[], None] | None = None,
    lender: Layout | None = None,
) -> None:
    """Fetches what is not there whole; ``lender`` has files to share. With ``replacing``, which is called before the
    first file changes, what does not belong is removed.

    ``pg_control`` has its unfinished name afterwards. Raises ``DiskFull`` before anything is fetched,
    ``ObjectDamaged``, ``ObjectMissing``, ``MemberOutside``, and ``OSError`` where the disk is full.
    """
    manifest, content = read_manifest(source, backup)
    files = {path: file for path, file in manifest.files.items() if path != TABLESPACE_MAP}
    wanted = _without(files, _there(layout, files, progress))
    if lender is not None:
        wanted = _without(wanted, _borrow(lender, layout, wanted, progress))
    if replacing is None:
        require_room(_claims(layout, wanted.values()))
    else:  # what goes frees room, too
        replacing()
        remove_foreign(layout, files)
    _make_way(layout, wanted.values())
    with progress.step(f"restore {backup.kind} {backup.id}", backup.size_bytes, "bytes") as step:
        extract_backup(source, backup, layout, wanted, step=step, workers=_workers())
    (layout.folder / MANIFEST).write_bytes(content)
    link_tablespaces(layout)


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
    """Shares what the cluster that is restored over still has exactly as this backup had it."""
    whole = _there(lender, wanted, progress)
    for path in sorted(whole):
        place = layout.place(path)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        _share(lender.place(path), place)
    return whole


def _share(original: Path, place: Path) -> None:
    """A second name costs no room. Nobody writes to it: pg_combinebackup only reads, and what differs is made anew."""
    try:
        os.link(original, place)
    except OSError:
        shutil.copy2(original, place)


def _claims(layout: Layout, wanted: Iterable[ManifestFile]) -> Iterator[tuple[Path, int]]:
    """By root. What is there of a file that is fetched anew is cut, or goes."""
    by_root: dict[Path, int] = dict.fromkeys(layout.roots, 0)
    for file in wanted:
        root = layout.root_of(file.path)
        by_root[root] += file.size_bytes - _own_size(layout.place(file.path))
    yield from by_root.items()


def _own_size(place: Path) -> int:
    try:
        there = place.lstat()
    except OSError:
        return 0
    return there.st_size if stat.S_ISREG(there.st_mode) and there.st_nlink == 1 else 0


def _make_way(layout: Layout, wanted: Iterable[ManifestFile]) -> None:
    """Each file is written in place: what is longer is cut; what is no file, or somebody else's as well, goes."""
    for file in wanted:
        place = layout.place(file.path)
        if place.is_symlink():
            place.unlink()
        elif place.is_dir():
            shutil.rmtree(place)
        elif place.exists() and place.stat().st_nlink > 1:
            place.unlink()
        elif place.exists() and place.stat().st_size > file.size_bytes:
            os.truncate(place, file.size_bytes)


def link_tablespaces(layout: Layout) -> None:
    """Links replace tablespace_map, whose locations are those of the firm's own server. One that leads there stays."""
    for oid, place in layout.tablespaces.items():
        link = layout.link_of(oid)
        if link.is_symlink() and link.resolve() == place.resolve():
            continue
        if link.is_dir() and not link.is_symlink():
            shutil.rmtree(link)
        link.unlink(missing_ok=True)
        link.symlink_to(place.resolve())
