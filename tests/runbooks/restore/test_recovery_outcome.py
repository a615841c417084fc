"""Every kind of target on real servers: planned to the record, recovered by PostgreSQL, and read back."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.restore.settings import settings_file
from muniment.domain.secret import Secret
from muniment.domain.vault.registers import Point
from muniment.errors import TargetNotReached, TargetUnreachable
from muniment.ports import Silent, utc_now
from muniment.runbooks.restore.plan_restore import plan_restore
from muniment.runbooks.restore.recovery_outcome import recovery_reached
from muniment.runbooks.restore.restore_cluster import restore_cluster
from muniment.runbooks.wal.verify_files import verify_new_files
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.archived import Archived, archived_firm
from tests.support.stored import rows
from tests.support.wal import eventually, sql

pytestmark = pytest.mark.timeout(540)
SEGMENT_BYTES = 2**20


@dataclass
class World:
    """Rows are numbered as they were written: what is there tells what was replayed."""

    firm: Archived
    points: list[Point]
    root: Path
    after_2: datetime
    """Between rows 2 and 3."""
    after_6: str = ""
    """An LSN on the second timeline, between rows 6 and 7."""
    abandoned_xid: int = 0
    xid_of_4: int = 0
    started: list[LocalCluster] = field(default_factory=list)

    def plan(self, target: str) -> RestorePlan:
        return plan_restore(
            self.firm.site.primary,
            self.firm.site.firm,
            RecoveryTarget.parse(target),
            side="primary",
            into=self.root / "data",
            clock=utc_now,
        )

    def recover(self, plan: RestorePlan, **enforced: str) -> LocalCluster:
        """Each base backup is fetched once; a target gets a copy of its own."""
        base = self.root / plan.point / "data"
        if not base.exists():
            restore_cluster(self.firm.site.primary, plan.model_copy(update={"into": str(base)}))
        folder = self.root / plan.id / "data"
        shutil.copytree(base, folder, symlinks=True)
        with (folder / "postgresql.auto.conf").open("a") as settings:
            settings.write(settings_file(plan.settings, f"cp {self.firm.folder}/%f %p"))
        hba = folder.parent / "hba"
        hba.write_text("host all all 127.0.0.1/32 trust\n")
        hba.chmod(0o644)
        cluster = LocalCluster(folder, self.firm.cluster.programs)
        self.started.append(cluster)
        cluster.start(enforced={"hba_file": str(hba), "hot_standby": "off", "fsync": "off", **enforced})
        eventually(lambda: answers(cluster))
        return cluster

    def check(self, target: str) -> tuple[RestorePlan, list[int]]:
        """Recovered, read back and found to be as planned: the plan, and the rows that are there."""
        plan = self.plan(target)
        cluster = self.recover(plan)
        reached = recovery_reached(server_of(cluster), plan)
        assert (reached.timeline, reached.last_commit_at) == (plan.timeline, plan.reaches_at)
        found = [int(str(row[0])) for row in rows(cluster, "SELECT id FROM docket ORDER BY id")]
        cluster.kill()
        shutil.rmtree(cluster.data_dir.parent)
        self.started.remove(cluster)
        return plan, found


def answers(cluster: LocalCluster) -> bool:
    assert cluster.is_running, cluster.log_path.read_text()
    with contextlib.suppress(psycopg.OperationalError):
        return bool(sql(cluster, "SELECT NOT pg_is_in_recovery()"))
    return False


@pytest.fixture(scope="module")
def world(
    module_cluster_factory: ClusterFactory,
    site_factory: SiteFactory,
    programs: PostgresPrograms,
    run_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """Two base backups, then a promotion that leaves a row behind, then more on the second timeline."""
    root = run_dir / tmp_path_factory.mktemp("reached").name / str(programs.major)
    root.mkdir(parents=True)
    firm = archived_firm(module_cluster_factory, site_factory, programs, root / "wal")
    first = firm.point(full=True)
    firm.write(1)
    firm.write(2)
    world = World(firm, [first], root, sql(firm.cluster, "SELECT clock_timestamp()"))
    firm.write(3)
    sql(firm.cluster, "SELECT pg_create_restore_point('before import')")
    world.xid_of_4 = firm.write(4)
    firm.switch()
    world.points.append(firm.point())
    firm.write(5)
    fork = str(firm.switch())
    world.abandoned_xid = firm.write(50)
    sql(firm.cluster, "SELECT pg_create_restore_point('left behind')")
    firm.switch()
    firm.cluster.stop()
    # Somebody recovers to before row 50 and goes on from there.
    firm.cluster = world.recover(world.plan(fork), archive_mode="on", archive_command=f"cp %p {firm.folder}/%f")
    firm.write(6)
    world.after_6 = sql(firm.cluster, "SELECT pg_current_wal_insert_lsn()::text")
    firm.write(7)
    firm.switch()
    yield world
    for cluster in world.started:
        cluster.kill()


def server_of(cluster: LocalCluster) -> PostgresServer:
    return PostgresServer("-", Secret(cluster.conninfo()))


def test_latest_follows_the_newest_timeline(world: World) -> None:
    plan, found = world.check("latest")
    assert (plan.timeline, plan.point) == (2, world.points[1].id)
    assert found == [1, 2, 3, 4, 5, 6, 7]


def test_immediate_is_the_end_of_the_newest_base_backup(world: World) -> None:
    plan, found = world.check("immediate")
    assert (plan.timeline, plan.reaches_at) == (1, None)
    assert found == [1, 2, 3, 4]


def test_a_point_is_what_its_control_totals_saw(world: World) -> None:
    plan, found = world.check(world.points[0].id)
    assert (plan.point, found) == (world.points[0].id, [])


def test_a_time(world: World) -> None:
    plan, found = world.check(world.after_2.isoformat())
    assert (plan.point, found) == (world.points[0].id, [1, 2])
    assert plan.reaches_at is not None
    assert plan.reaches_at < world.after_2


def test_a_time_is_inclusive(world: World) -> None:
    last = world.plan(world.after_2.isoformat()).reaches_at
    assert last is not None
    assert world.check(last.isoformat())[1] == [1, 2]
    assert world.plan((last - timedelta(microseconds=1)).isoformat()).reaches_at != last


def test_an_lsn_on_the_newest_timeline(world: World) -> None:
    plan, found = world.check(world.after_6)
    assert (plan.timeline, plan.point) == (2, world.points[1].id)
    assert found == [1, 2, 3, 4, 5, 6]


def test_a_transaction(world: World) -> None:
    plan, found = world.check(f"xid:{world.xid_of_4}")
    assert (plan.timeline, found) == (1, [1, 2, 3, 4])


def test_a_named_restore_point(world: World) -> None:
    plan, found = world.check("name:before import")
    assert (plan.timeline, found) == (1, [1, 2, 3])


def test_what_only_an_abandoned_timeline_has_is_refused(world: World) -> None:
    with pytest.raises(TargetUnreachable) as refused:
        world.plan(f"xid:{world.abandoned_xid}")
    assert refused.value.facts["reason"] == (
        f"transaction {world.abandoned_xid} has ended on timeline 1, which is not the past of timeline 2"
    )
    with pytest.raises(TargetUnreachable, match="restore point 'left behind' is on timeline 1"):
        world.plan("name:left behind")
    with pytest.raises(TargetUnreachable, match="no restore point 'after import' is in the WAL that is here"):
        world.plan("name:after import")
    with pytest.raises(TargetUnreachable, match=r"no transaction 4000000000 has ended in the WAL that is here"):
        world.plan("xid:4000000000")


def test_an_idle_clusters_time_is_refused_as_postgresql_would(world: World) -> None:
    """PostgreSQL stops at a commit after the time, and where there is none it ends with FATAL."""
    latest = world.plan("latest")
    assert latest.reaches_at is not None
    with pytest.raises(TargetUnreachable) as refused:
        world.plan((latest.reaches_at + timedelta(seconds=1)).isoformat())
    facts = refused.value.facts
    assert facts["reason"] == "no transaction ended later, so PostgreSQL could not tell where to stop"
    assert facts["before"].at == latest.reaches_at
    assert world.plan(str(facts["before"].lsn)).reaches_at == latest.reaches_at
    assert world.plan((latest.reaches_at - timedelta(microseconds=1)).isoformat()).timeline == 2


def test_a_time_before_the_first_backup_is_refused(world: World) -> None:
    first = world.points[0].taken_at
    with pytest.raises(TargetUnreachable, match="it lies before the end of the first base backup") as refused:
        world.plan((first - timedelta(hours=2)).isoformat())
    assert refused.value.facts["after"].at == first
    assert world.plan(str(refused.value.facts["after"].lsn)).point == world.points[0].id


def test_ledgers_and_segments_tell_the_same(world: World) -> None:
    targets = ["latest", world.after_2.isoformat(), f"xid:{world.xid_of_4}", "name:before import", world.after_6]
    read = [world.plan(target) for target in targets]
    store = world.firm.store
    files = store.files()
    archive = store.archive(files, SEGMENT_BYTES)
    verify_new_files(world.firm.site, store, files, archive, clock=utc_now, progress=Silent())
    known = [world.plan(target) for target in targets]
    # Only a ledger tells beforehand which tablespaces the WAL makes: without one its segments count as unread.
    assert [each.replay.unread_segments for each in read] == [each.replay.segments for each in read]
    assert {each.replay.unread_segments for each in known} == {0}
    of_this_plan = {
        "id": True,
        "made_at": True,
        "space_there_bytes": True,
        "space": True,
        "replay": {"unread_segments"},
    }
    assert [each.model_dump(exclude=of_this_plan) for each in known] == [
        each.model_dump(exclude=of_this_plan) for each in read
    ]


def test_an_end_elsewhere_is_a_failure(world: World) -> None:
    """Told of another plan, the same server has reached the wrong instant, and says in what."""
    plan = world.plan("name:before import")
    server = server_of(world.recover(plan))
    other = world.plan(f"xid:{world.xid_of_4}")
    with pytest.raises(TargetNotReached) as wrong:
        recovery_reached(server, other)
    assert wrong.value.what == (
        f"the recovery of firm {plan.firm} to xid:{world.xid_of_4} did not end where plan {other.id} said: "
        f"replay ended at {plan.reaches_lsn}, not at {other.reaches_lsn}; its last transaction ended at "
        f"{plan.reaches_at:%Y-%m-%d %H:%M:%S.%f} UTC, not at {other.reaches_at:%Y-%m-%d %H:%M:%S.%f} UTC"
    )
    with pytest.raises(TargetNotReached, match="it followed timeline 1, not 2"):
        recovery_reached(server, world.plan("latest"))


def test_after_another_start_the_history_file_still_tells(world: World) -> None:
    plan = world.plan("name:before import")
    cluster = world.recover(plan)
    cluster.restart(enforced={"hba_file": str(cluster.data_dir.with_name("hba"))})
    reached = recovery_reached(server_of(cluster), plan)
    assert (reached.timeline, reached.last_commit_at) == (1, None)
