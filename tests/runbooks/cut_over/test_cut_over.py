"""A staged restore takes the live cluster's place, on real servers: proven, archived from its beginning, and undone."""

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import psycopg
import pytest

from muniment.adapters.acts.records import acts
from muniment.adapters.cut_over.journal import journals
from muniment.adapters.cut_over.live_host import LiveServer
from muniment.adapters.host.data_directory import port_of
from muniment.adapters.host.local_cluster import free_port
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.restore.records import rolled_back
from muniment.adapters.site.site import build_site
from muniment.adapters.wal.archive import WalArchive
from muniment.domain.approval import Approval
from muniment.domain.firm.firm import LiveHost
from muniment.domain.record import new_id
from muniment.domain.restore.cut_over import Safety
from muniment.domain.restore.isolation import ROLE
from muniment.domain.restore.live_plan import LivePlan
from muniment.domain.restore.plan import RestorePlan
from muniment.errors import ActNotApproved, LiveNotReplaceable, NobodyServes, OtherMachine, Refused, WentBack
from muniment.ports import Silent, utc_now
from muniment.runbooks.cut_over.cut_over import cut_over, release, roll_back
from muniment.runbooks.cut_over.take_live import (
    Allowed,
    record_what_is_owed,
    release_old,
    require_this_machine,
    take_back,
)
from muniment.runbooks.nightly.safety_backup import back_up_around
from tests.faults.worker import through
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.faults import FaultProxy
from tests.fixtures.sites import PRIMARY_REGION, SiteFactory, with_firm
from tests.support.cut_overs import WAIVED, Staged, own, staged_firm, with_live, write

pytestmark = pytest.mark.timeout(720)


def test_the_restored_cluster_serves_and_archives_from_its_timelines_first_segment(
    cluster_factory: ClusterFactory, site_factory: SiteFactory, programs: PostgresPrograms, tmp_path: Path
) -> None:
    world = staged_firm(cluster_factory, site_factory, programs, tmp_path)
    assert world.serves == "old"
    switches = "CHECKPOINT; SELECT pg_switch_wal(); CREATE TABLE scratch (); DROP TABLE scratch; SELECT pg_switch_wal()"
    for statement in switches.split("; "):
        write(world.staged, statement)
    done = cut_over(world.stage(), world.order())
    assert done.outcome == "live"
    assert world.serves == "new"
    assert "control totals are staging's: 1 counts, 0 sums" in done.notes
    names = set(WalArchive(world.site.primary, done.system_identifier).files())
    assert "00000002.history" in names
    assert done.first_segment in names
    assert not [note for note in done.notes if "recycled" in note]
    assert done.aside.exists()
    with psycopg.connect(world.site.postgres.conninfo.reveal()) as session:
        settings = dict(session.execute("SELECT name, setting FROM pg_settings").fetchall())
        assert session.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone() is None
    assert settings["archive_mode"] == "on"
    assert settings["archive_command"].endswith("wal push %p")
    assert settings["cluster_name"] == ""
    assert (settings["restore_command"], settings["recovery_target_timeline"]) == ("", "latest")
    assert [journal.outcome for journal in journals(world.live.data_dir)] == ["live"]


@pytest.fixture
def world(
    cluster_factory: ClusterFactory, site_factory: SiteFactory, programs17: PostgresPrograms, tmp_path: Path
) -> Staged:
    return staged_firm(cluster_factory, site_factory, programs17, tmp_path)


def test_what_is_refused_touches_nothing(world: Staged, cluster_factory: ClusterFactory) -> None:
    other = cluster_factory(world.live.programs, start=False)
    at, order = world.stage(), world.order()
    own = order.approval.model_copy(update={"by": "engineer"})
    stranger = order.approval.model_copy(update={"by": "mallory"})
    elsewhere = with_live(world.site, other)
    wrong = replace(at, site=elsewhere, live=LiveServer(other.data_dir, other.programs))
    unnamed = replace(at, site=with_firm(world.site, cluster=elsewhere.firm.cluster))
    foreign = order.plan.model_copy(update={"firm": "somebody-else"})
    for place, asked, reason in (
        (at, replace(order, approval=own), "engineer asked for it: somebody else has to approve"),
        (at, replace(order, approval=stranger), "mallory is not one of restore.approvers (lead, partner)"),
        (at, replace(order, asked_by="lead"), "lead asked for it: somebody else has to approve"),
        (at, replace(order, plan=order.plan.model_copy(update={"target": "immediate"})), "lead approved another plan"),
        (at, replace(order, passed=False), "its checks did not pass"),
        (at, world.order(plan=foreign, approval=own_yes(foreign)), "it is of firm somebody-else"),
        (at, replace(order, safety=Safety()), "no safety backup of it has been registered since the plan was made"),
        (at, replace(order, safety=Safety(point="20261101T000000000Z")), "no safety backup of it has been registered"),
        (wrong, order, f"it is cluster {other.system_identifier()}, the firm's is {world.live.system_identifier()}"),
        (unnamed, order, f"the firm's file names {other.data_dir} in cluster.live"),
    ):
        with pytest.raises(Refused) as refused:
            cut_over(place, asked)
        assert reason in refused.value.what
    with pytest.raises(OtherMachine, match="was staged on elsewhere, this task runs on"):
        require_this_machine(world.site, "elsewhere")
    assert world.serves == "old"
    assert world.staged.is_running
    assert journals(world.live.data_dir) == []


