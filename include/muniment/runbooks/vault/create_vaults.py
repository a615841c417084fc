"""A firm's first run: its two vaults, locked down, and the mark that says whose they are, written last."""

from datetime import datetime

from muniment.adapters.site.site import SIDES, Side, Site
from muniment.adapters.vault.authenticity import mac_key, new_mac_key, put_mark, wrapped
from muniment.adapters.vault.vault import Vault
from muniment.domain.vault import keys
from muniment.domain.vault.firm_mark import FirmMark
from muniment.errors import AlreadyRegistered, UnmarkedVault, VaultNotSafe, WrongVault, keeping
from muniment.ports import Clock
from muniment.runbooks.identity import prove_cluster, prove_pinned, prove_vault, replica_away
from muniment.runbooks.vault.bring_adoption import bring_adoption

LOST = "it is gone, and the other vault holds recovery points"

_KEPT = "every object that there was; what was made of the vaults stays, and the next run goes on with it"

type Marks = dict[Side, FirmMark | None]
"""Without the replica where its region is away and the firm's first run has long been."""


def create_vaults(site: Site, *, clock: Clock, replace_lost: bool = False) -> tuple[str, ...]:
    """Makes what is missing and returns what was done, nothing on every later run.

    Raises ``WrongCluster`` or ``WrongVault`` before anything is written, ``VaultNotSafe`` where a bucket that was
    there cannot be made a vault, or where a vault is gone that must have been there (``replace_lost`` makes it anew).
    Run again after a crash at any step it goes on from there. A vault that bears its mark is complete: what was
    changed on it later is for a person to see, so check_firm reports it.
    """
    marks = prove_marks(site)
    if not replace_lost and (lost := lost_vault(site, marks)):
        raise VaultNotSafe(bucket=lost.bucket, firm=site.firm.id, findings=LOST)
    system_identifier = site.postgres.system_identifier()
    done: list[str] = []
    with keeping(_KEPT):
        for side in (side for side, mark in marks.items() if mark is None):
            vault = site.vault(side)
            done += _lock_down(vault)
            _mark(site, side, system_identifier, clock())
            done.append(f"{vault.bucket}: {keys.FIRM}")
        if len(marks) == len(SIDES):
            done += bring_adoption(site, clock=clock)
    return tuple(done)


def prove_marks(site: Site) -> Marks:
    """The vaults' marks, ``None`` where a vault is not made yet, once nothing is found to be another's.

    Raises ``WrongCluster`` or ``WrongVault``; ``StoreUnavailable`` where a vault that has to be made cannot be seen.
    """
    primary = _find_mark(site, "primary")
    if primary is not None:
        prove_cluster(site, primary)
    if primary is not None and replica_away(site):
        return {"primary": primary}
    replica = _find_mark(site, "replica")
    if replica is not None and not (primary and replica.precedes(primary)):
        prove_cluster(site, replica)
    if primary is None and replica is None:
        prove_pinned(site, site.postgres.system_identifier())
    return {"primary": primary, "replica": replica}


def _find_mark(site: Site, side: Side) -> FirmMark | None:
    vault = site.vault(side)
    region = vault.store.bucket_region()
    if region is None:
        return None
    if region != vault.region:
        raise WrongVault(
            bucket=vault.bucket, expected=f"{vault.firm} in {vault.region}", actual=f"somebody in {region}"
        )
    if vault.head(keys.FIRM) is not None:
        return _prove_mark(site, side)
    if vault.store.holds_anything():
        raise UnmarkedVault(bucket=vault.bucket, firm=vault.firm)
    return None


def _prove_mark(site: Site, side: Side) -> FirmMark:
    vault = site.vault(side)
    mark = prove_vault(vault)
    if mark.role != side:
        raise WrongVault(bucket=vault.bucket, expected=f"{vault.firm} ({side})", actual=f"{mark.firm} ({mark.role})")
    return mark


def lost_vault(site: Site, marks: Marks) -> Vault | None:
    """The one that is gone while the other one holds recovery points: no crash of ours leaves that behind."""
    present = [side for side, mark in marks.items() if mark]
    if len(marks) < len(SIDES):
        return None
    if len(present) != 1 or next(site.vault(present[0]).list(keys.POINTS), None) is None:
        return None
    return site.other(present[0])


def _lock_down(vault: Vault) -> list[str]:
    done = []
    if vault.store.bucket_region() is None:
        vault.store.create_bucket()
        done.append(f"{vault.bucket}: bucket")
    for protection, _ in vault.store.missing_protections():
        protection.apply()
        done.append(f"{vault.bucket}: {protection.name}")
    still = vault.store.missing_protections()
    if still:
        raise VaultNotSafe(bucket=vault.bucket, firm=vault.firm, findings="; ".join(fault for _, fault in still))
    return done


def _mark(site: Site, side: Side, system_identifier: int, now: datetime) -> None:
    """Two first runs at once: the second one finds the first one's mark, and takes that one's key into the other vault.

    Both vaults have one MAC key, so that what is copied from one to the other is authentic there too.
    """
    vault, other = site.vault(side), site.other(side)
    is_other_made = other.head(keys.FIRM) is not None
    found = mac_key(other) if is_other_made else new_mac_key()
    mark = FirmMark(
        firm=vault.firm,
        system_identifier=system_identifier,
        role=side,
        created_at=now,
        mac_key=wrapped(vault, found) if found else None,
        former=prove_vault(other).former if is_other_made else (),
    )
    try:
        put_mark(vault, mark)
    except AlreadyRegistered:
        prove_cluster(site, _prove_mark(site, side))
