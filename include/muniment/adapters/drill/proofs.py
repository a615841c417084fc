"""The proof beside a record of drills: a signature that anybody verifies, or a digest sealed under the vaults' keys."""

import hashlib
from collections.abc import Callable
from datetime import datetime

from muniment.adapters.aws.signing import SigningKey, is_signed
from muniment.adapters.site.site import Site
from muniment.adapters.vault.vault import Vault

type Named = Callable[[str], str]
"""Ending → the key of what lies beside a record: its proof (``sig`` and ``pem``, or ``seal``) and its pages."""


def signing_key(site: Site) -> SigningKey | None:
    arn = site.firm.signing_key
    return SigningKey(arn, site.clients("kms", arn.split(":")[3])) if arn else None


def write_proof(vault: Vault, key: SigningKey | None, named: Named, record: bytes, *, locked_until: datetime) -> None:
    """Signed or sealed twice it is other bytes each time: what a try before this one has left is as good."""
    ending = "seal" if key is None else "sig"
    is_left = vault.head(named(ending)) is not None
    if key is None:
        if not is_left:
            vault.put_sealed(named(ending), _digest(record), locked_until=locked_until)
        return
    if not is_left:
        vault.put(named(ending), key.sign(record), locked_until=locked_until)
    vault.put(named("pem"), key.public_key(), locked_until=locked_until)


def is_proven(vault: Vault, record: bytes, named: Named, *, is_signed_one: bool, public_key: bytes | None) -> bool:
    """Raises ``ObjectMissing`` where there is no proof."""
    if not is_signed_one:
        return vault.get_sealed(named("seal")) == _digest(record)
    return is_signed(record, vault.get(named("sig")), public_key or vault.get(named("pem")))


def _digest(record: bytes) -> bytes:
    return hashlib.sha256(record).hexdigest().encode()
