"""A backup's manifest out of the vault, and which of its files lie on this machine already."""

import stat
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from crc32c import crc32c

from muniment.adapters.vault.fallback import FallbackVault
from muniment.domain.backup.layout import Layout
from muniment.domain.backup.manifest import Manifest, ManifestFile
from muniment.domain.vault.registers import Backup
from muniment.errors import ObjectDamaged
from muniment.ports import Step

_BLOCK_BYTES = 1 << 20


def read_manifest(source: FallbackVault, backup: Backup) -> tuple[Manifest, bytes]:
    """Raises ``ObjectDamaged`` where it does not have its own checksum, or differs from the register."""
    content = source.get_sealed(backup.manifest.key, sha256=backup.manifest.sha256)
    try:
        manifest = Manifest.parse(content)
        fault = manifest.fault(backup)
    except ValueError as error:
        fault = str(error)
        raise _damaged(source, backup, fault) from error
    if fault:
        raise _damaged(source, backup, fault)
    return manifest, content


def _damaged(source: FallbackVault, backup: Backup, reason: str) -> ObjectDamaged:
    home = source.preferred
    return home.damaged(backup.manifest.key, reason)


def whole_files(layout: Layout, files: Iterable[ManifestFile], *, step: Step, workers: int) -> frozenset[str]:
    """The paths of those that lie in their places with the manifest's size and checksum: every byte is read."""
    with ThreadPoolExecutor(workers, "compare") as pool:
        found = pool.map(lambda file: file.path if _is_whole(layout.place(file.path), file, step) else None, files)
        return frozenset(path for path in found if path is not None)


def _is_whole(place: Path, file: ManifestFile, step: Step) -> bool:
    try:
        there = place.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    if not stat.S_ISREG(there.st_mode) or there.st_size != file.size_bytes:
        return False
    step.advance(file.size_bytes)
    return checksum_of(place) == file.crc32c


def checksum_of(place: Path) -> int:
    checksum, buffer = 0, memoryview(bytearray(_BLOCK_BYTES))
    with place.open("rb", buffering=0) as content:
        while count := content.readinto(buffer):
            checksum = crc32c(buffer[:count], checksum)
    return checksum
