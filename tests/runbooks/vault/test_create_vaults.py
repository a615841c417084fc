"""Vaults made from nothing, after a crash at any step, and never in somebody else's place."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Side, Site
from muniment.adapters.vault.vault import Vault
from muniment.domain.finding import Finding
from muniment.domain.firm.firm import Cluster, Firm
from muniment.errors import AccessDenied, UnmarkedVault, VaultNotSafe, WrongCluster, WrongVault
from muniment.ports import utc_now
from muniment.runbooks.firm.check_firm import check_firm
from muniment.runbooks.identity import prove_identity
from muniment.runbooks.vault.create_vaults import SIDES, create_vaults
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory, as_root
from tests.support.s3 import s3_of, with_store

# What the first run does to one new bucket before its mark: Object Lock brings versioning, S3 itself blocks the public.
CHANGES = 4


@pytest.fixture
def new_site(site_factory: SiteFactory, cluster: LocalCluster) -> Site:
    """A firm before its first run."""
    return site_factory(cluster, vaults=False)


def assert_complete(site: Site) -> None:
    for vault in site.vaults:
        assert vault.store.missing_protections() == ()
        assert s3_of(vault).get_object_lock_configuration(Bucket=vault.bucket)["ObjectLockConfiguration"] == {
            "ObjectLockEnabled": "Enabled"
        }
    assert prove_identity(site).system_identifier == site.postgres.system_identifier()
    assert create_vaults(site, clock=utc_now) == ()


def assert_untouched(site: Site, *sides: Side) -> None:
    for side in sides or SIDES:
        assert site.vault(side).store.bucket_region() is None


def with_place(firm: Firm, side: Side, **changes: Any) -> Firm:
    """The firm's file with another bucket or region for one vault."""
    place = getattr(firm.vaults, side).model_copy(update=changes)
    return firm.model_copy(update={"vaults": firm.vaults.model_copy(update={side: place})})


def test_the_first_run_makes_both_and_the_second_finds_nothing_to_do(new_site: Site) -> None:
    done = create_vaults(new_site, clock=utc_now)
    name = new_site.firm.id
    assert done == tuple(
        f"{name}-vault-{side}: {step}"
        for side in SIDES
        for step in (
            "bucket",
            "encryption",
            "lifecycle",
            "bucket policy",
            "firm.json",
        )
    )
    assert_complete(new_site)


class Killed(BaseException):
    """What SIGKILL leaves behind it: nothing after this call happens."""


@dataclass
class DyingClient:
    """An S3 client whose process dies as soon as S3 has done its first change: the answer never comes."""

    s3: Any

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.s3, name)
        if not name.startswith(("put_", "create_")):
            return call

        def change(**arguments: Any) -> None:
            call(**arguments)
            raise Killed

        return change


@pytest.mark.parametrize("side", SIDES)
def test_runs_that_are_killed_after_each_step_are_completed_by_the_next(side: Side, new_site: Site) -> None:
    """Each run makes one change and dies, so the next one begins in every state that a crash can leave."""
    dying: dict[str, Any] = {side: with_store(new_site.vault(side), s3=DyingClient(s3_of(new_site.vault(side))))}
    for _ in range(CHANGES):
        with pytest.raises(Killed):
            create_vaults(replace(new_site, **dying), clock=utc_now)
        assert new_site.vault(side).head("firm.json") is None
    create_vaults(new_site, clock=utc_now)
    assert_complete(new_site)


def test_two_first_runs_at_once_make_one_pair(new_site: Site) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(create_vaults, new_site, clock=utc_now) for _ in range(2)]
        for run in runs:
            run.result()
    assert_complete(new_site)


def test_a_bucket_that_was_made_a_moment_ago_is_no_error(new_site: Site) -> None:
    """Between the question and the answer of a second run; us-east-1 and the other regions say it differently."""
    for vault in new_site.vaults:
        vault.store.create_bucket()
        vault.store.create_bucket()


def test_an_empty_bucket_that_somebody_made_for_us_becomes_a_vault(new_site: Site, cloud: Cloud) -> None:
    vault = new_site.replica
    place: Any = {"LocationConstraint": vault.region}
    cloud.client("s3", vault.region).create_bucket(Bucket=vault.bucket, CreateBucketConfiguration=place)
    done = create_vaults(new_site, clock=utc_now)
    assert f"{vault.bucket}: versioning" in done
    assert f"{vault.bucket}: object lock" in done
    assert_complete(new_site)


def test_another_cluster_than_the_pinned_one_is_refused_before_anything_is_made(new_site: Site) -> None:
    firm = new_site.firm.model_copy(
        update={"cluster": Cluster(connection=new_site.firm.cluster.connection, system_identifier=7)}
    )
    with pytest.raises(WrongCluster) as refused:
        create_vaults(replace(new_site, firm=firm), clock=utc_now)
    actual = new_site.postgres.system_identifier()
    name = new_site.firm.id
    assert str(refused.value) == (
        f"connection {name.replace('-', '_')}_postgres of firm {name} leads to cluster {actual}, "
        "the firm's cluster is 7\n"
        "KEPT: everything; nothing was read from that cluster and nothing was written\n"
        "HINT: where the cluster was replaced on purpose (pg_upgrade, a dump into a new one): "
        f"`muniment adopt {name}`, which shows both and asks a second person. Else correct the connection, or "
        "cluster.system_identifier in the firm's file; where both are right, "
        f"`muniment repair {name} --plan` tells whether a vault's firm.json was changed."
    )
    assert_untouched(new_site)


