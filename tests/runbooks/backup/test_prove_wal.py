"""A hole in the WAL: the night behind it begins anew, or waits for a person, as the policy says."""

from datetime import timedelta
from pathlib import Path

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.adapters.wal.archive import WalArchive
from muniment.domain.firm.firm import WalArchive as WalArchivePolicy
from muniment.domain.record import new_id
from muniment.domain.recovery.wal_coverage import holes_between
from muniment.domain.vault.registers import Point
from muniment.errors import WalGap, WalHoleFound
from muniment.ports import utc_now
from muniment.runbooks.backup.back_up_cluster import back_up_cluster
from muniment.runbooks.backup.prove_wal import prove_wal
from muniment.runbooks.nightly.chain import run_chain
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory, make_policy, with_firm
from tests.support.wal import archive_with, eventually, muniment_script, status_files, switch_wal

pytestmark = pytest.mark.timeout(900)


class Holed:
    """A firm with a recovery point, and WAL behind it that somebody takes away."""

    def __init__(self, site: Site, cluster: LocalCluster, cloud: Cloud) -> None:
        self.site, self.cluster, self.root = site, cluster, cloud.client("s3")

    def night(self, **how: bool) -> Point:
        return run_chain(self.site, point_id=new_id(utc_now()), run="test", clock=utc_now, **how)

    def lose(self, name: str) -> None:
        bucket, store = self.site.primary.bucket, WalArchive(self.site.primary, int(self.cluster.system_identifier()))
        eventually(lambda: not status_files(self.cluster, "ready"))
        for found in list(self.site.primary.list_versions(store.key(name))):
            self.root.delete_object(
                Bucket=bucket, Key=found.key, VersionId=found.version_id, BypassGovernanceRetention=True
            )

    def with_policy(self, hole: str) -> Site:
        return with_firm(
            self.site, policy=make_policy(wal_archive=WalArchivePolicy(wait=timedelta(minutes=5), hole=hole))
        )


@pytest.fixture
def holed(
    site_factory: SiteFactory,
    cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    cloud: Cloud,
    tmp_path: Path,
) -> Holed:
    cluster = cluster_factory(programs17, wal_segment_size_mb=1)
    site = site_factory(cluster)
    archive_with(cluster, f"{muniment_script(site, tmp_path)} wal push %p")
    return Holed(site, cluster, cloud)


def test_the_night_behind_a_hole_is_a_full_one_and_its_point_says_so_once(holed: Holed) -> None:
    assert holed.night().new_holes == ()
    holed.lose(switch_wal(holed.cluster, 3)[1])
    behind = holed.night()
    assert (behind.kind, len(behind.chain)) == ("full", 1)
    assert behind.new_holes == holes_between(behind.windows) != ()
    after = holed.night()
    assert (after.kind, after.chain) == ("incremental", (*behind.chain, after.backup))
    assert after.new_holes == ()


def test_a_policy_may_leave_it_to_a_person_who_asks_for_a_full_one(holed: Holed) -> None:
    holed.night()
    holed.lose(switch_wal(holed.cluster, 3)[1])
    holed.site = holed.with_policy("fail")
    with pytest.raises(WalHoleFound) as caught:
        holed.night()
    firm = holed.site.firm.id
    assert str(caught.value) == (
        f"firm {firm} has a new hole in its wal archive: {caught.value.facts['hole']}\n"
        "KEPT: every recovery point, the instants on both sides of the hole, and tonight's base backup\n"
        f"HINT: where the other vault still has the segments, `muniment repair {firm}` brings them back; else take a "
        f"new full backup: trigger the run with full, or `muniment backup {firm} --full`."
    )
    assert holed.night(full=True).new_holes != ()
    assert holed.night().new_holes == ()


def test_wal_that_is_lost_within_tonights_own_backup_costs_that_backup_and_not_the_night(holed: Holed) -> None:
    holed.night()
    torn = back_up_cluster(holed.site, point_id=new_id(utc_now()), clock=utc_now)
    names = switch_wal(holed.cluster, 2)
    holed.lose(names[0])
    with pytest.raises(WalGap):
        prove_wal(holed.with_policy("fail"), backup_id=torn.id, clock=utc_now)
    whole, proof = prove_wal(holed.site, backup_id=torn.id, clock=utc_now)
    assert (whole.kind, whole.point) == ("full", torn.point)
    assert whole.id > torn.id
    assert [window.backup for window in proof.windows][-1] == whole.id
    again, _ = prove_wal(holed.site, backup_id=torn.id, clock=utc_now)
    assert again == whole
