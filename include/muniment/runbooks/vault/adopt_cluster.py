"""A new cluster takes the firm's name: after pg_upgrade, or a dump into a new one. Never by itself.

The record first, in both vaults; then the primary's ``firm.json``, one object, with which it takes effect; then the
replica's. Killed at any step it is the one or the other, and the same command goes on. What the old cluster has left
is untouched: its points are restored as before, and its WAL lies under its own identifier.
"""

from contextlib import suppress
from datetime import datetime

from muniment.adapters.postgres.cluster_state import read_server_state
from muniment.adapters.postgres.control_totals import counting
from muniment.adapters.postgres.recovery_state import read_recovery_state
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.authenticity import mac_key
from muniment.adapters.wal.archive import WalArchive
from muniment.domain.approval import Approval, Request, still_holds
from muniment.domain.record import new_id
from muniment.domain.sql_names import TableName
from muniment.domain.vault import keys
from muniment.domain.vault.adoption import Adoption, AdoptionPlan, Counted, NewCluster, OldCluster
from muniment.domain.vault.firm_mark import FirmMark, FormerCluster
from muniment.errors import (
    AdoptionNotApproved,
    AlreadyRegistered,
    NotAdoptable,
    RightMissing,
    WrongVault,
)
from muniment.ports import Clock, Progress, Silent
from muniment.runbooks.identity import prove_vault, prove_vaults, replica_away
from muniment.runbooks.vault.bring_adoption import bring_adoption, write_mark


def plan_adoption(site: Site, *, requested_by: str, clock: Clock) -> AdoptionPlan | None:
    """Both clusters, for two people to look at; ``None`` where the connection leads to the firm's cluster already.

    Reads only. Raises ``NotAdoptable`` with what stands against it, and ``WrongVault``.
    """
    mark = _prove_marks(site)
    state = read_server_state(site.postgres)
    if state.system_identifier == mark.system_identifier:
        return None
    _require_adoptable(site, mark, state.system_identifier)
    now = clock()
    return AdoptionPlan(
        id=new_id(now),
        firm=site.firm.id,
        connection=site.firm.cluster.connection,
        made_at=now,
        requested_by=requested_by,
        old=_old(site, mark),
        new=NewCluster(
            system_identifier=state.system_identifier,
            server_version=state.version,
            timeline=state.timeline,
            databases=tuple(site.postgres.databases()),
        ),
        counted=_counted(site),
    )


def adopt_cluster(
    site: Site, plan: AdoptionPlan, *, approval: Approval, by: str, clock: Clock, progress: Progress | None = None
) -> FirmMark:
    """The primary vault's mark, which names the new cluster. Run again it goes on where it was killed.

    Raises ``AdoptionNotApproved``, and ``NotAdoptable`` where the plan is not of these two clusters (any more).
    """
    progress = progress or Silent()
    _require_approval(site, plan, approval)
    mark = _prove_marks(site)
    with site.exclusively() as held:
        if not any(each.adoption == plan.id for each in mark.former):
            _require_plan(site, mark, plan)
            _record(held, Adoption(id=plan.id, firm=site.firm.id, run=by, plan=plan, approval=approval), clock())
            mark = _take_effect(held, mark, plan, clock())
            progress.note(f"{site.primary.bucket}: {keys.FIRM} names cluster {mark.system_identifier}")
        if (away := replica_away(site)) is not None:
            progress.note(f"the second region hears of it when it answers again: {away.what}")
            return mark
        for done in bring_adoption(held, clock=clock):
            progress.note(f"made: {done}")
    return mark


def _prove_marks(site: Site) -> FirmMark:
    return prove_vault(site.primary) if replica_away(site) else prove_vaults(site)


