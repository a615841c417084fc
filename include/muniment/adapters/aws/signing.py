"""A firm's signature under its evidence: made by KMS, which never hands out the private key; verified by anybody."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from muniment.adapters.aws.errors import store_errors

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An ``ECC_NIST_P256`` key of usage ``SIGN_VERIFY``. Raises ``KeyUnusable`` or ``StoreRefused``."""

    arn: str
    kms: "KMSClient"

    def sign(self, content: bytes) -> bytes:
        """ECDSA over the sha256, in DER: what ``openssl dgst -sha256 -verify`` reads."""
        digest = hashlib.sha256(content).digest()
        with store_errors("Sign", self.arn, service="KMS"):
            signed = self.kms.sign(
                KeyId=self.arn, Message=digest, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256"
            )
        return signed["Signature"]

    def public_key(self) -> bytes:
        """PEM."""
        with store_errors("GetPublicKey", self.arn, service="KMS"):
            found = self.kms.get_public_key(KeyId=self.arn)
        return load_der_public_key(found["PublicKey"]).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def is_signed(content: bytes, signature: bytes, public_key: bytes) -> bool:
    """Needs no KMS. ``public_key`` is PEM: one that was kept elsewhere proves more than the one beside the evidence."""
    try:
        key = load_pem_public_key(public_key)
    except (ValueError, UnsupportedAlgorithm):  # it lies beside the evidence, and may be damaged as that may be
        return False
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    try:
        key.verify(signature, content, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True