def test_the_pinned_cluster_is_accepted(new_site: Site) -> None:
    pinned = Cluster(connection="pg", system_identifier=new_site.postgres.system_identifier())
    create_vaults(replace(new_site, firm=new_site.firm.model_copy(update={"cluster": pinned})), clock=utc_now)
    assert_complete(new_site)


def test_another_cluster_than_the_vaults_is_refused(
    site_factory: SiteFactory, cluster: LocalCluster, cluster_factory: ClusterFactory, programs17: PostgresPrograms
) -> None:
    site = site_factory(cluster)
    stranger = site_factory(cluster_factory(programs17), vaults=False)
    with pytest.raises(WrongCluster):
        create_vaults(replace(site, postgres=stranger.postgres), clock=utc_now)


def test_another_firms_vault_is_refused_before_anything_is_made(
    site_factory: SiteFactory, cluster: LocalCluster, new_site: Site, cloud: Cloud
) -> None:
    """With credentials that could: the mark refuses, not IAM."""
    theirs = site_factory(cluster)
    ours = as_root(cloud, replace(new_site, firm=with_place(new_site.firm, "replica", bucket=theirs.replica.bucket)))
    before = versions(ours.replica)
    with pytest.raises(WrongVault) as refused:
        create_vaults(ours, clock=utc_now)
    assert str(refused.value) == (
        f"bucket {theirs.replica.bucket} is the vault of {theirs.firm.id}, not of {new_site.firm.id}\n"
        "KEPT: everything; nothing was written\n"
        "HINT: correct vaults in the firm's file; a vault is never shared and never handed over. Where the bucket is "
        "right and its firm.json was changed: `muniment repair FIRM`."
    )
    assert_untouched(ours, "primary")
    assert versions(ours.replica) == before


def test_another_firms_vault_is_closed_to_our_own_credentials(
    site_factory: SiteFactory, cluster: LocalCluster, new_site: Site
) -> None:
    theirs = site_factory(cluster)
    ours = replace(new_site, replica=with_store(new_site.replica, bucket=theirs.replica.bucket))
    with pytest.raises(AccessDenied):
        create_vaults(ours, clock=utc_now)
    assert_untouched(new_site, "primary")


def versions(vault: Vault) -> list[tuple[str, str]]:
    return [(found.key, found.version_id) for found in vault.list_versions("")]


@pytest.mark.parametrize("deleted", [False, True], ids=["an object", "a deleted object"])
def test_a_bucket_that_holds_something_else_is_never_adopted(deleted: bool, new_site: Site, cloud: Cloud) -> None:
    s3, bucket = cloud.client("s3"), new_site.primary.bucket
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="holiday.jpg", Body=b"x")
    if deleted:
        s3.delete_object(Bucket=bucket, Key="holiday.jpg")
    with pytest.raises(UnmarkedVault) as refused:
        create_vaults(new_site, clock=utc_now)
    firm = new_site.firm.id
    assert str(refused.value) == (
        f"bucket {bucket} holds objects, and there is no firm.json that says whose they are\n"
        "KEPT: everything; nothing was written\n"
        f"HINT: where it is the vault of firm {firm}, `muniment repair {firm}` proves that and brings its firm.json "
        "back; where it is not, correct vaults in the firm's file."
    )
    assert_untouched(new_site, "replica")
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=bucket)


def test_a_bucket_in_another_region_is_refused(new_site: Site, cloud: Cloud) -> None:
    cloud.client("s3").create_bucket(Bucket=new_site.replica.bucket)
    with pytest.raises(WrongVault, match=r"is the vault of somebody in us-east-1, not of firm-.* in us-west-2"):
        create_vaults(new_site, clock=utc_now)


def test_primary_and_replica_are_not_exchanged(site_factory: SiteFactory, cluster: LocalCluster) -> None:
    site = site_factory(cluster)
    exchanged = replace(site, primary=site.replica, replica=site.primary)
    with pytest.raises(WrongVault, match=r"is the vault of firm-.* \(replica\), not of firm-.* \(primary\)"):
        create_vaults(exchanged, clock=utc_now)


def test_a_vault_that_is_gone_is_not_quietly_made_anew(
    site_factory: SiteFactory, cluster: LocalCluster, cloud: Cloud
) -> None:
    site = as_root(cloud, site_factory(cluster))
    site.primary.put("points/20261120T083000123Z.json", b"{}", locked_until=None)
    s3_of(site.replica).delete_object(
        Bucket=site.replica.bucket, Key="firm.json", VersionId=versions(site.replica)[0][1]
    )
    s3_of(site.replica).delete_bucket(Bucket=site.replica.bucket)
    with pytest.raises(VaultNotSafe) as refused:
        create_vaults(site, clock=utc_now)
    assert str(refused.value) == (
        f"vault {site.replica.bucket} is not safe: it is gone, and the other vault holds recovery points\n"
        "KEPT: what both vaults hold; no backup was begun\n"
        f"HINT: run `muniment check {site.firm.id}` and follow each remedy."
    )
    assert_untouched(site, "replica")
    stops = [finding for finding in check_firm(site, clock=utc_now) if finding.severity == "stop"]
    assert stops == [
        Finding(
            f"vault {site.replica.bucket} in us-west-2: it is gone, and the other vault holds recovery points",
            f"find out who removed it; `muniment check {site.firm.id} --replace-lost-vault` makes it anew.",
        ),
    ]
    create_vaults(site, clock=utc_now, replace_lost=True)
    assert_complete(site)
