"""A full backup and its increments, put together by pg_combinebackup, the visibility maps that may be stale blanked.

A cluster that is restored over is emptied only when the result is whole and on disk beside it, on each file system.
"""

import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from crc32c import crc32c

from muniment.adapters.host import file_systems
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.restore.journal import FOLDER
from muniment.adapters.vault.fallback import FallbackVault
from muniment.domain.backup.combined_maps import PAGE_HEADER_BYTES, blank_map, files_of_maps, untrusted_maps
from muniment.domain.backup.layout import CONTROL, TABLESPACES, UNFINISHED_CONTROL, Layout
from muniment.domain.backup.manifest import Manifest, ManifestFile, amended
from muniment.domain.vault.registers import Backup
from muniment.ports import Progress
from muniment.runbooks.restore.clear_layout import clear_layout
from muniment.runbooks.restore.lay_out_backup import MANIFEST, finish, lay_out, link_tablespaces

COMBINE_TIMEOUT_S = 6 * 3600.0
COMBINED = "combined"


def combine(
    source: FallbackVault,
    chain: tuple[Backup, ...],
    layout: Layout,
    programs: PostgresPrograms,
    *,
    progress: Progress,
    lender: Layout | None,
    replacing: Callable[[], None],
) -> None:
    """``lender`` is the cluster that is restored over: the full backup's files that it still has are not fetched.

    ``replacing`` is called before the first of its files goes.
    """
    parts = [_beside(layout, backup.id, backup) for backup in chain]
    for backup, part in zip(chain, parts, strict=True):
        if (part.folder / CONTROL).exists():
            (part.folder / CONTROL).rename(part.folder / UNFINISHED_CONTROL)
        lay_out(source, backup, part, progress=progress, lender=lender if backup is chain[0] else None)
        finish(part)
    combined = _run(layout, chain, parts, programs)
    file_systems.sync(combined.roots)
    replacing()
    clear_layout(layout)
    _hand_over(combined, layout)


def _beside(layout: Layout, name: str, backup: Backup) -> Layout:
    """Each part lies in the root whose file system it will end on, and is removed with the journal."""
    room = layout.folder / FOLDER
    oids = [archive.tablespace.oid for archive in backup.archives if archive.tablespace is not None]
    for place in layout.tablespaces.values():
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        (place / FOLDER).mkdir(mode=0o700, exist_ok=True)
    dropped = room / f"{name}-tablespaces"
    return Layout(
        room / name,
        {
            oid: layout.tablespaces[oid] / FOLDER / name if oid in layout.tablespaces else dropped / str(oid)
            for oid in oids
        },
    )


def _run(layout: Layout, chain: tuple[Backup, ...], parts: list[Layout], programs: PostgresPrograms) -> Layout:
    combined = _beside(layout, COMBINED, chain[-1])
    for root in combined.roots:
        if root.exists():
            shutil.rmtree(root)
    spaces = parts[-1].tablespaces
    rooms = [root / FOLDER for root in layout.roots]
    arguments = [str(part.folder) for part in parts]
    arguments += ["-o", str(combined.folder), "--no-sync", *file_systems.copy_option(rooms, programs.major)]
    arguments += [
        f"--tablespace-mapping={_mapped(spaces[oid])}={_mapped(place)}" for oid, place in combined.tablespaces.items()
    ]
    programs.run("pg_combinebackup", *arguments, timeout_s=COMBINE_TIMEOUT_S)
    _blank_untrusted_maps(chain, combined)
    return combined


def _mapped(place: Path) -> str:
    """As the part's own link has it; an equals sign is what the option is cut at."""
    return str(place.resolve()).replace("=", "\\=")


def _blank_untrusted_maps(chain: tuple[Backup, ...], combined: Layout) -> None:
    """No server has started on them yet. The manifest, which a drill verifies, learns of it."""
    manifest = combined.folder / MANIFEST
    content = manifest.read_bytes()
    paths = files_of_maps(Manifest.parse(content).files, untrusted_maps(chain))
    manifest.write_bytes(amended(content, [_blank(path, combined.place(path)) for path in sorted(paths)]))


def _blank(path: str, place: Path) -> ManifestFile:
    """A new file: pg_combinebackup may have made the old one a link to a part's."""
    mode, size_bytes = place.stat().st_mode, place.stat().st_size
    with place.open("rb") as file:
        header = file.read(PAGE_HEADER_BYTES)
    content = blank_map(path, header, size_bytes)
    place.unlink()
    place.write_bytes(content)
    place.chmod(mode)
    return ManifestFile(path, len(content), crc32c(content))


def _hand_over(combined: Layout, layout: Layout) -> None:
    """Renames, each within one file system; ``pg_control`` comes without its name."""
    (combined.folder / CONTROL).rename(combined.folder / UNFINISHED_CONTROL)
    for place in combined.folder.iterdir():
        _take(place, layout.folder / place.name)
    for oid, room in combined.tablespaces.items():
        for place in room.iterdir():
            place.rename(layout.tablespaces[oid] / place.name)
    link_tablespaces(layout)


def _take(place: Path, target: Path) -> None:
    """A folder that stayed, because it is a link, a mount point or holds links, is given what is new in it.

    Folders without a file, of which pg_wal is one, are made anew: it may be on another file system.
    """
    if place.is_dir() and not place.is_symlink() and not _has_files(place):
        target.mkdir(mode=stat.S_IMODE(place.stat().st_mode), exist_ok=True)
    elif not target.is_dir() or target.is_symlink():
        target.unlink(missing_ok=True)
        place.rename(target)
        return
    for below in place.iterdir():
        if not (place.name == TABLESPACES and below.is_symlink()):
            _take(below, target / below.name)


def _has_files(folder: Path) -> bool:
    return any(path.is_file() for path in folder.rglob("*"))
