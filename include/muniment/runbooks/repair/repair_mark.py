"""One vault's ``firm.json`` comes back: from the vault's own older versions, or made anew from the other vault's.

Nothing of the firm is read without it, and every code is checked with the key that it brings, so it is looked at
first. The other vault's sound mark opens that key: only what it proves is written. A bucket without a right version
of its own, and without an object that the firm's key proves, may be a stranger's, and is left alone.
"""

from muniment.adapters.repair.marks import Sound, Unsound, is_of, look, made_anew, own_version
from muniment.adapters.site.site import SIDES, Side
from muniment.adapters.vault.authenticity import prove_mark
from muniment.adapters.vault.overwriting import mend
from muniment.adapters.vault.vault import Vault
from muniment.domain.repair.plan import MarkMending
from muniment.domain.vault import keys
from muniment.errors import MarkNotRepairable, VaultNotSafe, WrongVault
from muniment.runbooks.vault.create_vaults import LOST

_WITHOUT_KEY = "it has no MAC key, and the other vault's has one"


def find_mark_repair(vaults: tuple[Vault, Vault]) -> MarkMending | None:
    """``None`` where both marks are right. ``vaults``: primary and replica. Writes nothing.

    Raises ``MarkNotRepairable`` where neither proves itself or the two contradict each other, ``VaultNotSafe`` where
    a vault is gone as a whole, ``WrongVault`` where nothing shows that a bucket is the firm's.
    """
    one, other = _with_the_same_key(*(look(vault, side) for vault, side in zip(vaults, SIDES, strict=True)))
    match one, other:
        case Unsound(), Sound():
            return _mending(vaults[0], SIDES[0], one, other, vaults[1])
        case Sound(), Unsound():
            return _mending(vaults[1], SIDES[1], other, one, vaults[0])
        case Unsound(), Unsound():
            faults = f"{vaults[0].bucket}: {one.why}; {vaults[1].bucket}: {other.why}"
            raise _not_repairable(vaults[0], f"neither vault has one that proves itself: {faults}")
        case Sound(), Sound() if not one.agrees_with(other):
            raise _not_repairable(vaults[0], "each vault's proves itself, and they name different clusters or MAC keys")
    return None


def repair_mark(mark: MarkMending, vault: Vault) -> None:
    """Raises ``AlreadyRegistered`` where somebody wrote since, ``ObjectDamaged`` where it is not right afterwards."""
    mend(vault, keys.FIRM, mark.body, over=mark.over, locked_until=None, metadata=mark.metadata)
    body, metadata = vault.read(keys.FIRM)
    prove_mark(vault, body, metadata)
    if body != mark.body:
        raise vault.damaged(keys.FIRM, "it is not what was just written: somebody else writes it")


def _with_the_same_key(one: Sound | Unsound, other: Sound | Unsound) -> tuple[Sound | Unsound, Sound | Unsound]:
    """A mark without a key proves nothing beside one that has it: whoever may write can write such a one."""
    if isinstance(one, Sound) and isinstance(other, Sound):
        if one.mac_key is None and other.mac_key:
            return Unsound(_WITHOUT_KEY, one.etag), other
        if other.mac_key is None and one.mac_key:
            return one, Unsound(_WITHOUT_KEY, other.etag)
    return one, other


def _mending(vault: Vault, side: Side, why: Unsound, sound: Sound, other: Vault) -> MarkMending:
    if vault.store.bucket_region() is None or not vault.store.holds_anything():
        raise VaultNotSafe(bucket=vault.bucket, firm=vault.firm, findings=LOST)
    if sound.mac_key is None:
        reason = f"{vault.bucket}: {why.why}; the firm has no MAC key, so that nothing proves another version"
        raise _not_repairable(vault, reason)
    if own := own_version(vault, side, why, sound):
        return own
    if not is_of(vault, sound.mac_key):
        stranger = f"somebody else, for all that it shows ({keys.FIRM}: {why.why})"
        raise WrongVault(bucket=vault.bucket, expected=vault.firm, actual=stranger)
    return made_anew(vault, side, why, sound, other.bucket)


def _not_repairable(vault: Vault, reason: str) -> MarkNotRepairable:
    return MarkNotRepairable(firm=vault.firm, reason=reason)
