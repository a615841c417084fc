"""After a restore went live and was taken back: what is planned, staged and offered, on real servers and vaults."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.staging.records import StagingFolder
from muniment.domain.record import new_id
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.restore.plan_text import plan_lines
from muniment.domain.vault.registers import Point
from muniment.errors import TargetUnreachable
from muniment.ports import utc_now
from muniment.restore_kit import restore
from muniment.runbooks.cut_over.cut_over import cut_over, roll_back
from muniment.runbooks.nightly.safety_backup import back_up_around
from muniment.runbooks.restore.plan_restore import plan_restore
from muniment.runbooks.staging.stage_restore import stage_restore, staging_place
from muniment.runbooks.wal.status import wal_status
from muniment.runbooks.wal.windows import points_of_the_present
from muniment_demo.cloud import ROOT, Cloud
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.cut_overs import Staged, staged_firm, write
from tests.support.wal import eventually, status_files

pytestmark = pytest.mark.timeout(1200)


@dataclass(frozen=True)
class World:
    """Rows of ``docket`` are numbered as they were written: 1 before going live, 2 to 4 while it was, 5 to 10 after."""

    firm: Staged
    root: Path
    points: dict[str, Point]
    times: dict[int, datetime]
    """Just behind each row."""
    planned_at_once: RestorePlan
    """To the latest, when the old cluster had archived nothing yet since it serves again."""

    def plan(self, to: str, side: Any = "primary") -> RestorePlan:
        return plan_to(self.firm, to, self.root, side)

    def staged(self, to: str) -> list[int]:
        """Stages it, which compares what was reached with the plan; the rows that are there."""
        site = self.firm.site
        staging = stage_restore(site.primary, site.firm, self.plan(to), documents=False, clock=utc_now)
        with psycopg.connect(staging.connection.conninfo) as session:
            name = session.execute("SELECT pg_walfile_name(pg_current_wal_lsn())").fetchone()
            assert name is not None
            assert int(name[0][:8], 16) == 3  # of the timelines that are known, none is begun a second time
            return [row[0] for row in session.execute("SELECT id FROM docket ORDER BY id")]


def plan_to(firm: Staged, to: str, root: Path, side: Any = "primary") -> RestorePlan:
    site = firm.site
    into = staging_place(root, site.firm.id, utc_now())
    return plan_restore(site.vault(side), site.firm, RecoveryTarget.parse(to), side=side, into=into, clock=utc_now)


@pytest.fixture(scope="module")
def world(
    module_cluster_factory: ClusterFactory,
    site_factory: SiteFactory,
    programs17: PostgresPrograms,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("roll-back")
    for above in (folder, *folder.parents[:2]):  # PostgreSQL's own user has to reach the script
        above.chmod(above.stat().st_mode | 0o055)
    root = folder / "stagings"
    root.mkdir()
    firm = staged_firm(module_cluster_factory, site_factory, programs17, folder, "CREATE TABLE docket (id int)")
    times: dict[int, datetime] = {}
    points: dict[str, Point] = {}

    def insert(number: int) -> None:
        write(firm.live, f"INSERT INTO docket VALUES ({number})")
        with psycopg.connect(firm.live.conninfo()) as session:
            times[number] = session.execute("SELECT clock_timestamp()").fetchone()[0]  # type: ignore[index]

    def back_up(name: str) -> None:
        points[name] = back_up_around(firm.site, point_id=new_id(utc_now()), run="test", full=True, clock=utc_now)

    back_up("before")
    insert(1)
    order = firm.order()
    assert cut_over(firm.stage(), order).outcome == "live"
    for number in (2, 3):
        insert(number)
    back_up("live")
    insert(4)
    write(firm.live, "SELECT pg_switch_wal()")
    insert(9)
    eventually(lambda: not status_files(firm.live, "ready"))
    roll_back(firm.stage(), order.id, why="the wrong night", by="test")
    at_once = plan_to(firm, "latest", root)
    insert(5)
    back_up("after")
    for number in (6, 7):
        insert(number)
    write(firm.live, "SELECT pg_switch_wal()")
    insert(8)
    back_up("newest")
    insert(10)
    write(firm.live, "SELECT pg_switch_wal()")
    eventually(lambda: not status_files(firm.live, "ready"))
    yield World(firm, root, points, times, at_once)
    for path in root.glob("staging-*"):
        StagingFolder(path).remove()


def test_the_latest_is_what_serves_again(world: World) -> None:
    plan = world.plan("latest")
    assert (plan.timeline, plan.point) == (1, world.points["newest"].id)
    assert [other.timeline for other in plan.others] == [2]
    [taken] = [line for line in plan_lines(plan) if line.startswith("timeline")]
    assert taken.split("  ")[-1].strip() == "1, which serves"
    assert world.plan("latest", "replica").timeline == 1
    assert world.staged("latest") == [1, 5, 6, 7, 8, 10]


def test_the_way_back_counts_before_anything_of_it_is_archived(world: World) -> None:
    plan = world.planned_at_once
    assert (plan.history, plan.serving, plan.point) == (1, 1, world.points["before"].id)


def test_a_time_behind_the_roll_back_is_reached_on_the_serving_timeline(world: World) -> None:
    assert world.staged(world.times[6].isoformat()) == [1, 5, 6]
    assert world.plan("immediate").point == world.points["newest"].id


def test_a_time_while_the_abandoned_timeline_served_is_reached_when_it_is_asked_for(world: World) -> None:
    then = world.times[3].isoformat()
    serving, abandoned = world.plan(then), world.plan(f"timeline:2:{then}")
    assert (serving.timeline, abandoned.timeline) == (1, 2)
    assert abandoned.point == world.points["live"].id
    assert world.staged(f"timeline:2:{then}") == [2, 3]


def test_the_nearest_are_told_of_the_timeline_in_question(world: World) -> None:
    with pytest.raises(TargetUnreachable) as refused:
        world.plan("timeline:2:F/1000060")
    abandoned = refused.value.facts["before"]
    assert world.times[3] < abandoned.at < world.times[9]
    with pytest.raises(TargetUnreachable) as refused:
        world.plan("F/1000060")
    assert refused.value.facts["before"].at > world.times[7]
    with pytest.raises(TargetUnreachable, match="the archive holds no WAL that leads to timeline 7"):
        world.plan("timeline:7:latest")


def test_windows_are_those_of_the_timeline_that_serves(world: World) -> None:
    status = wal_status(world.firm.site, clock=utc_now)
    assert {window.timeline for window in (*status.windows, *world.points["newest"].windows)} == {1}
    assert {window.timeline for window in world.points["live"].windows} == {2}
    assert status.holes == ()


def test_a_drill_takes_no_point_of_the_abandoned_timeline(world: World) -> None:
    for vault in world.firm.site.vaults:
        found = [point.id for point in points_of_the_present(vault)]
        assert found == [world.points[name].id for name in ("before", "after", "newest")]


def test_the_restore_kit_follows_the_timeline_that_serves(
    world: World, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its server is given a number: PostgreSQL's ``latest`` would be the abandoned one."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ROOT.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ROOT.secret_access_key.reveal())
    place = world.firm.site.primary
    vault = restore.Vault(place.bucket, place.region, None, cloud.endpoint_url)
    for name, timeline in {"newest": 1, "after": 1, "before": 1, "live": 2}.items():
        point = vault.register(f"points/{world.points[name].id}.json")
        backups = [vault.register(f"base/{each}/backup.json") for each in point["chain"]]
        wal = restore.wal_keys(vault, point, backups)
        assert restore.timeline_to_follow(vault, point, backups[-1], wal) == timeline
