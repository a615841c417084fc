"""What a restore would bring back, decided from one vault before anything is fetched."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from muniment.adapters.host import programs
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import build_vault
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.restore.plan_text import plan_lines
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Point
from muniment.domain.wal.names import MAGIC_OF_MAJOR, Lsn, WalSegment
from muniment.errors import NoSuchPoint, NothingToRestore, ObjectDamaged, ProgramMissing, TargetUnreachable
from muniment.ports import utc_now
from muniment.runbooks.restore import find_stop
from muniment.runbooks.restore.plan_restore import plan_restore
from muniment.runbooks.wal import read_wal
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.faults import FaultProxy
from tests.fixtures.sites import LOGINS, SiteFactory
from tests.support.archived import Archived, archived_firm
from tests.support.wal import sql

pytestmark = pytest.mark.timeout(360)


@pytest.fixture
def firm(
    cluster_factory: ClusterFactory,
    site_factory: SiteFactory,
    programs17: PostgresPrograms,
    run_dir: Path,
    tmp_path: Path,
) -> Archived:
    return archived_firm(cluster_factory, site_factory, programs17, run_dir / f"wal-{tmp_path.name}")


def plan(firm: Archived, target: str, tmp_path: Path, *, other: Vault | None = None) -> RestorePlan:
    return plan_restore(
        firm.site.primary,
        firm.site.firm,
        RecoveryTarget.parse(target),
        side="primary",
        into=tmp_path / "data",
        clock=utc_now,
        other=other,
    )


def test_each_target_gets_the_newest_base_backup_that_leads_there(firm: Archived, tmp_path: Path) -> None:
    first = firm.point()
    firm.write(1)
    between = firm.switch()
    second = firm.point()
    firm.write(2)
    firm.switch()
    latest = plan(firm, "latest", tmp_path)
    assert (latest.point, latest.chain) == (second.id, second.chain)
    assert {"recovery_target_timeline": "1", "recovery_target_action": "promote"}.items() <= latest.settings.items()
    assert latest.replay.wal.last_segment == max(name for name in firm.pushed if len(name) == 24)
    immediate = plan(firm, "immediate", tmp_path)
    assert (immediate.point, immediate.settings["recovery_target"]) == (second.id, "immediate")
    at_point = plan(firm, first.id, tmp_path)
    assert at_point.point == first.id
    assert at_point.settings["recovery_target_lsn"] == str(first.control_totals.lsn)
    assert at_point.settings["recovery_target_inclusive"] == "off"
    at_lsn = plan(firm, str(between), tmp_path)
    assert (at_lsn.point, at_lsn.timeline) == (first.id, 1)
    with pytest.raises(TargetUnreachable, match=r"it lies before the end of the first base backup"):
        plan(firm, "0/100060", tmp_path)
    with pytest.raises(TargetUnreachable, match=r"it lies behind the end of the archive"):
        plan(firm, "F/1000060", tmp_path)


def test_a_hole_is_refused_with_the_nearest_on_both_sides(firm: Archived, cloud: Cloud, tmp_path: Path) -> None:
    first = firm.point(full=True)
    firm.write(1)
    firm.switch()
    firm.write(2)
    missing = WalSegment.ending(firm.switch(), 1, 2**20)
    in_the_hole = sql(firm.cluster, "SELECT clock_timestamp()")
    firm.write(3)
    behind = firm.switch()
    second = firm.point(full=True)
    firm.write(4)
    firm.switch()
    firm.delete(cloud, missing.name)
    with pytest.raises(TargetUnreachable) as refused:
        plan(firm, in_the_hole.isoformat(), tmp_path)
    facts = refused.value.facts
    assert facts["reason"] == f"the archive has a hole that begins at {missing.start}, and it lies in there"
    before, after = facts["before"], facts["after"]
    assert plan(firm, str(before.lsn), tmp_path).reaches_at == before.at < in_the_hole
    assert plan(firm, str(after.lsn), tmp_path).point == second.id
    assert after.at == second.taken_at > in_the_hole
    assert facts["windows"].count("\n") == 2
    with pytest.raises(TargetUnreachable, match=rf"hole between {missing.start} and it"):
        plan(firm, str(Lsn(behind.offset_bytes - 100)), tmp_path)
    assert plan(firm, first.id, tmp_path).point == first.id
    assert plan(firm, "latest", tmp_path).point == second.id


def test_an_idle_firms_nights_are_no_hole(firm: Archived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find_stop, "CLOCKS_DIFFER", timedelta(0))
    firm.point(full=True)
    firm.write(1)
    at = sql(firm.cluster, "SELECT clock_timestamp()")
    firm.point(full=True)
    with pytest.raises(TargetUnreachable, match="no transaction ended later, so PostgreSQL could not"):
        plan(firm, at.isoformat(), tmp_path)
    assert plan(firm, "latest", tmp_path).left_out[0].startswith("transactions that ended behind LSN")


def test_a_time_before_the_newest_base_backup_of_a_server_that_is_idle_since(firm: Archived, tmp_path: Path) -> None:
    first = firm.point(full=True)
    firm.write(1)
    at = sql(firm.cluster, "SELECT clock_timestamp()")
    firm.write(2)
    firm.switch()
    firm.point(full=True)
    found = plan(firm, at.isoformat(), tmp_path)
    assert found.point == first.id
    assert found.reaches_at is not None
    assert found.reaches_at < at


def test_latest_does_not_end_at_a_hole_in_silence(firm: Archived, cloud: Cloud, tmp_path: Path) -> None:
    firm.point(full=True)
    firm.write(1)
    firm.switch()
    firm.write(2)
    missing = WalSegment.ending(firm.switch(), 1, 2**20)
    firm.write(3)
    firm.switch()
    firm.delete(cloud, missing.name)
    with pytest.raises(TargetUnreachable, match=rf"the archive has a hole between {missing.start} and it") as refused:
        plan(firm, "latest", tmp_path)
    nearest = plan(firm, str(refused.value.facts["before"].lsn), tmp_path)
    assert nearest.reaches_lsn == missing.start


def test_the_replica_alone_plans_the_same_without_ledgers(firm: Archived, tmp_path: Path) -> None:
    firm.point(full=True)
    xid = firm.write(1)
    sql(firm.cluster, "SELECT pg_create_restore_point('before import')")
    at = sql(firm.cluster, "SELECT clock_timestamp()")
    firm.write(2)
    firm.switch()
    firm.verify()
    firm.copy_to_replica(without="audit/")
    assert not list(firm.site.replica.list("audit/"))
    own = {"id", "made_at", "side", "vault", "region", "space_there_bytes", "space", "replay"}
    for target in ("latest", "immediate", at.isoformat(), f"xid:{xid}", "name:before import"):
        known = plan(firm, target, tmp_path)
        read = plan_restore(
            firm.site.replica,
            firm.site.firm,
            RecoveryTarget.parse(target),
            side="replica",
            into=tmp_path / "data",
            clock=utc_now,
        )
        assert read.region == firm.site.replica.region
        assert read.model_dump(exclude=own) == known.model_dump(exclude=own)
        # Nor does anybody tell which tablespaces its WAL makes, before it is fetched.
        assert (known.replay.unread_segments, read.replay.unread_segments) == (0, read.replay.segments)
        assert read.replay.model_copy(update={"unread_segments": 0}) == known.replay


def test_restore_points_of_one_name_are_told_apart_by_their_lsn(firm: Archived, tmp_path: Path) -> None:
    firm.point(full=True)
    for number in (1, 2):
        firm.write(number)
        sql(firm.cluster, "SELECT pg_create_restore_point('twice')")
    firm.switch()
    with pytest.raises(
        TargetUnreachable, match=r"there are 2 restore points 'twice': choose one by its LSN"
    ) as refused:
        plan(firm, "name:twice", tmp_path)
    one, other = (
        plan(firm, lsn.strip(), tmp_path) for lsn in refused.value.facts["reason"].rpartition("LSN")[2][1:].split(",")
    )
    assert one.reaches_at is not None
    assert other.reaches_at is not None
    assert one.reaches_at < other.reaches_at


def test_without_pg_waldump_what_listings_tell_is_planned(
    firm: Archived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The WAL looks like that of a PostgreSQL which is not on this machine."""
    monkeypatch.setattr(programs, "_bin_dirs", lambda: [firm.cluster.programs.bin_dir])
    magic = next(magic for magic, major in MAGIC_OF_MAJOR.items() if major != firm.cluster.programs.major)
    firm.magic = magic
    point = firm.point(full=True)
    firm.write(1)
    ended = firm.switch()
    latest = plan(firm, "latest", tmp_path)
    assert (latest.reaches_lsn, latest.reaches_at) == (None, None)
    assert "recovery_target_lsn" not in latest.settings
    assert plan(firm, point.id, tmp_path).settings["recovery_target_lsn"] == str(point.control_totals.lsn)
    assert plan(firm, str(Lsn(ended.offset_bytes - 100)), tmp_path).replay.segments >= 2
    assert plan(firm, "immediate", tmp_path).reaches_lsn == point_stop(firm, point)
    for target in (utc_now().isoformat(), "xid:800", "name:before import"):
        with pytest.raises(ProgramMissing):
            plan(firm, target, tmp_path)


