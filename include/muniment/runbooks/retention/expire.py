"""Lets go what the firm's policy lets go: plan first, each object kept or going and why; then delete.

The order makes whatever remains usable, wherever the run is killed: points first, in the replica and then in the
primary (see register_recovery_point); then what registers backups and document snapshots; then what nothing names any
more. What a killed run leaves is named by nothing and goes the next time.

Before it deletes anything it says in both vaults what is going, and only then looks who reads (see lease_point): who
came first is spared, who comes later is refused.

When it is done it writes down what each vault holds now, and what the next night takes (docs/adr/0044).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from muniment.adapters.leases.leases import KeptUp, swept
from muniment.adapters.retention.deletion import delete_versions
from muniment.adapters.retention.inventory import read_inventories, standing_in
from muniment.adapters.retention.object_locks import read_locks
from muniment.adapters.site.site import Site
from muniment.adapters.vault.vault import Vault
from muniment.domain.leases.lease import DELETES_FOR, Expiring
from muniment.domain.record import new_id
from muniment.domain.retention.forecast import as_of_next_night, inventory_after, next_expiry_at, stock_of
from muniment.domain.retention.plan import ExpiryPlan, VaultPlan
from muniment.domain.retention.rules import plan_expiry
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault import keys
from muniment.domain.vault.dependencies import missing_here
from muniment.domain.vault.inventory import Inventory
from muniment.errors import NotVerified, StoreUnavailable, keeping
from muniment.ports import Clock, Progress, Silent, Step
from muniment.runbooks.backup.register_recovery_point import complete_half_registered
from muniment.runbooks.identity import prove_identity

_KEPT = (
    "whatever the plan keeps, whole and in both vaults; of what it lets go some may be gone by now, and both vaults"
    " hold the plan with its reasons"
)

type _Inventories = tuple[Inventory, Inventory]
type _Marks = Mapping[str, KeptUp]
"""By bucket."""
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
    with site.exclusively() as held:
        complete_half_registered(held, clock=clock)
        locks: _Locks = {}
        inventories = read_inventories(held)
        plan = _plan(held, point_id, clock(), inventories, locks)
        with _marked(held, plan, inventories) as marks:
            # Those of before as well: what a lease kept that has ended since is in no mark.
            leases = (*inventories[0].leases, *standing_in(held.vaults))
            inventories = replace(inventories[0], leases=leases), replace(inventories[1], leases=leases)
            plan = _plan(held, point_id, plan.planned_at, inventories, locks)
            _record(held, plan)
            with keeping(_KEPT):
                done = _Execution(held, inventories, locks, marks, progress or Silent()).run(plan)
                _take_stock(held, done, inventories, locks)
                return done


@contextmanager
def _marked(site: Site, plan: ExpiryPlan, inventories: _Inventories) -> Iterator[_Marks]:
    """Nothing is deleted from a vault that does not say so. Raises what a vault answers."""
    marks = {
        vault.bucket: KeptUp(vault, keys.EXPIRING, _mark(site, plan, vault_plan, inventory))
        for vault, vault_plan, inventory in zip(site.vaults, plan.vaults, inventories, strict=True)
    }
    try:
        for mark in marks.values():
            if not mark.wait() and mark.failure:
                raise mark.failure
        yield marks
    finally:
        for mark in marks.values():
            mark.end()
    for vault in site.vaults:
        delete_versions(vault, swept(vault))


def _mark(site: Site, plan: ExpiryPlan, vault_plan: VaultPlan, inventory: Inventory) -> Expiring:
    deletes = vault_plan.deletes(inventory.segment_bytes)
    lasts_s = DELETES_FOR.total_seconds()
    return Expiring(id=new_id(plan.planned_at), firm=site.firm.id, deletes=deletes, lasts_s=lasts_s)


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


def _take_stock(site: Site, plan: ExpiryPlan, inventories: _Inventories, locks: _Locks) -> None:
    """What is left in each vault, and what the next night takes of it: planned as that night will, with its locks."""
    primary, replica = inventories
    left = inventory_after(primary, plan.primary), inventory_after(replica, plan.replica)
    next_at = next_expiry_at(site.firm, plan.planned_at)
    following = _plan(replace(site, firm=as_of_next_night(site.firm)), plan.point, next_at, left, locks)
    for vault, inventory, done, then in zip(site.vaults, left, plan.vaults, following.vaults, strict=True):
        stock = stock_of(site.firm.id, inventory, done, then, at=plan.planned_at, next_at=next_at)
        vault.put_register(keys.stock(stock.id), stock, locked_until=plan.planned_at + site.policy.audit_log)


@dataclass(frozen=True, slots=True)
class _Execution:
    site: Site
    inventories: _Inventories
    locks: _Locks
    marks: _Marks
    progress: Progress

    def run(self, plan: ExpiryPlan) -> ExpiryPlan:
        """Where a lock was prolonged in the meantime, what depends on the refused register stays too: plan again."""
        site, total = self.site, sum(len(verdict.group.versions) for vault in plan.vaults for verdict in vault.going)
        with self.progress.step("expire", total, "objects") as step:
            while refused := self._delete_registers(plan, step):
                for bucket, key in refused:
                    never = datetime.max.replace(tzinfo=plan.planned_at.tzinfo)
                    self.locks.setdefault(bucket, {})[key] = never
                plan = _plan(site, plan.point, plan.planned_at, self.inventories, self.locks)
            workers = site.policy.documents.copies_at_once
            left = [
                vault_plan.with_refused(self._delete(vault, vault_plan.contents_going(), step, workers))
                for vault, vault_plan in zip(site.vaults, plan.vaults, strict=True)
            ]
        return replace(plan, primary=left[0], replica=left[1], done=True)

    def _delete_registers(self, plan: ExpiryPlan, step: Step) -> list[tuple[str, str]]:
        """Returns what Object Lock refused, as (bucket, key); goes no further than that."""
        site = self.site
        stages = (
            (site.replica, plan.replica.points_going()),
            (site.primary, plan.primary.points_going()),
            (site.primary, plan.primary.registers_going()),
            (site.replica, plan.replica.registers_going()),
        )
        for vault, versions in stages:
            refused = self._delete(vault, versions, step)
            if refused:
                return [(vault.bucket, key) for key in refused]
        return []

    def _delete(
        self, vault: Vault, versions: tuple[ObjectVersion, ...], step: Step, workers: int = 1
    ) -> tuple[str, ...]:
        """One worker keeps the order."""
        refused = delete_versions(vault, self._while_marked(vault, versions), workers=workers)
        step.advance(len(versions) - len(refused))
        return refused

    def _while_marked(self, vault: Vault, versions: Iterable[ObjectVersion]) -> Iterator[ObjectVersion]:
        """A mark that could not be written again has ended: readers do not see any more what is going."""
        mark = self.marks[vault.bucket]
        for version in versions:
            if not mark.stands:
                raise mark.failure or StoreUnavailable(
                    service="S3", operation="PutObject", place=f"{vault.bucket}/{keys.EXPIRING}", reason="too late"
                )
            yield version
