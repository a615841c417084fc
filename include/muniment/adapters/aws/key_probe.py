"""Is a firm's KMS key usable? Asked by using it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from muniment.adapters.aws.errors import store_errors
from muniment.errors import KeyUnusable, ObjectMissing, StoreRefused

_PROBE = b"muniment check_firm"


def key_fault(kms: Any, key: str, context: Mapping[str, str]) -> tuple[str, str] | None:
    """What is wrong and the remedy, or ``None`` after GenerateDataKey, Encrypt and Decrypt have all worked.

    Raises ``StoreUnavailable`` where KMS does not answer.
    """
    try:
        _make_data_key(kms, key, dict(context))
        _seal(kms, key, dict(context))
    except (KeyUnusable, StoreRefused, ObjectMissing) as refused:
        return _reason(key, refused, _state(kms, key)[0])
    return None


@dataclass(frozen=True, slots=True)
class KeySeen:
    """``fault``: why it is of no use, or will not be for long."""

    fault: str | None
    is_pending_deletion: bool


def look_at_key(kms: Any, key: str, context: Mapping[str, str]) -> KeySeen:
    """By what KMS says of it, and by use: GenerateDataKey and Decrypt alone, for whoever may only read.

    Raises ``StoreUnavailable`` where KMS does not answer.
    """
    state, untold = _state(kms, key)
    refused: KeyUnusable | StoreRefused | ObjectMissing | None = untold
    try:
        _make_data_key(kms, key, dict(context))
    except (KeyUnusable, StoreRefused, ObjectMissing) as why:
        refused = why
    if refused is None and state != "Enabled":
        refused = KeyUnusable(key=key, reason=f"its state is {state}")
    return KeySeen(_reason(key, refused, state)[0] if refused else None, state == "PendingDeletion")


def _make_data_key(kms: Any, key: str, context: dict[str, str]) -> None:
    with store_errors("GenerateDataKey", key, service="KMS"):
        made = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=context)
    _prove_opens(kms, key, made["CiphertextBlob"], made["Plaintext"], context)


def _seal(kms: Any, key: str, context: dict[str, str]) -> None:
    with store_errors("Encrypt", key, service="KMS"):
        sealed = kms.encrypt(KeyId=key, Plaintext=_PROBE, EncryptionContext=context)
    _prove_opens(kms, key, sealed["CiphertextBlob"], _PROBE, context)


def _prove_opens(kms: Any, key: str, sealed: bytes, plain: bytes, context: dict[str, str]) -> None:
    with store_errors("Decrypt", key, service="KMS"):
        opened = kms.decrypt(KeyId=key, CiphertextBlob=sealed, EncryptionContext=context)
    if opened["Plaintext"] != plain:
        raise KeyUnusable(key=key, reason="it decrypts to something else than was encrypted")


def _reason(key: str, refused: KeyUnusable | StoreRefused | ObjectMissing, state: str | None) -> tuple[str, str]:
    region = key.split(":")[3]
    arguments = f"--region {region} --key-id {key}"
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


def _state(kms: Any, key: str) -> tuple[str | None, KeyUnusable | StoreRefused | ObjectMissing | None]:
    """And why we may not even ask."""
    try:
        return describe_key(kms, key), None
    except (KeyUnusable, StoreRefused, ObjectMissing) as refused:
        return None, refused


def describe_key(kms: Any, key: str) -> str:
    """Its state. Raises ``ObjectMissing`` where there is no such key."""
    with store_errors("DescribeKey", key, service="KMS"):
        return str(kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"])
