"""Deletes object versions for good: the only place that does, leases apart.

One request a version and not DeleteObjects' thousand: its answer then says plainly which one was refused, S3 charges
nothing for either, and the role needs no ``s3:DeleteObject``, which would let it lay delete markers over anything.
"""

from collections.abc import Iterable

from muniment.adapters.concurrency import at_once
from muniment.adapters.store.retry import retry_store
from muniment.adapters.vault.vault import Vault
from muniment.domain.stored_object import ObjectVersion


def delete_versions(vault: Vault, versions: Iterable[ObjectVersion], *, workers: int = 1) -> tuple[str, ...]:
    """Returns the keys that Object Lock kept; the lock is never bypassed. In the given order with one worker.

    Raises ``AccessDenied`` for a version that is not locked and may not be deleted all the same. A version that is gone
    already is no error: a killed run has deleted it.
    """

    @retry_store
    def delete(version: ObjectVersion) -> tuple[str, bool]:
        vault.prove()
        return version.key, vault.store.delete_version(version.key, version.version_id)

    return tuple(sorted(key for key, is_gone in at_once(delete, versions, workers) if not is_gone))
