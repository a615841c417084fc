"""The two things that write a key of a vault again: the restore kit's page, and the repair of what is damaged.

Each on condition that nobody else wrote since it was looked at. What lies below stays, as long as Object Lock holds it.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

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
    vault.prove()
    if over:
        vault.store.put_over(key, body, etag=over, metadata=metadata or {}, locked_until=locked_until)
    else:
        vault.store.put_if_absent(key, body, metadata=metadata or {}, locked_until=locked_until)
