"""A new cluster takes the firm's name: on two people's word, at once or not at all, and the old one's points stay."""

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.retention.inventory import read_inventories
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.authenticity import mac_key, read_register
from muniment.adapters.wal.archive import WalArchive
from muniment.adapters.wal.spool import WalSpool
from muniment.domain.approval import Approval, Approver
from muniment.domain.firm.firm import RestoreRules
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.restore.plan_text import plan_lines
from muniment.domain.retention.rules import plan_expiry
from muniment.domain.vault import keys
from muniment.domain.vault.adoption import Adoption, AdoptionPlan, Counted
from muniment.domain.vault.registers import Point
from muniment.errors import (
    AccessDenied,
    AdoptionNotApproved,
    LiveNotReplaceable,
    NotAdoptable,
    ReplacedCluster,
    TargetUnreachable,
    WrongCluster,
)
from muniment.ports import utc_now
from muniment.restore_kit import restore
from muniment.runbooks.firm.check_firm import check_firm
from muniment.runbooks.identity import prove_identity, prove_vault, prove_vaults
from muniment.runbooks.repair.repair_mark import find_mark_repair, repair_mark
from muniment.runbooks.restore.plan_restore import plan_restore
from muniment.runbooks.rows.staged_copy import prove_copy
from muniment.runbooks.vault.adopt_cluster import adopt_cluster, plan_adoption
from muniment.runbooks.vault.create_vaults import create_vaults
from muniment.runbooks.vault.verify_firm import verify_vault
from muniment.runbooks.wal.push_wal import open_pusher
from muniment.runbooks.wal.replicate_wal import replicate_wal
from muniment.runbooks.wal.standing import standing
from muniment.runbooks.wal.windows import points_of_the_present, windows_of
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import LOGINS, SiteFactory, postgres_login, with_firm
from tests.support.denials import denied_from
from tests.support.stored import back_up, rows

pytestmark = pytest.mark.timeout(720)


@dataclass(frozen=True)
class World:
    """``old`` and ``new`` are one firm, with another cluster behind its connection; ``point`` is of the old one."""

    old: Site
    new: Site
    clusters: tuple[LocalCluster, LocalCluster]
    point: Point

    @property
    def identifiers(self) -> tuple[int, int]:
        old, new = (int(cluster.system_identifier()) for cluster in self.clusters)
        return old, new


@pytest.fixture(scope="module")
def two(module_cluster_factory: ClusterFactory, programs17: PostgresPrograms) -> tuple[LocalCluster, LocalCluster]:
    both = module_cluster_factory(programs17), module_cluster_factory(programs17)
    for cluster, count in zip(both, (2, 3), strict=True):
        rows(cluster, f"CREATE TABLE matter AS SELECT n FROM generate_series(1, {count}) n")
    return both


@pytest.fixture
def world(site_factory: SiteFactory, two: tuple[LocalCluster, LocalCluster]) -> World:
    old = with_firm(
        site_factory(two[0]), restore=RestoreRules(approvers=(Approver(name="lead"), Approver(name="engineer")))
    )
    conninfo = postgres_login(old.firm, two[1]).conninfo()
    new = replace(old, postgres=replace(old.postgres, conninfo=conninfo))
    return World(old, new, two, back_up(old, "20261120T080000000Z"))


def planned(world: World) -> AdoptionPlan:
    plan = plan_adoption(world.new, requested_by="engineer", clock=utc_now)
    assert plan is not None
    return plan


def approved(plan: AdoptionPlan, by: str = "lead") -> Approval:
    return Approval(by=by, at=utc_now(), plan_sha256=plan.sha256)


def adopt(world: World, plan: AdoptionPlan) -> None:
    adopt_cluster(world.new, plan, approval=approved(plan), by="test", clock=utc_now)


def restored(world: World, target: str, tmp_path: Path, replaces: str | None = None) -> RestorePlan:
    asked, firm, into = RecoveryTarget.parse(target), world.new.firm, tmp_path / "data"
    vault = world.new.primary
    return plan_restore(vault, firm, asked, side="primary", into=into, clock=utc_now, replaces=replaces)


def test_the_repair_of_a_mark_does_not_take_an_adoption_back(world: World, cloud: Cloud) -> None:
    """The newest version of ours below what somebody wrote may be of before it."""
    adopt(world, planned(world))
    vault, adopted = world.new.primary, prove_vault(world.new.primary)
    body, metadata = vault.read(keys.FIRM)
    s3 = cloud.client("s3")
    newest = next(each for each in vault.list_versions(keys.FIRM) if each.is_latest)
    s3.put_object(Bucket=vault.bucket, Key=keys.FIRM, Body=body[:-9], Metadata=dict(metadata))
    s3.delete_object(Bucket=vault.bucket, Key=keys.FIRM, VersionId=newest.version_id)

    vaults = replace(vault), replace(world.new.replica)
    mending = find_mark_repair(vaults)
    assert mending is not None
    repair_mark(mending, vaults[0])
    assert prove_vault(replace(vault)).clusters == adopted.clusters == world.identifiers[::-1]