def own_yes(plan: RestorePlan) -> Approval:
    return Approval(by="lead", at=utc_now(), plan_sha256=plan.sha256)


def test_where_the_restored_one_does_not_start_the_old_one_serves_again(world: Staged, tmp_path: Path) -> None:
    """The host's own command fails once, as a systemd unit would that knows another data directory."""
    programs, place = world.live.programs, world.live.data_dir
    start = " ".join(programs.argv("pg_ctl", "start", "-D", place, "-w", "-s", "-l", tmp_path / "log"))
    script = tmp_path / "start.sh"
    script.write_text(f"#!/bin/sh\n[ -e {tmp_path}/failed ] || {{ touch {tmp_path}/failed; exit 1; }}\nexec {start}\n")
    script.chmod(0o755)
    live = LiveServer(place, programs, (str(script),))
    with pytest.raises(WentBack) as back:
        cut_over(world.stage(live), world.order())
    assert "went back at step 'start': start.sh ended with status 1" in back.value.what
    assert world.serves == "old"
    assert world.staged.data_dir.exists()
    world.staged.start_again()


def starting(programs: PostgresPrograms, place: Path, folder: Path, *ports: int) -> LiveServer:
    """The host's own command, which has the server listen on another of ``ports`` each time, 0 for where it should."""
    start = " ".join(programs.argv("pg_ctl", "start", "-D", place, "-w", "-s", "-l", folder / "log"))
    cases = "\n".join(
        f"[ -e {folder}/{number} ] || {{ touch {folder}/{number}; exec {start}{f' -o -p{port}' if port else ''}; }}"
        for number, port in enumerate(ports)
    )
    script = folder / "start.sh"
    script.write_text(f"#!/bin/sh\n{cases}\nexec {start}\n")
    script.chmod(0o755)
    return LiveServer(place, programs, (str(script),))


def test_where_nobody_reaches_the_restored_one_the_old_one_serves_again(world: Staged, tmp_path: Path) -> None:
    live = starting(world.live.programs, world.live.data_dir, tmp_path, free_port())
    with pytest.raises(WentBack) as back:
        cut_over(replace(world.stage(live), answer_within_s=3), world.order())
    assert "went back at step 'connect': " in back.value.what
    assert "KEPT: the old cluster, which serves again; the restored cluster, in staging" in str(back.value)
    assert world.serves == "old"


def test_the_old_one_serves_again_only_where_somebody_reached_it(world: Staged, tmp_path: Path) -> None:
    live = starting(world.live.programs, world.live.data_dir, tmp_path, free_port(), free_port())
    with pytest.raises(NobodyServes) as back:
        cut_over(replace(world.stage(live), answer_within_s=3), world.order())
    assert f"and NOBODY SERVES: the old cluster is in {world.live.data_dir} and does not answer" in back.value.what
    assert "which serves again" not in str(back.value)
    assert world.serves == "nobody"
    [journal] = journals(world.live.data_dir)
    assert (journal.outcome, journal.answers) == ("gone back", False)
    assert world.staged.data_dir.exists()


def test_whoever_serves_next_is_started_as_the_live_server_was(
    cluster_factory: ClusterFactory, site_factory: SiteFactory, programs: PostgresPrograms, tmp_path: Path
) -> None:
    """``cluster.live.start: none``, and a port that only the live server's command line told."""
    world = staged_firm(cluster_factory, site_factory, programs, tmp_path, port_in_settings=False)
    port = world.live.port
    done = cut_over(world.stage(), world.order())
    assert f"port={port}" in done.start_options
    assert (world.serves, port_of(world.live.data_dir)) == ("new", port)
    gone = roll_back(world.stage(), done.id, why="wrong night", by="test")
    assert (world.serves, port_of(world.live.data_dir), gone.answers) == ("old", port, True)


