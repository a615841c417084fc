"""Documents out of a vault: as files of a folder, and as links that expire."""

import hashlib
import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from muniment.adapters.host.durable_files import whole_file
from muniment.adapters.host.file_systems import room_in
from muniment.adapters.site.logins import Login
from muniment.adapters.store.port import ObjectStore
from muniment.adapters.store.retry import retry_store
from muniment.adapters.store.s3 import S3Store
from muniment.adapters.vault.vault import Vault
from muniment.domain.vault.registers import DocumentVersion

PIECE_BYTES = 2**20
LONGEST_LINK = timedelta(days=7)  # Signature Version 4's limit, whatever the credentials last


@retry_store
def write_file(vault: Vault, version: DocumentVersion, path: Path) -> None:
    """The document's bytes, checked on the way; the name appears when they are whole.

    Raises ``ObjectMissing``, ``ObjectDamaged`` or ``DiskFull``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, size_bytes = hashlib.sha256(), 0
    with room_in(version.size_bytes, path.parent), whole_file(path, durable=False) as out:
        for piece in vault.store.pieces(version.object, PIECE_BYTES):
            digest.update(piece)
            size_bytes += len(piece)
            out.write(piece)
        if size_bytes != version.size_bytes or version.sha256 not in {None, digest.hexdigest()}:
            reason = f"its bytes are not those of version {version.version_id} of {version.bucket}/{version.key}"
            raise vault.damaged(version.object, reason)
        out.flush()
        stamp = version.modified_at.timestamp()
        os.utime(out.fileno(), (stamp, stamp))


@dataclass(frozen=True, slots=True)
class LinkSigner:
    """Signs links to a vault's objects. What is under SSE-KMS, as all of a vault is, needs Signature Version 4, which
    botocore does not use by itself in every region; and the vault's own region is part of what is signed."""

    store: ObjectStore

    @classmethod
    def of(cls, vault: Vault, login: Login) -> "LinkSigner":
        own = login.extra.get("config_kwargs", {})
        extra = {**login.extra, "config_kwargs": {**own, "signature_version": "s3v4"}}
        signing = Login(login.id, login.host, login.port, login.user, login.password, login.schema, extra)
        return cls(S3Store(vault.bucket, vault.region, signing.clients()("s3", vault.region)))

    def link(self, version: DocumentVersion, lasting: timedelta) -> str:
        """Whoever has it reads this one document until it expires, or the credentials that signed it do."""
        name = version.key.rpartition("/")[2] or "document"
        return self.store.link(version.object, file_name=name, lasting=lasting)
