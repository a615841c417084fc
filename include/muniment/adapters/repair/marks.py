"""What two vaults' ``firm.json`` are worth, whoever wrote them last: for the repair of one of them.

Nothing here takes the MAC key that a vault has kept: it is the mark of this moment that is looked at.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from muniment.adapters.site.site import Side
from muniment.adapters.vault.authenticity import parsed, prove_mark, wrapped, written
from muniment.adapters.vault.vault import Vault
from muniment.domain.repair.plan import MarkMending
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault import keys, mac
from muniment.domain.vault.firm_mark import FirmMark
from muniment.errors import Damaged, ObjectDamaged

_LOOKED_AT = 20
"""Objects of each kind, among which one that is the firm's shows whose bucket it is."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A mark that proves itself, and the MAC key that it brings (``None``: from before there were any)."""

    mark: FirmMark
    mac_key: bytes | None
    etag: str

    def agrees_with(self, other: "Sound") -> bool:
        """One that has not heard of the other's adoption yet is no contradiction: it hears of it next."""
        one, two = self.mark, other.mark
        same = one.system_identifier == two.system_identifier or one.precedes(two) or two.precedes(one)
        return self.mac_key == other.mac_key and same


@dataclass(frozen=True, slots=True)
class Unsound:
    """``etag``: of what is current; ``None`` where nothing is."""

    why: str
    etag: str | None


def look(vault: Vault, role: Side) -> Sound | Unsound:
    """What ``firm.json`` is now. Raises ``KeyUnusable`` and whatever else is no fault of the mark's."""
    there = vault.head(keys.FIRM)
    if there is None:
        return Unsound("it lies under a delete marker" if _has_versions(vault) else "it is missing", None)
    try:
        return _version(vault, there, role)
    except ObjectDamaged as damage:
        return Unsound(str(damage.facts["reason"]), there.etag)


def _has_versions(vault: Vault) -> bool:
    return next(_versions(vault), None) is not None


def _versions(vault: Vault) -> Iterator[ObjectVersion]:
    """Newest first, delete markers left out."""
    there = [found for found in vault.list_versions(keys.FIRM) if found.key == keys.FIRM]
    yield from sorted((v for v in there if not v.is_delete_marker), key=lambda v: v.modified_at, reverse=True)


def _version(vault: Vault, version: ObjectVersion, role: Side) -> Sound:
    stored = vault.read(keys.FIRM, version_id=version.version_id)
    mark = parsed(vault, FirmMark, keys.FIRM, stored[0])
    if mark.firm != vault.firm:
        raise vault.damaged(keys.FIRM, f"it names {mark.firm!r}, not {vault.firm}")
    if mark.role != role:
        raise vault.damaged(keys.FIRM, f"it says that this is the {mark.role} vault, not the {role}")
    return Sound(*prove_mark(vault, *stored), version.etag)


def own_version(vault: Vault, role: Side, why: Unsound, other: Sound) -> MarkMending | None:
    """From the newest of the vault's own versions that is right, which the other vault's mark shows.

    One from before an adoption that the other vault knows of would take it back."""
    for version in _versions(vault):
        try:
            found = _version(vault, version, role)
        except Damaged:
            continue
        if found.agrees_with(other) and not found.mark.precedes(other.mark):
            body, metadata = vault.read(keys.FIRM, version_id=version.version_id)
            how = f"its own version {version.version_id} of {version.modified_at:%Y-%m-%d %H:%M:%S} UTC is right"
            return MarkMending(vault.bucket, vault.bucket, how, why.why, body, metadata, why.etag)
    return None


def made_anew(vault: Vault, role: Side, why: Unsound, other: Sound, other_bucket: str) -> MarkMending:
    """Same firm, cluster, time and MAC key as the other vault's; its own role, its key wrapped for this place."""
    key = wrapped(vault, other.mac_key) if other.mac_key else None
    body, metadata = written(vault, other.mark.model_copy(update={"role": role, "mac_key": key}))
    how = f"made anew from that of {other_bucket}: same firm, cluster and MAC key, own role"
    return MarkMending(vault.bucket, other_bucket, how, why.why, body, metadata, why.etag)


def is_of(vault: Vault, mac_key: bytes) -> bool:
    """Whether anything in the bucket shows that it is the firm's: plain objects by their code, WAL by decrypting."""
    plain = chain.from_iterable(vault.list(each) for each in (keys.POINTS, keys.HOLDS, keys.RESTORE_KIT))
    if any(_is_authentic(vault, mac_key, found.key) for found in islice(plain, _LOOKED_AT)):
        return True
    return any(_opens(vault, found.key) for found in islice(vault.list(keys.WAL), _LOOKED_AT))


def _is_authentic(vault: Vault, mac_key: bytes, key: str) -> bool:
    body, metadata = vault.read(key)
    return mac.mac_fault(mac_key, key, hashlib.sha256(body).hexdigest(), metadata.get(mac.METADATA)) is None


def _opens(vault: Vault, key: str) -> bool:
    try:
        vault.get_sealed_start(key)
    except Damaged:
        return False
    return True
