"""Documents out of a vault: as files of a folder, and as links that expire."""

import hashlib
import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from muniment.adapters.aws.errors import store_errors
from muniment.adapters.host.durable_files import whole_file
from muniment.adapters.site.logins import Login
from muniment.adapters.vault.vault import Vault
from muniment.domain.vault.registers import DocumentVersion
from muniment.errors import ObjectDamaged, StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PIECE_BYTES = 2**20
LONGEST_LINK = timedelta(days=7)  # Signature Version 4's limit, whatever the credentials last

_again = retry(
    retry=retry_if_exception_type(StoreUnavailable),
    stop=stop_after_attempt(4),
    wait=wait_exponential_jitter(multiplier=0.5, max=20),
    reraise=True,
)


@_again
def write_file(vault: Vault, version: DocumentVersion, path: Path) -> None:
    """The document's bytes, checked on the way; the name appears when they are whole.

    Raises ``ObjectMissing`` or ``ObjectDamaged``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, size_bytes = hashlib.sha256(), 0
    with whole_file(path, durable=False) as out:
        with store_errors("GetObject", vault.bucket, version.object):
            body = vault.s3.get_object(Bucket=vault.bucket, Key=version.object)["Body"]
            for piece in body.iter_chunks(PIECE_BYTES):
                digest.update(piece)
                size_bytes += len(piece)
                out.write(piece)
        if size_bytes != version.size_bytes or version.sha256 not in {None, digest.hexdigest()}:
            reason = f"its bytes are not those of version {version.version_id} of {version.bucket}/{version.key}"
            raise ObjectDamaged(key=version.object, bucket=vault.bucket, firm=vault.firm, reason=reason)
        out.flush()
        stamp = version.modified_at.timestamp()
        os.utime(out.fileno(), (stamp, stamp))


@dataclass(frozen=True, slots=True)
class LinkSigner:
    """Signs links to a vault's objects. What is under SSE-KMS, as all of a vault is, needs Signature Version 4, which
    botocore does not use by itself in every region; and the vault's own region is part of what is signed."""

    vault: Vault
    s3: "S3Client"

    @classmethod
    def of(cls, vault: Vault, login: Login) -> "LinkSigner":
        own = login.extra.get("config_kwargs", {})
        extra = {**login.extra, "config_kwargs": {**own, "signature_version": "s3v4"}}
        signing = Login(login.id, login.host, login.port, login.user, login.password, login.schema, extra)
        return cls(vault, signing.clients()("s3", vault.region))

    def link(self, version: DocumentVersion, lasting: timedelta) -> str:
        """Whoever has it reads this one document until it expires, or the credentials that signed it do."""
        name = quote(version.key.rpartition("/")[2] or "document", safe="")
        return self.s3.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self.vault.bucket,
                "Key": version.object,
                "ResponseContentDisposition": f"attachment; filename*=UTF-8''{name}",
            },
            ExpiresIn=int(lasting.total_seconds()),
        )
