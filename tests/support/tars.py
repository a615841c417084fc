"""A stored base backup turned back into a data directory with tarfile alone: none of restore's code."""

import tarfile
from io import BytesIO
from pathlib import Path

from muniment.adapters.vault.vault import Vault
from muniment.domain.vault.registers import Archive, Backup


def tar_of(vault: Vault, archive: Archive) -> bytes:
    """Chunks of one archive decrypted, decompressed and concatenated are a plain tar."""
    return b"".join(vault.get_sealed(chunk.key, sha256=chunk.sha256) for chunk in archive.chunks)


def extract(vault: Vault, backup: Backup, folder: Path) -> Path:
    """Every archive into its place: tablespaces by their OID below ``pg_tblspc``, as folders instead of links."""
    folder.mkdir(parents=True)
    for archive in backup.archives:
        place = folder if archive.tablespace is None else folder / "pg_tblspc" / archive.name
        with tarfile.open(fileobj=BytesIO(tar_of(vault, archive))) as tar:
            tar.extractall(place, filter="fully_trusted")
    (folder / "backup_manifest").write_bytes(vault.get_sealed(backup.manifest.key, sha256=backup.manifest.sha256))
    return folder
