"""Readers and an expire that runs beside them, on two real vaults: in whatever order their requests arrive."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.leases.leases import KeptUp, standing_leases, standing_mark, write
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.domain.leases.lease import DELETES_FOR, LONGEST, Expiring, Lease, LeasedWal, Needs
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Backup
from muniment.domain.wal.names import WalSegment
from muniment.errors import AccessDenied, BeingExpired, ObjectDamaged
from muniment.ports import utc_now
from muniment.runbooks.leases.lease_point import leased
from muniment_demo.cloud import Cloud
from tests.fixtures.faults import FaultProxy
from tests.fixtures.sites import LOGINS, SiteFactory, iam_policy
from tests.support.denials import denied_from
from tests.support.expiry import expiring_site, held, night, run
from tests.support.interleavings import meanwhile
from tests.support.nights import SEGMENT_BYTES, Nights
from tests.support.progress import Told
from tests.support.s3 import s3_of, with_store
from tests.support.wal import eventually

pytestmark = pytest.mark.timeout(540)


@pytest.fixture
def site(site_factory: SiteFactory, cluster: LocalCluster) -> Site:
    return expiring_site(site_factory, cluster)


@pytest.fixture
def old(nights: Nights) -> Backup:
    """Of a point that goes tonight."""
    return night(nights, 12, documents=("old.pdf",))


@pytest.fixture
def tonight(nights: Nights, old: Backup) -> Backup:
    nights.push_wal(2)
    return night(nights, 1, documents=("new.pdf",))


def needs(backup: Backup) -> Needs:
    first = WalSegment.holding(backup.start_lsn, 1, SEGMENT_BYTES)
    wal = LeasedWal.between(backup.system_identifier, first, first.next().next())
    return Needs(points=(backup.point,), backups=(backup.id,), snapshots=(backup.point,), wal=(wal,))


@contextmanager
def reading(site: Site, backup: Backup, **how: Any) -> Iterator[None]:
    with leased(site.vaults, needs(backup), "a restore to latest", **how):
        yield


def leases(vault: Vault) -> list[str]:
    return [item.key for item in vault.list_versions(keys.LEASES)]


def prove_readable(vault: Vault, backup: Backup) -> None:
    there = held(vault)
    assert backup.point in {point.id for point in catalog.points(vault)}
    assert {*backup.keys(), keys.backup_register(backup.id), keys.config(backup.point)} <= there
    assert keys.document_object("matters", "old.pdf", "1") in there
    assert keys.document_snapshot(backup.point) in there
    wal = {key for key in there if key.startswith(keys.WAL)}
    first = WalSegment.holding(backup.start_lsn, 1, SEGMENT_BYTES).number
    names = [WalSegment(1, first + each, SEGMENT_BYTES).name for each in range(3)]
    assert {keys.wal(backup.system_identifier, name) for name in names} <= wal


def test_who_read_before_expire_came_is_spared_and_when_he_has_read_it_all_goes(
    site: Site, old: Backup, tonight: Backup
) -> None:
    with reading(site, old):
        plan = run(site, tonight)
        for vault in site.vaults:
            prove_readable(vault, old)
        (why,) = [v.why for v in plan.replica.kept if v.group.kind == "backup" and v.group.id == old.id]
    assert why.startswith("leased until ")
    assert " to a restore to latest (process " in why
    assert [leases(vault) for vault in site.vaults] == [[], []]
    run(site, tonight)
    for vault in site.vaults:
        assert not {key for key in held(vault) if old.id in key or old.point in key}


@pytest.mark.parametrize("side", ["primary", "replica"])
def test_a_lease_in_either_vault_counts_for_both(site: Site, old: Backup, tonight: Backup, side: Any) -> None:
    with leased([site.vault(side)], needs(old), "a restore to latest"):
        run(site, tonight)
        for vault in site.vaults:
            prove_readable(vault, old)


def test_who_leases_between_expires_plan_and_its_mark_is_spared(site: Site, old: Backup, tonight: Backup) -> None:
    with ExitStack() as reader:

        def lease() -> None:
            reader.enter_context(reading(site, old))

        with meanwhile("PutObject", keys.EXPIRING, lease, *site.vaults) as came:
            plan = run(site, tonight)
        assert came
        assert old.point not in {verdict.group.id for verdict in plan.primary.going}
        for vault in site.vaults:
            prove_readable(vault, old)


def test_what_a_lease_kept_that_ends_meanwhile_is_in_no_mark_and_stays_tonight(
    site: Site, old: Backup, tonight: Backup
) -> None:
    """Else the next reader would look at a mark that does not name it, and be wrong."""
    with ExitStack() as reader:
        reader.enter_context(reading(site, old))
        with meanwhile("PutObject", keys.EXPIRING, reader.close, *site.vaults) as came:
            run(site, tonight)
        assert came
        assert leases(site.primary) == []
    for vault in site.vaults:
        prove_readable(vault, old)


def test_who_leases_when_expire_has_marked_is_refused_whatever_is_still_there(
    site: Site, old: Backup, tonight: Backup
) -> None:
    refused: list[BeingExpired] = []

    def come_late() -> None:
        prove_readable(site.primary, old)
        try:
            with reading(site, old):
                pass
        except BeingExpired as error:
            refused.append(error)

    with meanwhile("DeleteObject", keys.POINTS, come_late, site.replica):
        run(site, tonight)
    (error,) = refused
    first = WalSegment.holding(old.start_lsn, 1, SEGMENT_BYTES)
    assert error.what == (
        f"expire deletes what would be read from {site.primary.bucket}: recovery point {old.point}, base backup"
        f" {old.id}, document snapshot {old.point}, WAL between {first.name} and {first.next().next().name}"
    )
    until = error.facts["until"]
    assert (utc_now() + timedelta(minutes=50)).strftime("%Y-%m-%d %H:%M") < until
    assert str(error).splitlines()[1:] == [
        "KEPT: whatever was there; this run has fetched nothing and overwritten nothing",
        "HINT: plan again: `muniment points` lists the recovery points that stay. Was that expire killed before it had"
        f" deleted anything, nothing stands in the way from {until} on.",
    ]
    for vault in site.vaults:
        assert leases(vault) == []
        assert not {key for key in held(vault) if old.id in key}
        assert list(vault.list_versions(keys.EXPIRING)) == []


def test_who_reads_what_stays_is_not_kept_from_it(site: Site, old: Backup, tonight: Backup) -> None:
    read: list[str] = []

    def read_tonight() -> None:
        with reading(site, tonight):
            read.append(tonight.id)

    with meanwhile("DeleteObject", keys.POINTS, read_tonight, site.replica):
        run(site, tonight)
    assert read == [tonight.id]


def test_wal_alone_is_enough_to_be_spared_or_refused(site: Site, nights: Nights, old: Backup, tonight: Backup) -> None:
    """Between two kept points nothing registers it."""
    between = WalSegment(1, 5003, SEGMENT_BYTES)
    wal = Needs(wal=(LeasedWal.between(nights.system_identifier, between, between.next()),))
    names = {keys.wal(nights.system_identifier, each.name) for each in (between, between.next())}
    with leased(site.vaults, wal, "a server's recovery"):
        run(site, tonight)
        assert all(names <= held(vault) for vault in site.vaults)
        assert all(old.id not in " ".join(held(vault)) for vault in site.vaults)

    def come_late() -> None:
        late = leased(site.vaults, wal, "a server's recovery")
        with pytest.raises(BeingExpired, match=f"WAL between {between.name} and {between.next().name}"), late:
            pass

    with meanwhile("DeleteObject", keys.WAL, come_late, site.primary) as came:
        run(site, tonight)
    assert came
    assert not any(names & held(vault) for vault in site.vaults)


def test_what_a_killed_reader_left_ends_by_itself_and_is_swept_up(site: Site, old: Backup, tonight: Backup) -> None:
    lease = Lease(id="killed", firm=site.firm.id, reader="a restore", needs=needs(old), lasts_s=-3600)
    for _ in range(2):  # renewed once: two versions
        write(site.primary, keys.lease(lease.id), lease)
    run(site, tonight)
    assert leases(site.primary) == []
    assert old.id not in " ".join(held(site.primary))


def test_by_the_stores_clock_and_no_workers(site: Site, old: Backup, tonight: Backup) -> None:
    """The worker that expires is three days ahead (``run``), or as many behind."""
    with reading(site, old):
        run(site, tonight)
        run(site, tonight, clock=lambda: utc_now() + timedelta(days=365))
        prove_readable(site.primary, old)


def test_nobody_keeps_anything_for_ever(site: Site, old: Backup) -> None:
    lease = Lease(id="greedy", firm=site.firm.id, reader="a restore", needs=needs(old), lasts_s=10 * 365 * 86400)
    written = write(site.primary, keys.lease(lease.id), lease)
    (standing,) = standing_leases(site.primary)
    assert abs(standing.until - (written.at + LONGEST)) < timedelta(seconds=10)


def test_a_lease_that_cannot_be_read_may_need_anything(site: Site, old: Backup, tonight: Backup, cloud: Cloud) -> None:
    root = cloud.client("s3")
    root.put_object(Bucket=site.primary.bucket, Key=keys.lease("later"), Body=b'{"format": 7}')
    plan = run(site, tonight)
    assert (plan.primary.going, plan.replica.going) == ((), ())
    assert plan.primary.kept[0].why.endswith(f"to somebody whose lease {keys.lease('later')} cannot be read")
    prove_readable(site.primary, old)


def test_a_lease_that_somebody_else_wrote_over_keeps_more_and_not_less(
    site: Site, old: Backup, tonight: Backup, cloud: Cloud
) -> None:
    with reading(site, old):
        for vault in site.vaults:
            (key,) = {each.key for each in vault.list(keys.LEASES)}
            forged = Lease.from_json(vault.get(key)).model_copy(update={"needs": Needs()}).to_json()
            cloud.client("s3", vault.region).put_object(Bucket=vault.bucket, Key=key, Body=forged)
        run(site, tonight)
        prove_readable(site.primary, old)


def test_a_mark_that_nobody_of_the_firm_wrote_is_not_believed(site: Site, old: Backup, cloud: Cloud) -> None:
    """Nor obeyed for ever: no mark stands for longer than the hour after which an expire writes its own again."""
    mark = Expiring(id="greedy", firm=site.firm.id, deletes=needs(old), lasts_s=10 * 365 * 86400)
    written = write(site.primary, keys.EXPIRING, mark)
    found = standing_mark(site.primary)
    assert found is not None
    assert abs(found[1] - (written.at + DELETES_FOR)) < timedelta(seconds=10)
    forged = mark.model_copy(update={"deletes": Needs()}).to_json()
    cloud.client("s3", site.primary.region).put_object(Bucket=site.primary.bucket, Key=keys.EXPIRING, Body=forged)
    with pytest.raises(ObjectDamaged), reading(site, old):
        pass


def test_it_is_written_again_before_it_ends_and_leaves_one_version(site: Site, old: Backup) -> None:
    lease = Lease(id="long", firm=site.firm.id, reader="a restore", needs=needs(old), lasts_s=12)
    kept = KeptUp(site.primary, keys.lease(lease.id), lease)
    assert kept.wait()
    began = kept.until
    assert began is not None
    eventually(lambda: kept.until is not None and kept.until - began >= timedelta(seconds=3))
    assert kept.stands
    assert len(leases(site.primary)) <= 2
    kept.end()
    assert leases(site.primary) == []


def test_an_expire_whose_mark_has_ended_deletes_nothing_more(site: Site, old: Backup, tonight: Backup) -> None:
    """It could not write it again for an hour: readers do not see it any more."""

    def end() -> None:
        for thread in threading.enumerate():
            if thread.name == f"keep {keys.EXPIRING}":
                thread._target.__self__._ends = 0.0  # type: ignore[attr-defined]

    with (
        meanwhile("DeleteObject", keys.POINTS, end, site.replica),
        pytest.raises(Exception, match="did not succeed") as ended,
    ):
        run(site, tonight)
    prove_readable(site.primary, old)
    assert "KEPT: whatever the plan keeps, whole and in both vaults; of what it lets go some may be" in str(ended.value)


def test_the_mark_of_a_killed_expire_ends_by_itself(site: Site, old: Backup) -> None:
    mark = Expiring(id="killed", firm=site.firm.id, deletes=needs(old), lasts_s=3600)
    write(site.primary, keys.EXPIRING, mark)
    with pytest.raises(BeingExpired), reading(site, old):
        pass
    write(site.primary, keys.EXPIRING, mark.model_copy(update={"lasts_s": -3600}))
    with reading(site, old):
        prove_readable(site.primary, old)


def test_without_the_right_to_write_it_reads_all_the_same_and_says_so(site: Site, old: Backup) -> None:
    told = Told()
    with denied_from(site, 1, only=frozenset({"PutObject"})), reading(site, old, progress=told):
        prove_readable(site.primary, old)
    denied = "S3 denied PutObject on {bucket}/leases/"
    assert len(told.notes) == 2
    for note, vault in zip(told.notes, site.vaults, strict=True):
        assert note.startswith(f"not leased, so expire may delete what is read, in {vault.bucket}: ")
        assert denied.format(bucket=vault.bucket) in note


def test_the_other_region_away_keeps_nobody_waiting(site: Site, old: Backup, faulty_store: FaultProxy) -> None:
    faulty_store.fail("timeout")
    login = LOGINS[site.firm.id]["aws"]
    away = replace(login, extra={**login.extra, "endpoint_url": faulty_store.endpoint_url}).clients()
    silent = with_store(site.replica, s3=away("s3", site.replica.region))
    told = Told()
    with leased([site.primary, silent], needs(old), "a restore", progress=told):
        assert len(leases(site.primary)) == 1
    assert told.notes == [
        f"not leased, so expire may delete what is read, in {silent.bucket}: it has not answered in 5 seconds"
    ]


def test_whoever_restores_may_write_leases_and_nothing_else(site: Site, old: Backup, cloud: Cloud) -> None:
    user = cloud.create_user(f"{site.firm.id}-reader", iam_policy("restore", site.firm))
    login = replace(LOGINS[site.firm.id]["aws"], user=user.access_key_id, password=user.secret_access_key)
    clients = login.clients()
    mine = [with_store(vault, s3=clients("s3", vault.region)) for vault in site.vaults]
    told = Told()
    with leased(mine, needs(old), "a restore", progress=told):
        assert [len(leases(vault)) for vault in site.vaults] == [1, 1]
    assert told.notes == []
    assert [leases(vault) for vault in site.vaults] == [[], []]
    for key in (keys.EXPIRING, keys.point("x"), keys.hold("x"), "leases"):
        with pytest.raises(AccessDenied):
            mine[0].put(key, b"mine", locked_until=None)
    (register,) = [each for each in site.primary.list_versions(keys.backup_register(old.id))]
    for how in ({}, {"VersionId": register.version_id}):
        with pytest.raises(Exception, match="AccessDenied"):
            s3_of(mine[0]).delete_object(Bucket=mine[0].bucket, Key=register.key, **how)
    with pytest.raises(Exception, match="AccessDenied"):
        s3_of(mine[0]).delete_object(Bucket=mine[0].bucket, Key=keys.lease("x"))
