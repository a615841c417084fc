"""Is a firm's KMS key usable? Asked by using it."""

from collections.abc import Mapping
from typing import Any

from muniment.adapters.aws.errors import store_errors
from muniment.errors import KeyUnusable, ObjectMissing, StoreRefused

_PROBE = b"muniment check_firm"


def key_fault(kms: Any, key: str, context: Mapping[str, str]) -> tuple[str, str] | None:
    """What is wrong and the remedy, or ``None`` after GenerateDataKey, Encrypt and Decrypt have all worked.

    Raises ``StoreUnavailable`` where KMS does not answer.
    """
    try:
        _round_trip(kms, key, dict(context))
    except (KeyUnusable, StoreRefused, ObjectMissing) as refused:
        return _reason(kms, key, refused)
    return None


def _round_trip(kms: Any, key: str, context: dict[str, str]) -> None:
    with store_errors("GenerateDataKey", key, service="KMS"):
        made = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=context)
    with store_errors("Decrypt", key, service="KMS"):
        back = kms.decrypt(KeyId=key, CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)
    with store_errors("Encrypt", key, service="KMS"):
        sealed = kms.encrypt(KeyId=key, Plaintext=_PROBE, EncryptionContext=context)
    with store_errors("Decrypt", key, service="KMS"):
        opened = kms.decrypt(KeyId=key, CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=context)
    if back["Plaintext"] != made["Plaintext"] or opened["Plaintext"] != _PROBE:
        raise KeyUnusable(key=key, reason="it decrypts to something else than was encrypted")


def _reason(kms: Any, key: str, refused: KeyUnusable | StoreRefused | ObjectMissing) -> tuple[str, str]:
    region = key.split(":")[3]
    arguments = f"--region {region} --key-id {key}"
    state = _state(kms, key)
    if state == "PendingDeletion":
        return (
            f"key {key} is pending deletion",
            f"at once: `aws kms cancel-key-deletion {arguments}`, then `aws kms enable-key {arguments}`; "
            "without it every backup under it is lost.",
        )
    if state == "Disabled":
        return f"key {key} is disabled", f"find out who disabled it, then `aws kms enable-key {arguments}`."
    reason = refused.facts.get("reason", "there is no such key")
    return (
        f"key {key} cannot be used: {reason}",
        "compare the role's policy with docs/iam/muniment-firm.json and the key's with docs/iam/key-policy.json.",
    )


def _state(kms: Any, key: str) -> str | None:
    """``None`` where we may not even ask."""
    try:
        return describe_key(kms, key)
    except (KeyUnusable, StoreRefused, ObjectMissing):
        return None


def describe_key(kms: Any, key: str) -> str:
    """Its state. Raises ``ObjectMissing`` where there is no such key."""
    with store_errors("DescribeKey", key, service="KMS"):
        return str(kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"])
