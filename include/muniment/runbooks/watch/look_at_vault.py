"""One look at a firm's vault: how far its WAL reaches and, by rotation, its key, its bucket and its registers."""

from contextlib import suppress
from datetime import datetime

from muniment.adapters.aws.key_probe import look_at_key
from muniment.adapters.site.site import Side, Site
from muniment.adapters.vault.authenticity import prove_anew
from muniment.adapters.vault.vault import Vault
from muniment.domain.recovery.wal_coverage import holes_between
from muniment.domain.vault import keys
from muniment.domain.vault.firm_mark import FirmMark
from muniment.domain.watch.server import ServerSeen
from muniment.domain.watch.vault import VaultSeen
from muniment.errors import KeyUnusable, MarkMissing, MunimentError, Permanent, Transient
from muniment.ports import Clock
from muniment.runbooks.identity import prove_vault
from muniment.runbooks.watch.held_wal import HeldWal
from muniment.runbooks.watch.newest_points import NewestPoints

PROBE = "watch"
"""The encryption context's ``muniment:key`` under which the watch tries a key: docs/iam/watch.json names it."""


def look_at_vault(
    site: Site, side: Side, before: VaultSeen | None, server: ServerSeen | None, *, whole: bool, clock: Clock
) -> VaultSeen:
    """Raises no ``MunimentError``: what could not be asked is said in ``unseen``, and what was known before stays with
    the time at which it was seen. One LIST, where nothing is new; ``whole``: everything that is looked at by rotation.

    ``server``: as it answered in this pass; ``None``: it did not. What is at risk is not computed here.
    """
    vault, now = site.hasty_vault(side), clock()
    known = _known(vault, side, before)
    points = NewestPoints(vault)
    whole = whole or known.seen_at is None
    look = HeldWal(vault, points, server, site.policy.point_in_time_window, now)
    try:
        if whole:
            look.mark = _proven(vault)
        held = look.after(known.held, whole=whole)
    except MunimentError as error:
        seen = known.model_copy(update={"unseen": error.what, "unseen_kind": type(error).__name__})
        return seen if isinstance(error, Transient) or not whole else _with_key(seen, site, vault, now)
    cluster = look.mark.system_identifier if look.mark else known.system_identifier
    held_lsn = held.end_lsn if held else None
    seen = known.model_copy(update={"seen_at": now, "system_identifier": cluster, "held": held, "held_lsn": held_lsn})
    if whole:
        seen = _with_registers(_with_settings(_with_key(seen, site, vault, now), vault, now), points)
    return seen


def _known(vault: Vault, side: Side, before: VaultSeen | None) -> VaultSeen:
    """What stays without a look: nothing, where the firm's file names another bucket now."""
    if before is None or before.bucket != vault.bucket:
        return VaultSeen(side=side, bucket=vault.bucket, region=vault.region, key=vault.kms_key, seen_at=None)
    unknown = dict.fromkeys(("unseen", "unseen_kind", "rpo_s", "at_risk_since", "behind_bytes"))
    return before.model_copy(update={**unknown, "region": vault.region, "key": vault.kms_key})


def _proven(vault: Vault) -> FirmMark:
    """The firm's, and written by the firm. By HEAD first: a region that is away is not waited for with patience."""
    if vault.head(keys.FIRM) is None:
        raise MarkMissing(key=keys.FIRM, bucket=vault.bucket, firm=vault.firm)
    mark = prove_vault(vault)
    with suppress(KeyUnusable):
        prove_anew(vault)
    return mark


def _with_key(seen: VaultSeen, site: Site, vault: Vault, now: datetime) -> VaultSeen:
    with suppress(Transient):
        key = look_at_key(site.hasty("kms", vault.region), vault.kms_key, vault.context(PROBE))
        return seen.model_copy(
            update={"key_fault": key.fault, "key_pending_deletion": key.is_pending_deletion, "key_seen_at": now}
        )
    return seen


def _with_settings(seen: VaultSeen, vault: Vault, now: datetime) -> VaultSeen:
    try:
        faults = {protection.name: fault for protection, fault in vault.store.missing_protections()}
    except Transient:
        return seen
    except Permanent as refused:
        faults = {"settings": refused.what}
    return seen.model_copy(update={"setting_faults": faults, "settings_seen_at": now})


def _with_registers(seen: VaultSeen, points: NewestPoints) -> VaultSeen:
    with suppress(MunimentError):
        if (newest := next(points.newest(), None)) is not None:
            return seen.model_copy(update={"windows": newest.windows, "holes": holes_between(newest.windows)})
    return seen
