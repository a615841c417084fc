"""A firm whose cluster is live, archives for real, and has a restore of an earlier instant staged beside it."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from muniment.adapters.cut_over.live_host import LiveServer
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import UNPRIVILEGED_GID, UNPRIVILEGED_UID, PostgresPrograms
from muniment.adapters.site.logins import Login
from muniment.adapters.site.site import Site, build_site
from muniment.adapters.staging.isolated_cluster import IsolatedCluster
from muniment.domain.approval import Approval, Waiver
from muniment.domain.firm.application import ControlTotalsPolicy
from muniment.domain.firm.firm import Firm, LiveHost, RestoreRules
from muniment.domain.record import new_id
from muniment.domain.restore.cut_over import Safety
from muniment.domain.restore.plan import RestorePlan, WalToReplay
from muniment.domain.vault.registers import WalRange
from muniment.domain.wal.names import Lsn
from muniment.ports import Silent, utc_now
from muniment.runbooks.cut_over.cut_over import Order
from muniment.runbooks.cut_over.steps import Stage
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import LOGINS, SiteFactory, make_policy, with_firm
from tests.support.living import folder_of_the_firm
from tests.support.ssh_keys import Person
from tests.support.wal import archive_with, muniment_script

BEFORE, AFTER = "filed before the accident", "filed after it"
LEAD = Person("lead")
WAIVED = Safety(waiver=Waiver(by="engineer", reason="the test has another copy"))


@dataclass(frozen=True)
class Staged:
    """What is live has one row more than what is staged."""

    site: Site
    live: LocalCluster
    staged: IsolatedCluster

    def stage(self, live: LiveServer | None = None) -> Stage:
        server = live or LiveServer(self.live.data_dir, self.live.programs)
        return Stage(self.site, self.staged, server, utc_now, Silent())

    def order(self, **changes: Any) -> Order:
        plan = plan_of(self.site.firm)
        approval = Approval(by="lead", at=utc_now(), plan_sha256=plan.sha256)
        values = {"id": new_id(utc_now()), "plan": plan, "passed": True, "asked_by": "engineer"}
        return Order(**{**values, "approval": approval, "safety": WAIVED, **changes})

    @property
    def serves(self) -> str:
        """Over the firm's own connection: ``old``, ``new``, or ``nobody``."""
        try:
            with psycopg.connect(self.site.postgres.conninfo.reveal()) as session:
                found = [row[0] for row in session.execute("SELECT title FROM matters ORDER BY id")]
        except psycopg.OperationalError:
            return "nobody"
        assert found in ([BEFORE], [BEFORE, AFTER])
        return "old" if AFTER in found else "new"


def staged_firm(
    cluster_factory: ClusterFactory,
    site_factory: SiteFactory,
    programs: PostgresPrograms,
    folder: Path,
    *before: str,
    port_in_settings: bool = True,
) -> Staged:
    """What is staged goes into ``folder/staging``; ``before`` are statements for the live cluster."""
    cluster = cluster_factory(programs, start=not port_in_settings)
    live = own_port(cluster) if port_in_settings else cluster
    for statement in before:
        write(live, statement)
    site = with_live(site_factory(live), live)
    archive_with(live, f"{muniment_script(site, folder)} wal push %p")
    write(live, f"CREATE TABLE matters (id int, title text); INSERT INTO matters VALUES (1, '{BEFORE}')")
    staged = copy_of(live, folder / "staging")
    staged.recover({}, "false")
    write(live, f"INSERT INTO matters VALUES (2, '{AFTER}')")
    return Staged(site, live, staged)


def own_port(cluster: LocalCluster) -> LocalCluster:
    """Its own settings say where it listens: whoever starts it, as a firm's host would, finds it there."""
    with (cluster.data_dir / "postgresql.conf").open("a") as file:
        file.write(f"port = {cluster.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n")
    cluster.start()
    return cluster


def move_elsewhere(live: LocalCluster, *names: str) -> Path:
    """Of a stopped cluster: each becomes a link to a folder beside it, which is returned."""
    elsewhere = folder_of_the_firm(live.data_dir.with_name("elsewhere"))
    for name in names:
        shutil.move(live.data_dir / name, elsewhere / name)
        (live.data_dir / name).symlink_to(elsewhere / name)
    own(elsewhere)
    own(live.data_dir)
    return elsewhere


def with_live(site: Site, live: LocalCluster) -> Site:
    cluster = site.firm.cluster.model_copy(update={"live": LiveHost(data_directory=str(live.data_dir))})
    totals = ControlTotalsPolicy(tables=("public.matters",))
    policy = make_policy(object_lock=site.policy.object_lock, control_totals=totals)
    return with_firm(site, cluster=cluster, restore=RestoreRules(approvers=(LEAD.setting, "partner")), policy=policy)


def copy_of(live: LocalCluster, folder: Path) -> IsolatedCluster:
    """Tablespaces go to ``<folder>/data-tablespaces/<oid>``, as a restore puts them."""
    folder.mkdir(mode=0o700)
    links = [link for link in (live.data_dir / "pg_tblspc").iterdir() if link.is_symlink()]
    maps = [f"--tablespace-mapping={link.readlink()}={folder}/data-tablespaces/{link.name}" for link in links]
    live.programs.run("pg_basebackup", "-D", folder / "data", "-d", live.conninfo(), "-c", "fast", *maps)
    for place in folder.glob("data-tablespaces/*"):
        own(place)
    (folder / "data" / "recovery.signal").touch()
    return IsolatedCluster(folder / "data", live.programs)


def write(cluster: LocalCluster, statement: str) -> None:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as session:
        session.execute(statement.encode())


def own(folder: Path) -> None:
    """The server's user is another one where we are root."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, UNPRIVILEGED_UID, UNPRIVILEGED_GID)


def plan_of(firm: Firm) -> RestorePlan:
    lsn = Lsn.parse("0/3000000")
    wal = WalRange(timeline=1, first_segment="0" * 24, last_segment="0" * 24, through_lsn=lsn)
    return RestorePlan(
        id=new_id(utc_now()),
        firm=firm.id,
        made_at=utc_now(),
        target="latest",
        settings={},
        side="primary",
        vault=firm.vaults.primary.bucket,
        region=firm.vaults.primary.region,
        point="20261121T080000000Z",
        chain=("20261121T080000000Z",),
        server_version=170000,
        timeline=1,
        history=1,
        serving=1,
        replay=WalToReplay(wal=wal, segments=1, stored_bytes=1),
        config="20261121T080000000Z",
        into="/srv/staging",
        replaces=firm.cluster.live.data_directory,
        fetch_bytes=1,
        space_needed_bytes=1,
    )


# --- for a process of its own -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Portable:
    """All that another process needs to carry out the same cut-over."""

    firm: Firm
    postgres: Login
    aws: Login
    live: Path
    staged: Path
    bin_dir: Path
    order: Order

    @classmethod
    def of(cls, world: Staged, order: Order) -> "Portable":
        logins = LOGINS[world.site.firm.id]
        programs = world.live.programs
        return cls(
            world.site.firm,
            logins["postgres"],
            logins["aws"],
            world.live.data_dir,
            world.staged.data_dir,
            programs.bin_dir,
            order,
        )

    def stage(self) -> Stage:
        programs = PostgresPrograms.in_folder(self.bin_dir)
        site = build_site(self.firm, self.postgres.conninfo(), self.aws.clients())
        return Stage(site, IsolatedCluster(self.staged, programs), LiveServer(self.live, programs), utc_now, Silent())