def test_how_it_was_started_has_to_be_known_and_every_fault_is_told_at_once(
    cluster_factory: ClusterFactory, site_factory: SiteFactory, programs17: PostgresPrograms, tmp_path: Path
) -> None:
    world = staged_firm(cluster_factory, site_factory, programs17, tmp_path, port_in_settings=False)
    told, port = world.live.data_dir / "postmaster.opts", world.live.port
    written = told.read_text()
    told.write_text(written.replace(f"port={port}", "work_mem=4MB"))
    with pytest.raises(LiveNotReplaceable) as refused:
        cut_over(world.stage(), world.order())
    moved = f"its server listens on port {port} and would come back on 5432: name the command in cluster.live.start"
    assert refused.value.facts["reason"] == moved
    told.unlink()
    unnamed = with_firm(world.site, cluster=world.site.firm.cluster.model_copy(update={"live": LiveHost()}))
    with pytest.raises(LiveNotReplaceable) as refused:
        cut_over(replace(world.stage(), site=unnamed), world.order())
    assert refused.value.facts["reason"] == (
        "the firm's file names None in cluster.live; nothing tells how its server was started"
        " (it has no postmaster.opts): name the command in cluster.live.start"
    )
    assert (world.serves, journals(world.live.data_dir)) == ("old", [])
    told.write_text(written)


def beside(world: Staged) -> set[str]:
    """What lies next to the live data directory, but for what was there before."""
    live = world.live.data_dir
    return {path.name.removeprefix(live.name) for path in live.parent.glob(f"{live.name}.*")} - {
        ".pgpass",
        ".log",
        ".muniment-wal",
    }


def test_nothing_is_left_beside_the_data_directory_but_the_journal(world: Staged) -> None:
    order = world.order()
    cut_over(world.stage(), order)
    kept = {f".cut-over-{order.id}.json", ".cut-over.lock"}
    assert beside(world) == {*kept, f".before-{order.id}", f".staged-settings-{order.id}"}  # the way back
    back_up_around(world.site, point_id=new_id(utc_now()), run="test", full=True, clock=utc_now)
    releasing = partial(release_old, world.site, order.id, by="test", clock=utc_now, progress=Silent())
    with pytest.raises(ActNotApproved, match=f"release of cut-over {order.id} of firm .* nobody has signed for it"):
        releasing(allowed=None)
    releasing(allowed=allowed(world, order.id, "release"))
    assert beside(world) == kept
    assert [(act.begun.act, act.ended and act.ended.outcome) for act in acts(world.site.primary)] == [
        ("release", "done")
    ]


def allowed(world: Staged, cut_over_id: str, act: Literal["roll-back", "release"]) -> Allowed:
    place = str(world.live.data_dir)
    names = {"firm": world.site.firm.id, "cut_over": cut_over_id, "requested_by": "engineer", "made_at": utc_now()}
    plan = LivePlan(act=act, host="db-1", live=place, aside=f"{place}.before-{cut_over_id}", **names)
    return Allowed(plan, Approval(by="lead", at=utc_now(), plan_sha256=plan.sha256))


def test_what_serves_is_given_up_only_after_a_second_person_signed_for_it(world: Staged) -> None:
    order = world.order()
    cut_over(world.stage(), order)
    back = partial(take_back, world.site, order.id, why="wrong night", by="test", clock=utc_now, progress=Silent())
    for wrong in (None, allowed(world, order.id, "release"), allowed(world, "20261101T000000000Z", "roll-back")):
        with pytest.raises(ActNotApproved, match="nobody has signed for it"):
            back(allowed=wrong)
    own = allowed(world, order.id, "roll-back")
    own = Allowed(own.plan.model_copy(update={"requested_by": "lead"}), own.approval)
    with pytest.raises(ActNotApproved, match="lead approved another plan"):
        back(allowed=own)
    assert world.serves == "new"
    assert acts(world.site.primary) == ()


def test_nothing_is_left_after_the_way_back_either(world: Staged) -> None:
    order = world.order()
    cut_over(world.stage(), order)
    roll_back(world.stage(), order.id, why="wrong night", by="test")
    assert beside(world) == {f".cut-over-{order.id}.json", ".cut-over.lock"}


