"""The evidence of drills in a vault: the JSON that makes a drill exist, and what lies beside it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from include.muniment.adapters.signing import SigningKey, is_signed
from include.muniment.adapters.site import Site
from include.muniment.adapters.vault import Vault
from include.muniment.domain import keys
from include.muniment.domain.drill_evidence import Drill
from include.muniment.errors import ObjectDamaged


@dataclass(frozen=True, slots=True)
class Proof:
    """What shows later that the evidence is unchanged: a signature, or nothing but a digest under the vaults' keys."""

    signature: bytes | None = None
    public_key: bytes | None = None


def signing_key(site: Site) -> SigningKey | None:
    arn = site.firm.signing_key
    return SigningKey(arn, site.clients("kms", arn.split(":")[3])) if arn else None


def write_evidence(site: Site, drill: Drill, page: bytes, *, locked_until: datetime) -> None:
    """Page and proof into both vaults, then the evidence itself, the primary vault's last: now the drill exists."""
    evidence = drill.to_json()
    key = signing_key(site)
    proof = Proof(key.sign(evidence), key.public_key()) if key else Proof()
    vaults = (site.replica, site.primary)
    for vault in vaults:
        vault.put(keys.drill_page(drill.id), page, locked_until=locked_until)
        _put_proof(vault, drill.id, evidence, proof, locked_until)
    for vault in vaults:
        vault.put_register(keys.drill(drill.id), drill, locked_until=locked_until)


def _put_proof(vault: Vault, drill_id: str, evidence: bytes, proof: Proof, locked_until: datetime) -> None:
    if proof.signature is None or proof.public_key is None:
        digest = hashlib.sha256(evidence).hexdigest().encode()
        vault.put_sealed(keys.drill_seal(drill_id), digest, locked_until=locked_until)
        return
    vault.put(keys.drill_signature(drill_id), proof.signature, locked_until=locked_until)
    vault.put(keys.drill_public_key(drill_id), proof.public_key, locked_until=locked_until)


def drill_ids(vault: Vault) -> list[str]:
    """Oldest first."""
    names = (item.key.removeprefix(keys.DRILLS) for item in vault.list(keys.DRILLS))
    return [name.removesuffix(".json") for name in names if name.endswith(".json")]


def find_drill(vault: Vault, drill_id: str) -> Drill:
    return Drill.from_json(vault.get(keys.drill(drill_id)))


def drills(vault: Vault) -> tuple[Drill, ...]:
    """Every drill of the firm, oldest first."""
    return tuple(find_drill(vault, drill_id) for drill_id in drill_ids(vault))


def prove_evidence(vault: Vault, drill_id: str, *, public_key: bytes | None = None) -> None:
    """Raises ``ObjectDamaged`` where the evidence is not what was signed or sealed, ``ObjectMissing`` for its proof.

    ``public_key`` (PEM) is one that was kept outside of the vault.
    """
    evidence = vault.get(keys.drill(drill_id))
    if Drill.from_json(evidence).signing_key is None:
        sealed = vault.get_sealed(keys.drill_seal(drill_id))
        is_right = sealed == hashlib.sha256(evidence).hexdigest().encode()
    else:
        known = public_key or vault.get(keys.drill_public_key(drill_id))
        is_right = is_signed(evidence, vault.get(keys.drill_signature(drill_id)), known)
    if not is_right:
        reason = "it is not what was signed when the drill ended"
        raise ObjectDamaged(key=keys.drill(drill_id), bucket=vault.bucket, firm=vault.firm, reason=reason)
