"""Data directories change places: by a rename where it is one file system, else by a copy that is on disk first."""

import os
import shutil
from pathlib import Path

from muniment.adapters.host.durable_files import sync_folder
from muniment.domain.backup.layout import WAL
from muniment.domain.restore.cut_over import Moved

_STAGED_WAL = "pg_wal.staged"


def move(source: Path, target: Path, owner: tuple[int, int] | None = None) -> None:
    """Nothing to do where ``target`` is there already. ``owner`` is given the files, where we may do that."""
    if target.exists():
        return
    if source.stat().st_dev == target.parent.stat().st_dev:
        _hand_over(source, owner)
        rename(source, target)
        return
    unfinished = partial(target)
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(source, unfinished, symlinks=True)
    _hand_over(unfinished, owner)
    _sync_tree(unfinished)
    rename(unfinished, target)


def partial(target: Path) -> Path:
    return target.with_name(f"{target.name}.partial")


def move_back(source: Path, target: Path) -> None:
    """Undoes ``move(target, source)``: what was copied is removed, what was renamed gets its name again."""
    shutil.rmtree(partial(source), ignore_errors=True)
    if not source.exists():
        return
    if target.exists():
        shutil.rmtree(source)
    else:
        rename(source, target)


def rename(source: Path, target: Path) -> None:
    source.rename(target)
    sync_folder(target.parent)
    if source.parent != target.parent and source.parent.exists():
        sync_folder(source.parent)


def _sync_tree(root: Path) -> None:
    for folder, _, files in root.walk():
        for name in files:
            path = folder / name
            if not path.is_symlink():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
        sync_folder(folder)


def _hand_over(root: Path, owner: tuple[int, int] | None) -> None:
    if owner is None or os.geteuid() != 0:
        return
    for folder, _, files in root.walk():
        for path in (folder, *(folder / name for name in files)):
            os.chown(path, *owner, follow_symlinks=False)


def tablespaces_of(data_dir: Path) -> dict[int, str]:
    """OID → where it lies."""
    links = (data_dir / "pg_tblspc").glob("[0-9]*")
    return {int(link.name): _led_to(link) for link in links if link.is_symlink()}


def wal_of(data_dir: Path) -> str | None:
    """Where pg_wal leads; ``None`` where it is no link."""
    link = data_dir / WAL
    return _led_to(link) if link.is_symlink() else None


def _led_to(link: Path) -> str:
    """As it is written; one that is relative, from the root on."""
    return os.path.normpath(link.parent / link.readlink())


def bring_wal(data_dir: Path, place: Path, owner: tuple[int, int] | None) -> None:
    """``pg_wal`` becomes a link to ``place``, which has all that was in it."""
    wal, staged = data_dir / WAL, data_dir / _STAGED_WAL
    if not wal.is_symlink():
        if wal.exists():
            rename(wal, staged)
        move(staged, place, owner)
        wal.symlink_to(place)
        sync_folder(data_dir)
    if staged.exists():
        shutil.rmtree(staged)


def return_wal(data_dir: Path, place: Path) -> None:
    """Undoes ``bring_wal``, wherever that was killed; the same for itself."""
    wal, staged = data_dir / WAL, data_dir / _STAGED_WAL
    shutil.rmtree(partial(place), ignore_errors=True)
    if place.exists():
        if wal.is_symlink():
            wal.unlink()
        if not wal.exists():
            move(place, wal)
        if place.exists():
            shutil.rmtree(place)
        if staged.exists():
            shutil.rmtree(staged)
    elif staged.exists():
        rename(staged, wal)


def bring_tablespaces(data_dir: Path, moved: tuple[Moved, ...], owner: tuple[int, int] | None) -> None:
    for each in moved:
        place = Path(each.live)
        place.parent.mkdir(parents=True, exist_ok=True)
        move(Path(each.staged), place, owner)
        _link(data_dir, each.oid, place)


def return_tablespaces(data_dir: Path, moved: tuple[Moved, ...]) -> None:
    for each in moved:
        _link(data_dir, each.oid, Path(each.staged))
        move_back(Path(each.live), Path(each.staged))


def _link(data_dir: Path, oid: int, place: Path) -> None:
    """A link is replaced in one step: a killed run leaves the old or the new one."""
    unfinished = data_dir / "pg_tblspc" / f"{oid}.new"
    unfinished.unlink(missing_ok=True)
    unfinished.symlink_to(place)
    unfinished.rename(data_dir / "pg_tblspc" / str(oid))
