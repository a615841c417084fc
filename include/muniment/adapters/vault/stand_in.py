"""The key pair that stands in for the other region's KMS key while that region does not answer.

Its private half lies in both vaults, sealed under both KMS keys, and its public half beside it in clear. What is sealed
with the public half is opened in the other region as everything else is: with that region's KMS key and vault alone.
Whoever may only seal (docs/iam/wal-push.json) needs no more than the public half.
"""

import threading
from collections.abc import Callable
from typing import Any

from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import CreateRawRsaKeyringInput, PaddingScheme
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from muniment.adapters.vault.envelope import STAND_IN, any_of
from muniment.adapters.vault.vault import Vault
from muniment.domain.vault import keys

_NAMESPACE = "muniment"
_KEY_BITS = 3072  # as strong as AES-128, and what NIST SP 800-57 asks for beyond 2030


class VaultStandIn:
    """Reads the halves out of ``vault`` when they are first needed, once. Thread-safe."""

    def __init__(self, vault: Vault, own: Callable[[], Any], other: Callable[[], Any]) -> None:
        """``own``, ``other``: make the keyrings of the two KMS keys. ``vault`` itself must not need the stand-in."""
        self._vault = vault
        self._own = own
        self._other = other
        self._rings: dict[str, Any] = {}
        self._lock = threading.Lock()

    def sealing(self) -> Any:
        return self._once(
            "sealing", lambda: any_of(self._own(), stand_in_ring(public_key=read_public_key(self._vault)))
        )

    def opening(self) -> Any:
        def make() -> Any:
            return any_of(self._own(), stand_in_ring(private_key=read_private_key(self._vault)), self._other())

        return self._once("opening", make)

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        with self._lock:
            if name not in self._rings:
                self._rings[name] = make()
            return self._rings[name]


def read_private_key(vault: Vault) -> bytes:
    return vault.get_sealed(keys.STAND_IN_PRIVATE)


def read_public_key(vault: Vault) -> bytes:
    return vault.get(keys.STAND_IN_PUBLIC)


def new_private_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_key_of(private_key: bytes) -> bytes:
    key = load_pem_private_key(private_key, password=None)
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def stand_in_ring(*, public_key: bytes | None = None, private_key: bytes | None = None) -> Any:
    providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
    return providers.create_raw_rsa_keyring(
        CreateRawRsaKeyringInput(
            key_namespace=_NAMESPACE,
            key_name=STAND_IN,
            padding_scheme=PaddingScheme.OAEP_SHA256_MGF1,
            public_key=public_key,
            private_key=private_key,
        )
    )
