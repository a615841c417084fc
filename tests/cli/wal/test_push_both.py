"""`muniment wal push` of a firm whose RPO is short: into both vaults, and the primary alone decides the answer."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.logins import Login
from muniment.adapters.site.site import Site
from muniment.adapters.vault.vault import Vault
from muniment.domain.firm.firm import RecoveryClass
from muniment.domain.vault import keys
from muniment.ports import utc_now
from muniment.runbooks.vault.ensure_stand_in import ensure_stand_in
from muniment.runbooks.wal.replicate_wal import replicate_wal
from muniment.runbooks.watch.bring_wal import bring_wal
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.faults import FaultProxy
from tests.fixtures.sites import REPLICA_REGION, SiteFactory, iam_policy, login_env
from tests.support.wal import muniment_script, switch_wal

SHORT = RecoveryClass(name="am-law-100", rpo=timedelta(minutes=5), rto=timedelta(hours=1))


class Firm:
    """Its server pushes as the user of docs/iam/wal-push.json, through a store that fails on request."""

    def __init__(self, site: Site, cluster: LocalCluster, store: FaultProxy, cloud: Cloud, folder: Path) -> None:
        self.site, self.cluster, self.store, self.cloud = site, cluster, store, cloud
        user = cloud.create_user(f"{site.firm.id}-host", iam_policy("wal-push", site.firm))
        login = Login(
            id=site.firm.aws_connection,
            user=user.access_key_id,
            password=user.secret_access_key,
            extra={"endpoint_url": store.endpoint_url, "region_name": site.primary.region},
        )
        self.script = muniment_script(site, folder, **login_env("aws", login))

    def push(self, name: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.script, "wal", "push", f"pg_wal/{name}"],
            cwd=self.cluster.data_dir,
            capture_output=True,
            text=True,
            check=False,
            timeout=360,
        )

    def key(self, name: str) -> str:
        return keys.wal(int(self.cluster.system_identifier()), name)

    def names(self, vault: Vault) -> list[str]:
        return [found.key.rsplit("/", 1)[1] for found in vault.list(keys.WAL)]

    def lose_from_replica(self, name: str) -> None:
        s3, bucket = self.cloud.client("s3", REPLICA_REGION), self.site.replica.bucket
        for found in list(self.site.replica.list_versions(self.key(name))):
            s3.delete_object(Bucket=bucket, Key=found.key, VersionId=found.version_id)


@pytest.fixture
def firm(
    site_factory: SiteFactory,
    cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    faulty_store: FaultProxy,
    cloud: Cloud,
    tmp_path: Path,
) -> Firm:
    cluster = cluster_factory(programs17, archive_command="/bin/false", wal_segment_size_mb=1)
    site = site_factory(cluster, recovery_class=SHORT, lock="none")
    ensure_stand_in(site)
    return Firm(site, cluster, faulty_store, cloud, tmp_path)


def test_both_vaults_have_the_same_bytes_and_nothing_is_left_to_copy(firm: Firm) -> None:
    names = switch_wal(firm.cluster, 4)
    done = firm.push(names[0])
    assert (done.returncode, done.stderr) == (0, "")
    primary, replica = firm.site.vaults
    assert firm.names(primary) == firm.names(replica) == names, "those pushed ahead as well"
    for name in names:
        assert replica.get(firm.key(name)) == primary.get(firm.key(name))
        here, there = primary.find(firm.key(name)), replica.find(firm.key(name))
        assert (there.sha256, there.metadata) == (here.sha256, here.metadata)
        assert {"sha256", "written-at", "free-bytes", "pg-wal-bytes"} == set(there.metadata)
    assert replicate_wal(firm.site, clock=utc_now) == 0


def test_a_later_try_never_offers_the_replica_other_bytes(firm: Firm) -> None:
    """Each try seals anew: what the primary has is one message, and only the watch may bring that one over."""
    (name,) = switch_wal(firm.cluster)
    assert firm.push(name).returncode == 0
    firm.lose_from_replica(name)
    assert firm.push(name).returncode == 0
    assert firm.names(firm.site.replica) == []
    assert bring_wal(firm.site, [name], clock=utc_now) == 1
    assert firm.site.replica.get(firm.key(name)) == firm.site.primary.get(firm.key(name))


def test_a_region_that_says_nothing_is_asked_once_and_costs_no_acknowledgement(firm: Firm) -> None:
    """It takes every connection, S3's and KMS's, and never answers."""
    names = switch_wal(firm.cluster, 2)
    firm.store.fail("timeout", region=REPLICA_REGION)
    done = firm.push(names[0])
    assert done.returncode == 0
    assert done.stderr.startswith("muniment wal push: the replica vault is left to the watch: ")
    assert len(done.stderr.splitlines()) == 1
    assert firm.names(firm.site.primary) == names
    asked = len(firm.store.spoiled)
    assert asked > 0
    names += switch_wal(firm.cluster, 2)
    assert firm.push(names[2]).returncode == 0
    assert len(firm.store.spoiled) == asked, "a minute's runs do not ask that region again"
    assert firm.names(firm.site.primary) == names
    assert firm.names(firm.site.replica) == []
    firm.store.heal()
    assert bring_wal(firm.site, names, clock=utc_now) == 4
    assert firm.site.replica.get_sealed(firm.key(names[3])) == firm.site.primary.get_sealed(firm.key(names[3]))


def test_a_host_with_yesterdays_rights_goes_on_archiving_and_says_what_it_lacks(firm: Firm) -> None:
    policy = firm.site.policy.model_copy(
        update={"wal_archive": firm.site.policy.wal_archive.model_copy(update={"push_to": "primary"})}
    )
    before = firm.site.firm.model_copy(update={"policy": policy})
    user = firm.cloud.create_user(f"{firm.site.firm.id}-yesterday", iam_policy("wal-push", before))
    login = Login(
        id=firm.site.firm.aws_connection,
        user=user.access_key_id,
        password=user.secret_access_key,
        extra={"endpoint_url": firm.store.endpoint_url, "region_name": firm.site.primary.region},
    )
    (firm.script.parent / "yesterday").mkdir()
    firm.script = muniment_script(firm.site, firm.script.parent / "yesterday", **login_env("aws", login))
    (name,) = switch_wal(firm.cluster)
    done = firm.push(name)
    bucket = firm.site.replica.bucket
    assert done.returncode == 0
    assert done.stderr.startswith(
        f"muniment wal push: the replica vault is left to the watch: S3 denied GetObject on {bucket}/firm.json"
    )
    assert len(done.stderr.splitlines()) == 1
    assert firm.names(firm.site.primary) == [name]
