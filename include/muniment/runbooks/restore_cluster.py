"""Restore a firm's cluster into a folder: the latest recovery point, and all WAL when the server starts.

What lies there afterwards is a data directory that cannot hurt anyone: archiving is off, and the first start recovers
through ``restore_command`` to the end of the archive.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from include.muniment.adapters import catalog
from include.muniment.adapters.extraction import extract_backup
from include.muniment.adapters.programs import PostgresPrograms
from include.muniment.adapters.site import Side
from include.muniment.adapters.vault import Vault
from include.muniment.domain.register import Backup, Point
from include.muniment.errors import DiskFull, TargetNotEmpty
from include.muniment.ports import Progress, Silent
from include.muniment.runbooks.identity import prove_vault

CHUNKS_A_CORE = 2
VERIFY_TIMEOUT_S = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class RestoredCluster:
    """A data directory that is ready to start with PostgreSQL ``major``."""

    point: Point
    data_dir: Path
    tablespaces: Mapping[int, Path]
    major: int


def restore_cluster(
    vault: Vault,
    *,
    into: Path,
    side: Side = "primary",
    point: Point | None = None,
    programs: PostgresPrograms | None = None,
    restore_command: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> RestoredCluster:
    """Writes the newest point of ``vault`` (or ``point``) into ``into``, which must be empty or new.

    Raises ``WrongVault``, ``NothingToRestore``, ``TargetNotEmpty``, ``DiskFull``, ``ObjectDamaged``, ``ProgramFailed``.
    """
    progress = progress or Silent()
    prove_vault(vault)
    point = point or catalog.latest_point(vault)
    chain = catalog.chain_of(vault, catalog.find_backup(vault, point.backup))
    major = chain[-1].server_version // 10000
    programs = programs or PostgresPrograms.find(major)
    _require_empty(into)
    _require_space(into, chain)
    tablespaces = _combine(vault, chain, into, programs, progress)
    _configure(into, restore_command or fetch_command(vault.firm, side))
    os.sync()  # everything is on disk before anyone is told that it is restored
    return RestoredCluster(point, into, tablespaces, major)


def fetch_command(firm: str, side: Side) -> list[str]:
    """``restore_command`` as an argument list; PostgreSQL replaces ``%f`` and ``%p``."""
    return [
        sys.executable,
        "-m",
        "include.muniment.cli.entry",
        "wal",
        "fetch",
        "%f",
        "%p",
        "--firm",
        firm,
        "--from",
        side,
    ]


def _require_empty(into: Path) -> None:
    for place in (into, _tablespace_root(into)):
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise TargetNotEmpty(place=place)


def _require_space(into: Path, chain: tuple[Backup, ...]) -> None:
    """A chain needs room for its parts and for the result that is put together from them."""
    needed = sum(backup.size_bytes for backup in chain) + (chain[0].size_bytes if len(chain) > 1 else 0)
    there = next(parent for parent in (into, *into.resolve().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise DiskFull(place=into, needed=needed, free=free)


def _tablespace_root(into: Path) -> Path:
    return into.with_name(f"{into.name}-tablespaces")


def _combine(
    vault: Vault, chain: tuple[Backup, ...], into: Path, programs: PostgresPrograms, progress: Progress
) -> Mapping[int, Path]:
    """Extracts and verifies each backup of the chain, then lets pg_combinebackup put them together."""
    if len(chain) == 1:
        return _lay_out(vault, chain[0], into, _tablespace_root(into), programs, progress)
    parts = into.with_name(f"{into.name}-parts")
    if parts.exists():  # of a restore that was killed: nobody else makes a folder of this name
        shutil.rmtree(parts)
    places = [
        _lay_out(vault, backup, parts / backup.id, parts / f"{backup.id}-tablespaces", programs, progress)
        for backup in chain
    ]
    result = {oid: _tablespace_root(into) / str(oid) for oid in places[-1]}
    mappings = [f"--tablespace-mapping={old}={result[oid]}" for oid, old in places[-1].items()]
    folders = [str(parts / backup.id) for backup in chain]
    programs.run("pg_combinebackup", *folders, "-o", str(into), "--no-sync", *mappings, timeout_s=VERIFY_TIMEOUT_S)
    shutil.rmtree(parts)
    return result


def _lay_out(
    vault: Vault, backup: Backup, folder: Path, tablespace_root: Path, programs: PostgresPrograms, progress: Progress
) -> Mapping[int, Path]:
    """One backup as ``pg_basebackup -Fp`` would have left it, checked against PostgreSQL's own manifest."""
    tablespaces = {
        archive.tablespace.oid: tablespace_root / str(archive.tablespace.oid)
        for archive in backup.archives
        if archive.tablespace is not None
    }
    with progress.step(f"restore {backup.kind} {backup.id}", backup.size_bytes, "bytes") as step:
        workers = CHUNKS_A_CORE * (os.cpu_count() or 1)
        extract_backup(vault, backup, folder, tablespaces, step=step, workers=workers)
    _link_tablespaces(folder, tablespaces)
    programs.run(
        "pg_verifybackup", "--no-parse-wal", "--ignore=tablespace_map", str(folder), timeout_s=VERIFY_TIMEOUT_S
    )
    return tablespaces


def _link_tablespaces(folder: Path, tablespaces: Mapping[int, Path]) -> None:
    """Links replace tablespace_map, whose locations are those of the firm's own server."""
    (folder / "tablespace_map").unlink(missing_ok=True)
    for oid, place in tablespaces.items():
        link = folder / "pg_tblspc" / str(oid)
        link.unlink(missing_ok=True)
        link.symlink_to(place.resolve())


def _configure(into: Path, restore_command: Sequence[str]) -> None:
    """postgresql.auto.conf wins over postgresql.conf, whatever the firm's server had there."""
    command = shlex.join(restore_command).replace("'%f'", "%f").replace("'%p'", "%p").replace("'", "''")
    lines = [
        "",
        "# written by muniment restore",
        "archive_mode = off",
        "archive_command = ''",
        "primary_conninfo = ''",
        f"restore_command = '{command}'",
        "recovery_target_timeline = 'latest'",
    ]
    with (into / "postgresql.auto.conf").open("a") as settings:
        settings.write("\n".join(lines) + "\n")
    (into / "recovery.signal").touch()