def point_stop(firm: Archived, point: Point) -> Lsn:
    return catalog.find_backup(firm.site.primary, point.backup).stop_lsn


def test_an_unknown_point_and_an_empty_vault(firm: Archived, tmp_path: Path) -> None:
    with pytest.raises(NothingToRestore):
        plan(firm, "latest", tmp_path)
    point = firm.point(full=True)
    with pytest.raises(NoSuchPoint, match=f"the nearest ids are: {point.id}\n") as refused:
        plan(firm, "20200101T000000000Z", tmp_path)
    assert refused.value.exit_code == 4


def test_wal_is_read_a_few_segments_at_a_time(firm: Archived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_wal, "LONGEST_RUN_BYTES", 2 * 2**20)
    firm.point(full=True)
    instants = []
    for number in range(4):
        firm.write(number)
        instants.append(sql(firm.cluster, "SELECT clock_timestamp()"))
        firm.switch()
    read = [plan(firm, at.isoformat(), tmp_path).reaches_at for at in instants[:-1]]
    assert all(found is not None and found < at for found, at in zip(read, instants, strict=False))
    assert read == sorted(set(read))  # type: ignore[type-var]
    firm.verify()
    assert [plan(firm, at.isoformat(), tmp_path).reaches_at for at in instants[:-1]] == read