def test_a_new_cluster_is_refused_and_the_way_out_is_named(world: World) -> None:
    old, new = world.identifiers
    with pytest.raises(WrongCluster) as refused:
        check_firm(world.new, clock=utc_now)
    name = world.new.firm.id
    assert str(refused.value) == (
        f"connection {world.new.firm.cluster.connection} of firm {name} leads to cluster {new}, "
        f"the firm's cluster is {old}\n"
        "KEPT: everything; nothing was read from that cluster and nothing was written\n"
        "HINT: where the cluster was replaced on purpose (pg_upgrade, a dump into a new one): "
        f"`muniment adopt {name}`, which shows both and asks a second person. Else correct the connection, or "
        "cluster.system_identifier in the firm's file; where both are right, "
        f"`muniment repair {name} --plan` tells whether a vault's firm.json was changed."
    )
    with pytest.raises(WrongCluster, match=f"leads to cluster {new}"):
        push_newest(world.new, world.clusters[1])
    assert plan_adoption(world.old, requested_by="engineer", clock=utc_now) is None


def push_newest(site: Site, cluster: LocalCluster) -> str:
    """The segment that is written to, as archive_command would push it."""
    rows(cluster, "SELECT pg_logical_emit_message(true, 'test', 'x')")
    name = rows(cluster, "SELECT pg_walfile_name(pg_current_wal_insert_lsn())")[0][0]
    pusher = open_pusher(site.primary, site.policy, WalSpool.of_cluster(site.firm.id), clock=utc_now)
    pusher.push(cluster.data_dir / "pg_wal" / str(name))
    return str(name)


def test_two_people_and_both_identities(world: World) -> None:
    old, new = world.identifiers
    plan = planned(world)
    assert (plan.old.system_identifier, plan.old.last_point) == (old, world.point.id)
    first, second, *_ = plan.lines()
    assert first.startswith(f"the cluster of firm {world.new.firm.id} until now: {old}, PostgreSQL 17.")
    assert f": {new}, PostgreSQL 17." in second
    assert "databases postgres" in second
    uncounted = Counted(table="practice.notes", then=None, now=8123)
    lines = list(plan.model_copy(update={"counted": (uncounted,)}).lines())
    assert "practice.notes: not counted in the last recovery point, 8,123 rows now" in lines
    for by in ("engineer", "a stranger"):
        with pytest.raises(AdoptionNotApproved):
            adopt_cluster(world.new, plan, approval=approved(plan, by), by="test", clock=utc_now)
    pinned = world.new.firm.cluster.model_copy(update={"system_identifier": old})
    with pytest.raises(NotAdoptable, match=r"pins cluster\.system_identifier"):
        plan_adoption(with_firm(world.new, cluster=pinned), requested_by="engineer", clock=utc_now)
    with pytest.raises(NotAdoptable, match="the plan is of"):
        adopt_cluster(world.old, plan, approval=approved(plan), by="test", clock=utc_now)
    assert all(prove_vault(vault).clusters == (old,) for vault in world.new.vaults)


