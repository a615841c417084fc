"""The two things that write a key of a vault again: the restore kit's page, and the repair of what is damaged.

Each on condition that nobody else wrote since it was looked at. What lies below stays, as long as Object Lock holds it.
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from muniment.adapters.aws.errors import store_errors
from muniment.adapters.vault.authenticity import code_of
from muniment.adapters.vault.vault import Vault


def replace(vault: Vault, key: str, body: bytes) -> bool:
    """Writes ``body`` over what ``key`` holds, without a lock; False where it is there already, code and all.

    For the restore kit alone. Raises ``AlreadyRegistered`` where somebody else wrote since it was looked at.
    """
    told, there = code_of(vault, key, body), vault.head(key)
    if there is not None and there.sha256 == hashlib.sha256(body).hexdigest() and there.metadata == told:
        return False
    mend(vault, key, body, over=there.etag if there else None, locked_until=None, metadata=told)
    return True


def mend(
    vault: Vault,
    key: str,
    body: bytes,
    *,
    over: str | None,
    locked_until: datetime | None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Writes a new version over the one whose ETag is ``over``, or where there is none. The caller has proven that
    ``body`` belongs here: a damaged version under Object Lock cannot go, so what is right lies on top of it.

    Raises ``AlreadyRegistered`` where somebody else wrote since ``over`` was looked at.
    """
    unchanged: dict[str, Any] = {"IfMatch": over} if over else {"IfNoneMatch": "*"}
    with store_errors("PutObject", vault.bucket, key):
        vault.s3.put_object(
            Bucket=vault.bucket,
            Key=key,
            Body=body,
            ChecksumSHA256=base64.b64encode(hashlib.sha256(body).digest()).decode(),
            Metadata=dict(metadata or {}),
            **unchanged,
            **vault.at_rest(),
            **vault.lock(locked_until),
        )