def test_a_vault_that_is_out_of_reach_holds_up_no_way_back_and_gets_its_record_later(
    world: Staged, faulty_store: FaultProxy
) -> None:
    done = cut_over(world.stage(), world.order())
    _, _, aws = through(world.site, faulty_store.endpoint_url)
    faulty_store.fail("reset", region=PRIMARY_REGION)
    cut_off = build_site(world.site.firm, world.site.postgres.conninfo, aws.clients())
    gone = roll_back(replace(world.stage(), site=cut_off), done.id, why="wrong night", by="test")
    assert (world.serves, gone.outcome, gone.recorded_at) == ("old", "gone back", None)
    assert [len(rolled_back(vault)) for vault in world.site.vaults] == [0, 1]
    record_what_is_owed(world.site, clock=utc_now, progress=Silent())
    assert [len(rolled_back(vault)) for vault in world.site.vaults] == [1, 1]
    [journal] = journals(world.live.data_dir)
    assert journal.recorded_at is not None


def test_the_old_cluster_is_released_after_a_full_backup_and_not_before(
    cluster_factory: ClusterFactory, site_factory: SiteFactory, programs17: PostgresPrograms, tmp_path: Path
) -> None:
    """With a tablespace: the new one's lies below the old one's folder, and the old one's files alone go."""
    ssd = tmp_path / "ssd"
    ssd.mkdir()
    own(ssd)
    statements = (f"CREATE TABLESPACE ssd LOCATION '{ssd}'", "CREATE TABLE dockets (entry text) TABLESPACE ssd")
    world = staged_firm(cluster_factory, site_factory, programs17, tmp_path, *statements)
    at, order = world.stage(), world.order()
    done = cut_over(at, order)
    assert list(ssd.glob("PG_*"))
    assert list((ssd / f"restored-{order.id}").glob("PG_*"))
    with pytest.raises(LiveNotReplaceable, match="no full backup of the restored cluster is registered yet"):
        release(at, order.id)
    back_up_around(world.site, point_id=new_id(utc_now()), run="test", full=True, clock=utc_now)
    assert release(at, order.id).outcome == "released"
    assert not done.aside.exists()
    assert not list(ssd.glob("PG_*"))
    write(world.live, "INSERT INTO dockets VALUES ('kept'); CHECKPOINT")
    assert world.serves == "new"
    with pytest.raises(LiveNotReplaceable, match=f"cut-over {order.id} is released"):
        roll_back(at, order.id, why="too late", by="test")


def test_a_lost_disk_is_replaced_with_the_settings_that_the_backup_has(world: Staged) -> None:
    """Nothing is there to be backed up, set aside or gone back to; somebody has said so."""
    world.live.kill()
    shutil.rmtree(world.live.data_dir)
    at, order = world.stage(), world.order()
    done = cut_over(at, order)
    assert (done.had_live, done.outcome, done.safety) == (False, "live", WAIVED)
    assert world.serves == "new"
    with psycopg.connect(world.site.postgres.conninfo.reveal()) as session:
        assert session.execute("SHOW archive_command").fetchone()[0].endswith("wal push %p")  # type: ignore[index]
        assert session.execute("SHOW restore_command").fetchone() == ("",)


def test_where_nothing_was_there_nothing_is_said_to_be_kept_there(world: Staged, tmp_path: Path) -> None:
    world.live.kill()
    shutil.rmtree(world.live.data_dir)
    live = starting(world.live.programs, world.live.data_dir, tmp_path, free_port())
    with pytest.raises(WentBack) as back:
        cut_over(replace(world.stage(live), answer_within_s=3), world.order())
    assert f"KEPT: nothing in {world.live.data_dir}, as before; the restored cluster, in staging" in str(back.value)
    assert not world.live.data_dir.exists()
    assert world.staged.data_dir.exists()


def test_a_live_server_that_does_not_start_any_more_is_kept_as_it_lies(world: Staged) -> None:
    """No backup of it can be taken: the cold copy that is set aside is what there is."""
    world.live.kill()
    (world.live.data_dir / "global" / "pg_filenode.map").write_bytes(b"\0" * 524)
    done = cut_over(world.stage(), world.order())
    assert (done.was_running, done.outcome) == (False, "live")
    assert (done.aside / "global" / "pg_filenode.map").read_bytes() == b"\0" * 524
    assert world.serves == "new"