def test_a_segment_that_one_vault_lacks_is_lent_by_the_other(
    firm: Archived, cloud: Cloud, tmp_path: Path, faulty_store: FaultProxy
) -> None:
    firm.point(full=True)
    firm.write(1)
    missing = WalSegment.ending(firm.switch(), 1, 2**20)
    firm.write(2)
    firm.switch()
    firm.copy_to_replica(without="audit/")
    whole = plan(firm, "latest", tmp_path)
    assert whole.replay.lent_segments == 0
    firm.delete(cloud, missing.name)
    with pytest.raises(TargetUnreachable):
        plan(firm, "latest", tmp_path)
    lent = plan(firm, "latest", tmp_path, other=firm.site.replica)
    assert (lent.replay.lent_segments, lent.vault) == (1, firm.site.primary.bucket)
    # A replica that cannot be listed shortens nothing silently: what is not known is said.
    login = LOGINS[firm.site.firm.id]["aws"]
    away = replace(login, extra={**login.extra, "endpoint_url": faulty_store.endpoint_url})
    faulty_store.fail("503")
    replica = build_vault(firm.site.firm, "replica", away.clients())
    with pytest.raises(TargetUnreachable) as refused:
        plan(firm, "latest", tmp_path, other=replica)
    assert (
        f"; whether the other vault reaches it is not known: S3 ListObjectsV2 on {replica.bucket}/wal/"
        in refused.value.what
    )
    own = {"id", "made_at", "replay", "space_there_bytes", "space"}
    assert lent.model_dump(exclude=own) == whole.model_dump(exclude=own)
    assert "1 of them are not in this vault and come from the other one" in "\n".join(plan_lines(lent))


def test_a_damaged_register_keeps_nobody_from_the_other_points(firm: Archived, tmp_path: Path, cloud: Cloud) -> None:
    first = firm.point(full=True)
    firm.write(1)
    second, third = firm.point(full=True), firm.point(full=True)
    primary, s3 = firm.site.primary, cloud.client("s3", firm.site.primary.region)
    spoilt = (keys.point(third.id), keys.backup_register(second.backup))
    for key in spoilt:
        s3.put_object(Bucket=primary.bucket, Key=key, Body=primary.get(key).replace(b"1", b"2", 1))
    told = plan(firm, first.id, tmp_path)
    assert told.point == first.id
    assert plan(firm, "latest", tmp_path).point == first.id
    for key in spoilt:
        mended = f"`muniment repair {primary.firm}` brings it back"
        assert f"what only {key} leads to: it is damaged in {primary.bucket}; {mended}" in told.left_out
    with pytest.raises(ObjectDamaged, match=keys.point(third.id)):
        plan(firm, third.id, tmp_path)