def test_the_new_one_is_the_firms_and_the_old_ones_points_stay(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = world.identifiers
    plan = planned(world)
    adopt(world, plan)
    adopt(world, plan)
    assert all(prove_vault(vault).clusters == (new, old) for vault in world.new.vaults)
    records = [read_register(vault, Adoption, keys.adopted(plan.id)) for vault in world.new.vaults]
    assert records[0] == records[1]
    assert (records[0].approval.by, records[0].plan) == ("lead", plan)
    assert prove_identity(world.new).system_identifier == new
    check_firm(world.new, clock=utc_now)

    # The old one, by mistake still running.
    for refused in (lambda: prove_identity(world.old), lambda: push_newest(world.old, world.clusters[0])):
        with pytest.raises(ReplacedCluster, match=f"leads to cluster {old}, which cluster {new} replaced on"):
            refused()
    name = push_newest(world.new, world.clusters[1])
    assert world.new.primary.head(keys.wal(new, name)) is not None
    rows(world.clusters[1], "SELECT pg_switch_wal()")

    # Before the new one has a point the old one's is the newest that there is, and says whose it is.
    early = restored(world, "latest", tmp_path)
    assert (early.cluster, early.point, early.replaced_at is not None) == (old, world.point.id, True)
    assert points_of_the_present(world.new.primary) == (world.point,)

    tonight = back_up(world.new, "20261121T080000000Z")
    assert (tonight.kind, tonight.system_identifier) == ("full", new)
    assert points_of_the_present(world.new.primary) == (tonight,)
    push_newest(world.new, world.clusters[1])
    assert (restored(world, "latest", tmp_path).cluster, restored(world, "immediate", tmp_path).cluster) == (new, new)
    back = restored(world, world.point.id, tmp_path)
    assert (back.cluster, back.point) == (old, world.point.id)
    before = f"{world.point.taken_at - timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"
    with pytest.raises(TargetUnreachable, match="it lies before the end of the first base backup"):
        restored(world, before, tmp_path)
    assert any("WHICH ANOTHER ONE REPLACED" in line for line in plan_lines(back))
    with pytest.raises(LiveNotReplaceable, match="which was replaced on"):
        restored(world, world.point.id, tmp_path, replaces="/srv/live")
    _windows_do_not_run_across(world)
    _retention_and_verify_have_both(world, tonight)
    _rows_go_from_a_copy_of_the_old_one_to_the_new(world)
    _the_kit_tells_of_both(world, monkeypatch, capsys)
    _taken_back_the_old_ones_points_are_the_present(world, tonight)


def _taken_back_the_old_ones_points_are_the_present(world: World, of_the_other: Point) -> None:
    """Though they are older than those of the cluster that had its place meanwhile."""
    back = plan_adoption(world.old, requested_by="engineer", clock=utc_now)
    assert back is not None
    adopt_cluster(world.old, back, approval=approved(back), by="test", clock=utc_now)
    site, own = world.old, world.point
    assert points_of_the_present(site.primary) == (own,)
    assert catalog.latest_point(site.primary) == own
    assert standing(site, clock=utc_now).newest_point == own.id
    vault, endpoint = site.primary, str(LOGINS[site.firm.id]["aws"].extra["endpoint_url"])
    kit = restore.Vault(vault.bucket, vault.region, None, endpoint, None)
    assert restore.find_point(kit, "latest")["id"] == own.id
    policy = site.policy.model_copy(update={"minimum_verified_points": 1})
    plan = plan_expiry(read_inventories(site)[0], policy=policy, now=utc_now() + timedelta(days=90))
    assert plan.kept_ids("point") == {own.id, of_the_other.id}


def _windows_do_not_run_across(world: World) -> None:
    for identifier, point in zip(world.identifiers, (0, 1), strict=True):
        store = WalArchive(world.new.primary, identifier)
        archive = store.archive(store.files(), 16 * 2**20)
        backups = catalog.registered_backups(world.new.primary)
        assert [window.backup for window in windows_of(store, archive, backups)] == [backups[point].id]


def _retention_and_verify_have_both(world: World, tonight: Point) -> None:
    inventory = read_inventories(world.new)[0]
    policy = world.new.policy.model_copy(update={"minimum_verified_points": 2})
    plan = plan_expiry(inventory, policy=policy, now=utc_now() + timedelta(days=90))
    assert plan.kept_ids("point") == {world.point.id, tonight.id}
    assert verify_vault(world.new.primary, deep=False).faults == ()


def _rows_go_from_a_copy_of_the_old_one_to_the_new(world: World) -> None:
    old, new = world.identifiers
    copy = replace(world.old.postgres, may_be=frozenset(prove_vault(world.new.primary).clusters))
    assert prove_copy(world.new.firm, copy, world.new.postgres) == new
    with pytest.raises(WrongCluster, match=f"to the staged cluster of firm .* leads to cluster {old}"):
        prove_copy(world.new.firm, world.old.postgres, world.new.postgres)
    assert isinstance(copy, PostgresServer)


def _the_kit_tells_of_both(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    login, vault, (old, new) = LOGINS[world.new.firm.id]["aws"], world.new.primary, world.identifiers
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", str(login.user))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", login.password.reveal())
    where = ("--bucket", vault.bucket, "--region", vault.region, "--endpoint-url", str(login.extra["endpoint_url"]))
    assert restore.main(["list", *where]) == 0
    told = capsys.readouterr().out
    assert f"firm {vault.firm}, cluster {new}\nbefore it, until " in told
    assert f"Z: cluster {old}\n" in told
    assert f"  of cluster {old}, which another one replaced\n" in told


def test_killed_anywhere_it_is_the_one_or_the_other_and_goes_on(world: World) -> None:
    """The fault sweep. The primary's firm.json decides; a replica that is behind is no stranger's."""
    plan = planned(world)
    for vault in world.new.vaults:
        mac_key(vault)
    seen, position = set(), 0
    while not _adopts_when_denied_from(world, plan, position := position + 1):
        marks = tuple(prove_vault(vault).system_identifier for vault in world.new.vaults)
        seen.add(marks)
        assert prove_vaults(world.new).system_identifier == marks[0]
        assert find_mark_repair(world.new.vaults) is None
        if len(seen) == 2:
            break
    old, new = world.identifiers
    assert seen == {(old, old), (new, old)}
    assert create_vaults(world.new, clock=utc_now)[-1] == (f"{world.new.replica.bucket}: firm.json names cluster {new}")
    adopt(world, plan)
    assert [prove_vault(vault).clusters for vault in world.new.vaults] == [(new, old)] * 2
    assert world.new.replica.head(keys.wal(old, world.point.wal.first_segment)) is not None
    assert replicate_wal(world.new, clock=utc_now) == 0
    back = plan_adoption(world.old, requested_by="engineer", clock=utc_now)
    assert back is not None
    adopt_cluster(world.old, back, approval=approved(back), by="test", clock=utc_now)
    assert prove_identity(world.old).clusters == (old, new)


def _adopts_when_denied_from(world: World, plan: AdoptionPlan, position: int) -> bool:
    with denied_from(world.new, position):
        try:
            adopt(world, plan)
        except AccessDenied:
            return False
    return True
