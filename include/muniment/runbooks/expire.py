"""Lets go what the firm's policy lets go: plan first, each object kept or going and why; then delete.

The order makes whatever remains usable, wherever the run is killed: points first, in the replica and then in the
primary (see register_recovery_point); then what registers backups and document snapshots; then what nothing names any
more. What a killed run leaves is named by nothing and goes the next time.
"""

import json
from dataclasses import replace
from datetime import datetime

from include.muniment.adapters.deletion import delete_versions
from include.muniment.adapters.inventory import read_inventories
from include.muniment.adapters.object_locks import read_locks
from include.muniment.adapters.site import Site
from include.muniment.adapters.vault import Vault
from include.muniment.domain import keys
from include.muniment.domain.closure import missing_here
from include.muniment.domain.expiry import ExpiryPlan, VaultPlan
from include.muniment.domain.inventory import Inventory, ObjectVersion
from include.muniment.domain.register import new_id
from include.muniment.domain.retention import plan_expiry
from include.muniment.errors import NotVerified
from include.muniment.ports import Clock, Progress, Silent, Step
from include.muniment.runbooks.identity import prove_identity
from include.muniment.runbooks.register_recovery_point import complete_half_registered

type _Inventories = tuple[Inventory, Inventory]
type _Locks = dict[str, dict[str, datetime]]
"""Bucket → key → the end of its Object Lock, as far as it was asked for."""


def expire(
    site: Site, *, point_id: str, clock: Clock, progress: Progress | None = None, dry_run: bool = False
) -> ExpiryPlan:
    """The plan, and unless ``dry_run`` its execution.

    Raises ``NotVerified`` where ``point_id`` is not registered and complete in both vaults, or where a younger backup
    never became a point: then nothing is deleted.
    """
    prove_identity(site)
    if dry_run:
        return _plan(site, point_id, clock(), read_inventories(site), {})
    with site.postgres.exclusively():
        complete_half_registered(site, clock=clock)
        locks: _Locks = {}
        inventories = read_inventories(site)
        plan = _plan(site, point_id, clock(), inventories, locks)
        _record(site, plan)
        return _execute(site, plan, inventories, locks, progress or Silent())


def _plan(site: Site, point_id: str, now: datetime, inventories: _Inventories, locks: _Locks) -> ExpiryPlan:
    """Asks for the locks of what would go, and plans again, until nothing is asked that is not known."""
    _prove_verified(site, point_id, inventories)
    while True:
        primary, replica = _agree(site, now, inventories, locks)
        asked = [
            _ask_locks(vault, plan, locks, now) for vault, plan in zip(site.vaults, (primary, replica), strict=True)
        ]
        if not any(asked):
            return ExpiryPlan(site.firm.id, point_id, now, primary, replica)


def _agree(site: Site, now: datetime, inventories: _Inventories, locks: _Locks) -> tuple[VaultPlan, VaultPlan]:
    """A point goes from both vaults or from neither: one that were in the replica alone would look half-registered."""
    kept: frozenset[str] = frozenset()
    while True:
        primary, replica = (
            plan_expiry(
                inventory, policy=site.policy, now=now, locks=locks.get(inventory.bucket, {}), kept_elsewhere=kept
            )
            for inventory in inventories
        )
        both = primary.kept_ids("point") | replica.kept_ids("point")
        if both == kept:
            return primary, replica
        kept = both


def _ask_locks(vault: Vault, plan: VaultPlan, locks: _Locks, now: datetime) -> bool:
    known = locks.setdefault(vault.bucket, {})
    # Without a lock mode S3's refusal is soon enough; but not for a point, which goes from both vaults or from neither.
    groups = [v.group for v in plan.going if vault.lock_mode != "none" or v.group.kind == "point"]
    unknown = [group for group in groups if group.last_key not in known]
    if not unknown:
        return False
    known |= read_locks(vault, unknown, now)
    return True


def _prove_verified(site: Site, point_id: str, inventories: _Inventories) -> None:
    for inventory in inventories:
        point = next((point for point in inventory.points if point.id == point_id), None)
        if point is None:
            raise NotVerified(point=point_id, firm=site.firm.id, where=f"{inventory.bucket}: it is not registered")
        missing = missing_here(point, inventory)
        if missing:
            where = f"{inventory.bucket}: {len(missing)} objects are missing, the first is {missing[0]}"
            raise NotVerified(point=point_id, firm=site.firm.id, where=where)
    _prove_finished(site, inventories)


def _prove_finished(site: Site, inventories: _Inventories) -> None:
    """A backup that is younger than every point, and of none: its chain stopped at a proof that failed."""
    newest = max(point.taken_at for inventory in inventories for point in inventory.points)
    for inventory in inventories:
        for backup in inventory.backups.values():
            if backup.finished_at > newest:
                where = f"{inventory.bucket}: its chain has not ended"
                raise NotVerified(point=backup.point, firm=site.firm.id, where=where)


def _record(site: Site, plan: ExpiryPlan) -> None:
    """The reasons outlive what went: each vault keeps its own plan as long as the audit log is kept."""
    key = keys.expired(new_id(plan.planned_at))
    locked_until = plan.planned_at + site.policy.audit_log
    for vault, vault_plan in zip(site.vaults, plan.vaults, strict=True):
        if vault_plan.going:
            text = json.dumps({**plan.summary(), "vaults": [vault_plan.summary()]}, indent=1).encode()
            vault.put_sealed(key, text, locked_until=locked_until)


def _execute(site: Site, plan: ExpiryPlan, inventories: _Inventories, locks: _Locks, progress: Progress) -> ExpiryPlan:
    """Where a lock was prolonged in the meantime, what depends on the refused register stays too: plan again."""
    total = sum(len(verdict.group.versions) for vault in plan.vaults for verdict in vault.going)
    with progress.step("expire", total, "objects") as step:
        while refused := _delete_registers(site, plan, step):
            for bucket, key in refused:
                locks.setdefault(bucket, {})[key] = datetime.max.replace(tzinfo=plan.planned_at.tzinfo)
            plan = _plan(site, plan.point, plan.planned_at, inventories, locks)
        workers = site.policy.documents.copies_at_once
        left = [
            vault_plan.with_refused(_delete(vault, vault_plan.contents_going(), step, workers))
            for vault, vault_plan in zip(site.vaults, plan.vaults, strict=True)
        ]
    return replace(plan, primary=left[0], replica=left[1], done=True)


def _delete_registers(site: Site, plan: ExpiryPlan, step: Step) -> list[tuple[str, str]]:
    """Returns what Object Lock refused, as (bucket, key); goes no further than that."""
    stages = (
        (site.replica, plan.replica.points_going()),
        (site.primary, plan.primary.points_going()),
        (site.primary, plan.primary.registers_going()),
        (site.replica, plan.replica.registers_going()),
    )
    for vault, versions in stages:
        refused = _delete(vault, versions, step)
        if refused:
            return [(vault.bucket, key) for key in refused]
    return []


def _delete(vault: Vault, versions: tuple[ObjectVersion, ...], step: Step, workers: int = 1) -> tuple[str, ...]:
    """One worker keeps the order."""
    refused = delete_versions(vault, versions, workers=workers)
    step.advance(len(versions) - len(refused))
    return refused