def _require_adoptable(site: Site, mark: FirmMark, actual: int) -> None:
    pinned = site.firm.cluster.system_identifier
    faults = (
        (mark.role != "primary", f"{site.primary.bucket} says that it is the {mark.role} vault"),
        (
            mac_key(site.primary) is None,
            f"vault {site.primary.bucket} has no authentication codes, so nothing proves it",
        ),
        (
            pinned not in (None, actual),
            f"the firm's file pins cluster.system_identifier to {pinned}: let a change of the file name the new one",
        ),
        (read_recovery_state(site.postgres).in_recovery, "it is a standby, or recovers still"),
    )
    if found := [reason for wrong, reason in faults if wrong]:
        raise _not_adoptable(site, actual, "; ".join(found))


def _require_plan(site: Site, mark: FirmMark, plan: AdoptionPlan) -> None:
    actual = site.postgres.system_identifier()
    now, then = (mark.system_identifier, actual), (plan.old.system_identifier, plan.new.system_identifier)
    if plan.firm != site.firm.id:
        raise _not_adoptable(site, actual, f"the plan is of firm {plan.firm}")
    if now != then:
        reason = f"the plan is of {then[0]} and {then[1]}, the firm's cluster is {now[0]} and the connection's {now[1]}"
        raise _not_adoptable(site, actual, reason)
    _require_adoptable(site, mark, actual)


def _not_adoptable(site: Site, actual: int, reason: str) -> NotAdoptable:
    return NotAdoptable(firm=site.firm.id, actual=actual, reason=reason)


def _require_approval(site: Site, plan: AdoptionPlan, approval: Approval) -> None:
    request = Request(plan.sha256, plan.requested_by, site.firm.restore.approvers)
    if reason := still_holds(approval, request):
        target = f"cluster {plan.new.system_identifier}"
        raise AdoptionNotApproved(firm=site.firm.id, target=target, reason=reason)


def _record(site: Site, adoption: Adoption, now: datetime) -> None:
    """One that a killed run has left is of the same plan."""
    key, locked_until = keys.adopted(adoption.id), now + site.policy.audit_log
    with suppress(AlreadyRegistered):
        site.primary.put_register(key, adoption, locked_until=locked_until)


def _take_effect(site: Site, mark: FirmMark, plan: AdoptionPlan, now: datetime) -> FirmMark:
    replaced = FormerCluster(system_identifier=mark.system_identifier, until=now, adoption=plan.id)
    clusters = {"system_identifier": plan.new.system_identifier, "former": (*mark.former, replaced)}
    adopted = mark.model_copy(update=clusters)
    write_mark(site.primary, mark, adopted)
    if (there := prove_vault(site.primary)) != adopted:
        raise WrongVault(bucket=site.primary.bucket, expected=f"{mark.firm} (just written)", actual=f"{there.firm}")
    return adopted


def _old(site: Site, mark: FirmMark) -> OldCluster:
    system = mark.system_identifier
    own = (point for point in catalog.latest_points(site.primary) if point.system_identifier == system)
    point = next(own, None)
    backup = catalog.read_backup(site.primary, point.backup) if point else None
    archived = [found.modified_at for found in WalArchive(site.primary, system).files().values()]
    return OldCluster(
        system_identifier=system,
        server_version=backup.server_version if backup else None,
        last_point=point.id if point else None,
        last_seen_at=max([*archived, *([point.taken_at] if point else [])], default=None),
    )


def _counted(site: Site) -> tuple[Counted, ...]:
    """What the newest point of the cluster that serves counted, and what is there now."""
    newest = next(catalog.latest_points_of_present(site.primary), None)
    then = newest.control_totals.counts if newest else {}
    tables = {str(table): table for table in site.policy.control_totals.tables}
    return tuple(Counted(table=name, then=then.get(name), now=_rows(site, table)) for name, table in tables.items())


def _rows(site: Site, table: TableName) -> int | None:
    """``None`` also where the role may not look: in a cluster that was just made it may have no rights yet."""
    with suppress(RightMissing), counting(site.postgres) as totals:
        return totals.count(table) if totals.has_table(table) else None
    return None
