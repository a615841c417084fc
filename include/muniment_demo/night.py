"""The story that the demonstration tells: last night, a working day, tonight through Airflow, and a lost server.

What stays up tells another one: of its firms not every one is well.
"""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from muniment.adapters.site.logins import find_login
from muniment.adapters.site.site import Site, build_vault
from muniment.adapters.staging.records import StagingFolder
from muniment.adapters.vault import catalog
from muniment.domain.firm.firm import Firm
from muniment.domain.record import new_id
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.restore.staging import Staging
from muniment.domain.secret import Secret
from muniment.domain.vault.registers import ControlTotals, Point
from muniment.ports import Clock, Silent, utc_now
from muniment.runbooks.backup.back_up_cluster import back_up_cluster
from muniment.runbooks.backup.prove_wal import prove_wal
from muniment.runbooks.backup.register_recovery_point import register_recovery_point
from muniment.runbooks.config.back_up_config import back_up_config
from muniment.runbooks.control_totals import read_control_totals
from muniment.runbooks.documents.sync_documents import sync_documents
from muniment.runbooks.drill.run_drill import run_drill
from muniment.runbooks.nightly.chain import run_chain
from muniment.runbooks.restore.plan_restore import plan_restore
from muniment.runbooks.staging.lifetime import destroy
from muniment.runbooks.staging.stage_restore import stage_restore, staging_place
from muniment.runbooks.vault.create_vaults import create_vaults
from muniment.runbooks.vault.second_copy import second_copy
from muniment_demo import documents, practice
from muniment_demo.accounts import withdraw_wal_push
from muniment_demo.stack import Stack

WELL, UNDRILLED, NOT_ARCHIVING = "harbor-lane", "quill-brandt", "okafor-steele"
"""Of the firms that stay up."""

_LONG_AGO = timedelta(days=40)
"""Longer than a firm may go without a drill (``domain/drill/rules.py``), shorter than its points are kept."""


def last_night(stack: Stack) -> None:
    """Every firm's first run, without Airflow: its vaults are made and locked down, then the whole chain."""
    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(lambda firm: _first_night(stack, firm), stack.registry.values()):
            pass


def nights_that_lack_something(stack: Stack) -> None:
    """As ``last_night``; and a drill of one firm, a first night long ago of another, which was never drilled, and an
    archiver that is refused from the end of its night on.
    """
    longest_first = sorted(stack.registry.values(), key=lambda firm: (firm.id != UNDRILLED, firm.id != WELL))
    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(lambda firm: _night_of(stack, firm), longest_first):
            pass


def _night_of(stack: Stack, firm: Firm) -> None:
    if firm.id == UNDRILLED:
        long_ago(stack, firm)
        with stack.phase(f"{firm.id}: last night, {_LONG_AGO.days} days after its first one"):
            run_chain(stack.site(firm.id), point_id=new_id(utc_now()), run="last night", clock=utc_now)
        return
    _first_night(stack, firm)
    if firm.id == NOT_ARCHIVING:
        with stack.phase(f"{firm.id}: its server may not push WAL any more"):
            withdraw_wal_push(stack.cloud, firm)
    if firm.id == WELL:
        with stack.phase(f"{firm.id}: a drill"):
            run_drill(stack.site(firm.id), drill_id=new_id(utc_now()), run_dir=stack.world.scratch, clock=utc_now)


def _first_night(stack: Stack, firm: Firm) -> None:
    with stack.phase(f"{firm.id}: vaults, and last night's recovery point"):
        site = _with_vaults(stack, firm, utc_now)
        run_chain(site, point_id=new_id(utc_now()), run="last night", full=True, clock=utc_now)


