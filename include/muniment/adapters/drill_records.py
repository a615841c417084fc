"""The evidence of drills in a vault: the JSON that makes a drill exist, what lies beside it, and who signed it off."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime

from include.muniment.adapters.authenticity import read_register
from include.muniment.adapters.drill_page import page_of
from include.muniment.adapters.drill_pdf import pdf_of
from include.muniment.adapters.signing import SigningKey, is_signed
from include.muniment.adapters.site import Site
from include.muniment.adapters.vault import Vault
from include.muniment.domain import keys
from include.muniment.domain.drill_evidence import Drill
from include.muniment.domain.sign_off import SignOff
from include.muniment.errors import ObjectDamaged, ObjectMissing

type Named = Callable[[str], str]
"""Ending → the key of what lies beside a record: its pages, and its proof (``sig`` and ``pem``, or ``seal``)."""


def signing_key(site: Site) -> SigningKey | None:
    arn = site.firm.signing_key
    return SigningKey(arn, site.clients("kms", arn.split(":")[3])) if arn else None


def write_evidence(site: Site, drill: Drill, *, locked_until: datetime) -> Drill:
    """Pages and proof into both vaults, then the evidence itself, the primary vault's last: now the drill exists.

    Returns it with its pages' sums.
    """
    pages = {"html": page_of(drill).encode(), "pdf": pdf_of(drill)}
    drill = drill.model_copy(update={"pages": _sums(pages)})
    _write_beside(site, _beside_evidence(drill.id), drill.to_json(), pages, locked_until)
    for vault in (site.replica, site.primary):
        vault.put_register(keys.drill(drill.id), drill, locked_until=locked_until)
    return drill


def write_sign_off(site: Site, drill: Drill, sign_off: SignOff, *, locked_until: datetime) -> SignOff:
    """As ``write_evidence``, with pages that show it; the same answer may be written again after a try that was killed.

    Raises ``AlreadyRegistered`` where another one is there.
    """
    pages = {"html": page_of(drill, sign_off).encode(), "pdf": pdf_of(drill, sign_off)}
    sign_off = sign_off.model_copy(update={"pages": _sums(pages)})
    _write_beside(site, _beside_sign_off(sign_off), sign_off.to_json(), pages, locked_until)
    for vault in (site.replica, site.primary):
        vault.put_register(keys.sign_off(drill.id), sign_off, locked_until=locked_until)
    return sign_off


def complete_sign_off(site: Site, drill_id: str, *, locked_until: datetime) -> SignOff | None:
    """The record, if this drill has one; what a killed try has left in the replica vault alone is now in both."""
    there = sign_offs(site.replica).get(drill_id)
    if there is not None:
        site.primary.put_register(keys.sign_off(drill_id), there, locked_until=locked_until)
    return there


def drill_ids(vault: Vault) -> list[str]:
    return [name for name in _names(vault) if "." not in name]


def find_drill(vault: Vault, drill_id: str) -> Drill:
    return read_register(vault, Drill, keys.drill(drill_id))


def drills(vault: Vault) -> tuple[Drill, ...]:
    """Every drill of the firm, oldest first."""
    found = (find_drill(vault, drill_id) for drill_id in drill_ids(vault))
    return tuple(sorted(found, key=lambda drill: (drill.finished_at, drill.id)))


def sign_offs(vault: Vault) -> Mapping[str, SignOff]:
    """Drill id → who signed it off."""
    signed = [name.removesuffix(keys.SIGN_OFF) for name in _names(vault) if name.endswith(keys.SIGN_OFF)]
    return {drill_id: read_register(vault, SignOff, keys.sign_off(drill_id)) for drill_id in signed}


def prove_evidence(vault: Vault, drill_id: str, *, public_key: bytes | None = None) -> None:
    """Raises ``ObjectDamaged`` where the evidence is not what was signed or sealed, ``ObjectMissing`` for its proof.

    ``public_key`` (PEM) is one that was kept outside of the vault.
    """
    evidence = vault.get(keys.drill(drill_id))
    is_signed_one = Drill.from_json(evidence).signing_key is not None
    if not _is_right(vault, evidence, _beside_evidence(drill_id), is_signed_one, public_key):
        raise _changed(vault, keys.drill(drill_id), "it is not what was signed when the drill ended")


def prove_sign_off(vault: Vault, drill_id: str, *, public_key: bytes | None = None) -> None:
    """As ``prove_evidence``; also that the evidence is the one that the reviewer looked at."""
    text = vault.get(keys.sign_off(drill_id))
    sign_off = SignOff.from_json(text)
    is_signed_one = sign_off.signing_key is not None
    try:
        is_right = _is_right(vault, text, _beside_sign_off(sign_off), is_signed_one, public_key)
    except ObjectMissing:  # a record that was changed leads to another name
        is_right = False
    if not is_right:
        raise _changed(vault, keys.sign_off(drill_id), "it is not what was recorded when the drill was signed off")
    if hashlib.sha256(vault.get(keys.drill(drill_id))).hexdigest() != sign_off.drill_sha256:
        raise _changed(vault, keys.drill(drill_id), "it is not the evidence that was signed off")


def _names(vault: Vault) -> list[str]:
    """Of the JSON documents, without their ending."""
    found = (item.key.removeprefix(keys.DRILLS) for item in vault.list(keys.DRILLS))
    return [name.removesuffix(".json") for name in found if name.endswith(".json")]


def _sums(pages: Mapping[str, bytes]) -> dict[str, str]:
    return {ending: hashlib.sha256(page).hexdigest() for ending, page in pages.items()}


def _beside_evidence(drill_id: str) -> Named:
    return lambda ending: keys.beside_drill(drill_id, ending)


def _beside_sign_off(sign_off: SignOff) -> Named:
    return lambda ending: keys.beside_sign_off(sign_off.drill, sign_off.sha256, ending)


def _write_beside(site: Site, named: Named, record: bytes, pages: Mapping[str, bytes], locked_until: datetime) -> None:
    signed = _signed(site, named, record)
    for vault in (site.replica, site.primary):
        for ending, content in {**pages, **signed}.items():
            vault.put(named(ending), content, locked_until=locked_until)
        # Sealed twice it is other bytes each time: what a try before this one has left is as good.
        if not signed and vault.head(named("seal")) is None:
            vault.put_sealed(named("seal"), _digest(record), locked_until=locked_until)


def _signed(site: Site, named: Named, record: bytes) -> Mapping[str, bytes]:
    """A signature is another one each time, so that of a try before this one is taken up."""
    key = signing_key(site)
    if key is None:
        return {}
    left = site.replica.head(named("sig"))
    signature = site.replica.get(named("sig")) if left else key.sign(record)
    return {"sig": signature, "pem": key.public_key()}


def _is_right(vault: Vault, record: bytes, named: Named, is_signed_one: bool, public_key: bytes | None) -> bool:
    if not is_signed_one:
        return vault.get_sealed(named("seal")) == _digest(record)
    return is_signed(record, vault.get(named("sig")), public_key or vault.get(named("pem")))


def _digest(record: bytes) -> bytes:
    return hashlib.sha256(record).hexdigest().encode()


def _changed(vault: Vault, key: str, reason: str) -> ObjectDamaged:
    return ObjectDamaged(key=key, bucket=vault.bucket, firm=vault.firm, reason=reason)
