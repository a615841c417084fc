"""The story that the demonstration tells: last night, a working day, tonight through Airflow, and a lost server."""

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal

import psycopg

from include.demo import documents, practice
from include.demo.server import muniment
from include.demo.stack import Stack
from include.demo.world import demo_programs
from include.muniment.adapters import catalog
from include.muniment.adapters.local_cluster import LocalCluster
from include.muniment.adapters.logins import find_login
from include.muniment.adapters.site import Site, build_vault
from include.muniment.domain.firm import Firm
from include.muniment.domain.recovery_target import RecoveryTarget
from include.muniment.domain.register import ControlTotals, Point, new_id
from include.muniment.domain.secret import Secret
from include.muniment.errors import ProgramFailed
from include.muniment.ports import Clock, utc_now
from include.muniment.runbooks.control_totals import read_control_totals
from include.muniment.runbooks.create_vaults import create_vaults
from include.muniment.runbooks.nightly import run_chain
from include.muniment.runbooks.plan_restore import plan_restore
from include.muniment.runbooks.restore_cluster import restore_cluster

_RECOVERY_TIMEOUT_S = 120


def last_night(stack: Stack) -> None:
    """Every firm's first run, without Airflow: its vaults are made and locked down, then the whole chain."""
    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(lambda firm: _first_night(stack, firm), stack.registry.values()):
            pass


def _first_night(stack: Stack, firm: Firm) -> None:
    with stack.phase(f"{firm.id}: vaults, and last night's recovery point"):
        site = stack.site(firm.id)
        create_vaults(site, clock=utc_now)
        stack.withdraw_setup(firm)
        stack.archive_for_real(firm)
        run_chain(site, point_id=new_id(utc_now()), run="last night", full=True, clock=utc_now)


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
    """From the vault alone, into an empty folder, up to the instant of the point's control totals.

    With docs/iam/restore.json: whoever restores cannot write.
    """
    settings = stack.settings_for(firm_id, "restore")
    firm = stack.registry[firm_id]
    vault = build_vault(firm, "primary", find_login(firm.aws_connection, settings).clients())
    into = stack.world.root / "restored" / firm_id / "data"
    into.parent.mkdir(parents=True)
    fetch = [*muniment(firm_id, settings, stack.world.registry), "wal", "fetch", "%f", "%p"]
    target = RecoveryTarget("point", point.id)
    plan = plan_restore(vault, firm, target, side="primary", into=into, clock=utc_now)
    restore_cluster(vault, plan, programs=demo_programs(), restore_command=fetch)
    cluster = LocalCluster(into, demo_programs())
    # Passwords are in the cluster; the file that knows one is beside it.
    shutil.copy(stack.clusters[firm_id].passfile, cluster.passfile)
    cluster.start()
    try:
        _wait_until_recovered(cluster)
        return list(_compare(stack.site(firm_id), cluster, point.control_totals, utc_now))
    finally:
        cluster.stop("immediate")


def _wait_until_recovered(cluster: LocalCluster) -> None:
    """It accepts connections as soon as it is consistent, while it still replays."""
    deadline = time.monotonic() + _RECOVERY_TIMEOUT_S
    while cluster.is_running and time.monotonic() < deadline:
        with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
            row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
        if row == (False,):
            return
        time.sleep(0.1)
    said = cluster.log_path.read_text(errors="replace")[-2000:].strip()
    raise ProgramFailed(program="postgres", status="no end of recovery", stderr=said)


def _compare(site: Site, cluster: LocalCluster, totals: ControlTotals, clock: Clock) -> Iterator[Comparison]:
    """Read by the same runbook, from the restored cluster."""
    restored = replace(site, postgres=replace(site.postgres, conninfo=Secret(cluster.conninfo())))
    found = read_control_totals(restored, clock=clock)
    for name, count in totals.counts.items():
        yield Comparison(f"{name}, rows", f"{count:,}", f"{found.counts[name]:,}")
    for name, total in totals.sums.items():
        yield Comparison(name, _money(total), _money(found.sums[name]))


def _money(cents: str) -> str:
    """Every sum of the demonstration's policies is one of cents."""
    return f"{Decimal(cents) / 100:,.2f}"
