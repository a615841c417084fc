"""The proof beside a record of drills: a signature that anybody verifies, or a digest sealed under the vaults' keys."""

import hashlib
from collections.abc import Callable
from datetime import datetime

from pydantic import ValidationError

from include.muniment.adapters.signing import SigningKey, is_signed
from include.muniment.adapters.site import Site
from include.muniment.adapters.vault import Vault
from include.muniment.domain.register import Document
from include.muniment.errors import ObjectDamaged

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


def parsed[D: Document](vault: Vault, key: str, text: bytes, record: type[D]) -> D:
    """Raises ``ObjectDamaged`` for what is no such record any more: a changed byte may be anywhere in it."""
    try:
        return record.from_json(text)
    except ValidationError as error:
        reason = f"it is no record of a drill: {error.errors()[0]['msg']}"
        raise ObjectDamaged(key=key, bucket=vault.bucket, firm=vault.firm, reason=reason) from error


def _digest(record: bytes) -> bytes:
    return hashlib.sha256(record).hexdigest().encode()
