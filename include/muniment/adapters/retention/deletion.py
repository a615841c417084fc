"""Deletes object versions for good: the only place that does.

One request a version and not DeleteObjects' thousand: its answer then says plainly which one was refused, S3 charges
nothing for either, and the role needs no ``s3:DeleteObject``, which would let it lay delete markers over anything.
"""

from collections.abc import Iterable

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from muniment.adapters.aws.errors import store_errors
from muniment.adapters.concurrency import at_once
from muniment.adapters.vault.vault import Vault
from muniment.domain.vault.inventory import ObjectVersion
from muniment.errors import AccessDenied, ObjectMissing, StoreUnavailable

_delete_again = retry(
    retry=retry_if_exception_type(StoreUnavailable),
    stop=stop_after_attempt(4),
    wait=wait_exponential_jitter(multiplier=0.5, max=20),
    reraise=True,
)


def delete_versions(vault: Vault, versions: Iterable[ObjectVersion], *, workers: int = 1) -> tuple[str, ...]:
    """Returns the keys that Object Lock kept; the lock is never bypassed. In the given order with one worker.

    Raises ``AccessDenied`` for a version that is not locked and may not be deleted all the same. A version that is gone
    already is no error: a killed run has deleted it.
    """
    deleted = at_once(lambda version: (version.key, _delete(vault, version)), versions, workers)
    return tuple(sorted(key for key, is_gone in deleted if not is_gone))


@_delete_again
def _delete(vault: Vault, version: ObjectVersion) -> bool:
    """False where Object Lock keeps it."""
    try:
        with store_errors("DeleteObjectVersion", vault.bucket, version.key):
            vault.s3.delete_object(Bucket=vault.bucket, Key=version.key, VersionId=version.version_id)
    except ObjectMissing:
        return True
    except AccessDenied:
        if version.is_delete_marker or not _is_locked(vault, version):
            raise
        return False
    return True


def _is_locked(vault: Vault, version: ObjectVersion) -> bool:
    with store_errors("HeadObject", vault.bucket, version.key):
        found = vault.s3.head_object(Bucket=vault.bucket, Key=version.key, VersionId=version.version_id)
    return "ObjectLockRetainUntilDate" in found or found.get("ObjectLockLegalHoldStatus") == "ON"