def long_ago(stack: Stack, firm: Firm) -> None:
    """Its first night, by a clock that is set back. A night's own check would refuse that clock, so its other steps
    are done one by one; nothing is old enough yet to expire."""
    with stack.phase(f"{firm.id}: vaults, and a first recovery point {_LONG_AGO.days} days ago"):
        site = _with_vaults(stack, firm, _back_then)
        point_id = new_id(_back_then())
        backup = back_up_cluster(site, point_id=point_id, full=True, clock=_back_then)
        backup, wal = prove_wal(site, backup_id=backup.id, clock=_back_then)
        sync_documents(site, snapshot_id=point_id, clock=_back_then)
        back_up_config(site, config_id=point_id, clock=_back_then)
        copy = second_copy(
            site, backup_id=backup.id, snapshot_id=point_id, config_id=point_id, clock=_back_then, progress=Silent()
        )
        register_recovery_point(
            site, point_id=point_id, run="first night", backup_id=backup.id, wal=wal, copy=copy, clock=_back_then
        )


def _back_then() -> datetime:
    return utc_now() - _LONG_AGO


def _with_vaults(stack: Stack, firm: Firm, clock: Clock) -> Site:
    site = stack.site(firm.id)
    create_vaults(site, clock=clock)
    stack.withdraw_setup(firm)
    stack.archive_for_real(firm)
    return site


def a_working_day(stack: Stack) -> None:
    with stack.phase("a working day: documents change, appear and are deleted"):
        for firm in stack.registry.values():
            for place in firm.documents:
                s3 = stack.cloud.client("s3", place.region)
                documents.live_a_day(s3, place.bucket, firm.id)
            practice.live_a_day(stack.clusters[firm.id].conninfo(practice.DATABASE), firm.id)


def tonights_points(stack: Stack) -> dict[str, Point]:
    return {firm_id: catalog.latest_point(stack.site(firm_id).primary) for firm_id in stack.registry}


def lose_the_server(stack: Stack, firm_id: str) -> None:
    """As a fire would: no shutdown, no last segment, no disk."""
    cluster = stack.clusters[firm_id]
    cluster.kill()
    shutil.rmtree(cluster.data_dir)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One control total, as the point registered it and as the restored cluster has it."""

    name: str
    registered: str
    restored: str

    @property
    def matches(self) -> bool:
        return self.registered == self.restored


def restore(stack: Stack, firm_id: str, point: Point) -> list[Comparison]:
    """From the vault alone, staged up to the instant of the point's control totals, with the documents of that night.

    With docs/iam/restore.json: whoever restores cannot write. What differs stays, for whoever looks for the reason.
    """
    firm = stack.registry[firm_id]
    login = find_login(firm.aws_connection, stack.settings_for(firm_id, "restore"))
    vault = build_vault(firm, "primary", login.clients())
    into = staging_place(stack.world.root / "restored", firm_id, utc_now())
    target = RecoveryTarget("point", point.id)
    plan = plan_restore(vault, firm, target, side="primary", into=into, clock=utc_now)
    staging = stage_restore(vault, firm, plan, clock=utc_now)
    compared = list(_compare(stack.site(firm_id), staging, point.control_totals))
    if all(one.matches for one in compared):
        destroy(StagingFolder(into.parent))
    return compared


def _compare(site: Site, staging: Staging, totals: ControlTotals) -> Iterator[Comparison]:
    """Read by the same runbook, from the restored cluster; and what rows and documents say of each other."""
    conninfo = Secret(staging.connection.conninfo)
    found = read_control_totals(replace(site, postgres=replace(site.postgres, conninfo=conninfo)), clock=utc_now)
    for name, count in totals.counts.items():
        yield Comparison(f"{name}, rows", f"{count:,}", f"{found.counts[name]:,}")
    for name, total in totals.sums.items():
        yield Comparison(name, _money(total), _money(found.sums[name]))
    for check in staging.checks:
        yield Comparison(check.name, check.expected if check.passed is False else check.found, check.found)


def _money(cents: str) -> str:
    """Every sum of the demonstration's policies is one of cents."""
    return f"{Decimal(cents) / 100:,.2f}"
