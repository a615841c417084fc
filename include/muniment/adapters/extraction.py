"""Turns the chunks of a base backup back into files: fetched, decrypted, decompressed and written several at once.

Memory: at most ``workers`` chunks are in hand, each as stored bytes, as decrypted bytes and as plain slice; with the
largest slices (256 MiB) and text that compresses to a third that is about 430 MiB a worker, with the default 16 MiB
slices 27 MiB.
"""

import errno
import os
import shutil
import tarfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from include.muniment.adapters.vault import Vault
from include.muniment.domain.placement import TAR_BLOCK_BYTES, ArchiveIndex, Header, Piece
from include.muniment.domain.register import Archive, Backup, Chunk
from include.muniment.errors import DiskFull, MemberOutside, ObjectDamaged
from include.muniment.ports import Step


@dataclass(frozen=True, slots=True)
class _Target:
    """One archive and the folder that its members are written below."""

    index: ArchiveIndex
    folder: Path


def extract_backup(
    vault: Vault, backup: Backup, folder: Path, tablespaces: Mapping[int, Path], *, step: Step, workers: int
) -> None:
    """Writes every archive of ``backup``: ``base`` into ``folder``, each tablespace into its own, and the manifest.

    Each chunk's sha256 and authentication tags are checked on the way. Raises ``ObjectDamaged``, ``ObjectMissing``,
    ``DiskFull``, ``MemberOutside``.
    """
    targets = [_Target(ArchiveIndex(archive), _folder_of(archive, folder, tablespaces)) for archive in backup.archives]
    for target in targets:
        _make_folders(target)
    with ThreadPoolExecutor(workers, "extract") as pool:
        jobs = [pool.submit(_extract, vault, target, chunk, step) for target in targets for chunk in _chunks(target)]
        try:
            for job in jobs:
                job.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    (folder / "backup_manifest").write_bytes(vault.get_sealed(backup.manifest.key, sha256=backup.manifest.sha256))


def _folder_of(archive: Archive, folder: Path, tablespaces: Mapping[int, Path]) -> Path:
    return folder if archive.tablespace is None else tablespaces[archive.tablespace.oid]


def _chunks(target: _Target) -> tuple[Chunk, ...]:
    return target.index.archive.chunks


def _make_folders(target: _Target) -> None:
    """Every parent first, so that workers may begin with any chunk. PostgreSQL wants 0700 or 0750."""
    target.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for parent in sorted({(target.folder / member.name).parent for member in target.index.archive.members}):
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)


def _extract(vault: Vault, target: _Target, chunk: Chunk, step: Step) -> None:
    plain = memoryview(vault.get_sealed(chunk.key, sha256=chunk.sha256))
    if len(plain) != chunk.size_bytes:
        reason = f"it holds {len(plain)} bytes, its register says {chunk.size_bytes}"
        raise ObjectDamaged(key=chunk.key, bucket=vault.bucket, firm=vault.firm, reason=reason)
    try:
        for header in target.index.headers(chunk):
            _create(target.folder, header, plain)
        for piece in target.index.pieces(chunk):
            _write(target.folder, piece, plain)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        free = shutil.disk_usage(target.folder).free
        raise DiskFull(place=target.folder, needed=chunk.size_bytes, free=free) from error
    step.advance(chunk.size_bytes)


def _create(folder: Path, header: Header, plain: memoryview) -> None:
    """Folders and empty files; a file with content may already have been begun by another worker.

    PostgreSQL lists links in tablespace_map and sends none, and a link could lead a later member anywhere.
    """
    block = bytes(plain[header.chunk_offset : header.chunk_offset + TAR_BLOCK_BYTES])
    entry = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    path = folder / header.member.name
    if entry.isdir():
        path.mkdir(mode=0o700, exist_ok=True)
    elif not entry.isreg():
        raise MemberOutside(archive=header.member.name, member=entry.linkname)
    else:
        os.close(_open(path))
        path.chmod(entry.mode & 0o750)


def _write(folder: Path, piece: Piece, plain: memoryview) -> None:
    descriptor = _open(folder / piece.member.name)
    try:
        rest = plain[piece.chunk_offset : piece.chunk_offset + piece.length]
        offset = piece.file_offset
        while rest:
            written = os.pwrite(descriptor, rest, offset)
            rest, offset = rest[written:], offset + written
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
