"""A full backup and its increments, put together by pg_combinebackup, the visibility maps that may be stale blanked."""

import shutil
from pathlib import Path

from crc32c import crc32c

from muniment.adapters.host import file_systems
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.restore.journal import FOLDER
from muniment.adapters.vault.fallback import FallbackVault
from muniment.domain.backup.combined_maps import PAGE_HEADER_BYTES, blank_map, files_of_maps, untrusted_maps
from muniment.domain.backup.layout import CONTROL, UNFINISHED_CONTROL, Layout
from muniment.domain.backup.manifest import Manifest, ManifestFile, amended
from muniment.domain.vault.registers import Backup
from muniment.ports import Progress
from muniment.runbooks.restore.lay_out_backup import MANIFEST, finish, lay_out

COMBINE_TIMEOUT_S = 6 * 3600.0


def combine(
    source: FallbackVault,
    chain: tuple[Backup, ...],
    layout: Layout,
    programs: PostgresPrograms,
    *,
    progress: Progress,
    lender: Layout | None,
) -> None:
    """Parts and result lie below the journal until the result is whole: on one file system, and removed with it.

    ``lender`` is the cluster that is restored over: the full backup's files that it still has are not fetched.
    """
    room = layout.folder / FOLDER
    parts = [Layout.below(room / backup.id, room / f"{backup.id}-tablespaces", backup) for backup in chain]
    for backup, part in zip(chain, parts, strict=True):
        if (part.folder / CONTROL).exists():
            (part.folder / CONTROL).rename(part.folder / UNFINISHED_CONTROL)
        lay_out(source, backup, part, progress=progress, lender=lender if backup is chain[0] else None)
        finish(part)
    _empty(layout)
    _run(layout, chain, parts, programs)


def _run(layout: Layout, chain: tuple[Backup, ...], parts: list[Layout], programs: PostgresPrograms) -> None:
    room = layout.folder / FOLDER
    combined = room / "combined"
    if combined.exists():
        shutil.rmtree(combined)
    spaces = parts[-1].tablespaces
    arguments = [str(part.folder) for part in parts]
    arguments += ["-o", str(combined), "--no-sync", *file_systems.copy_option(room, programs.major)]
    arguments += [f"--tablespace-mapping={spaces[oid]}={place}" for oid, place in layout.tablespaces.items()]
    programs.run("pg_combinebackup", *arguments, timeout_s=COMBINE_TIMEOUT_S)
    _blank_untrusted_maps(chain, Layout(combined, layout.tablespaces))
    _hand_over(combined, layout)


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


def _hand_over(combined: Path, layout: Layout) -> None:
    """Renames within one file system; ``pg_control`` comes without its name."""
    (combined / CONTROL).rename(combined / UNFINISHED_CONTROL)
    for place in combined.iterdir():
        place.rename(layout.folder / place.name)


def _empty(layout: Layout) -> None:
    """What was there was borrowed from, or is the beginning of a result; the parts are whole now."""
    for root in layout.roots:
        for place in _contents(layout, root):
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink()


def _contents(layout: Layout, root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    if root == layout.folder:
        return [place for place in root.iterdir() if place.name != FOLDER]
    return list(root.glob("PG_*"))
