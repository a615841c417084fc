"""The archive of real servers that archive with the real command."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.adapters.wal.archive import WalArchive
from muniment.domain.firm.firm import WalArchive as WalArchivePolicy
from muniment.domain.secret import Secret
from muniment.domain.vault import keys
from muniment.domain.wal.names import Lsn
from muniment.errors import ObjectDamaged, RightMissing, WalGap, WalNotYetArchived
from muniment.ports import Silent, utc_now
from muniment.runbooks.wal.replicate_wal import replicate_wal
from muniment.runbooks.wal.status import wal_status
from muniment.runbooks.wal.verify_checkpoint import verify_wal_checkpoint
from muniment.runbooks.wal.verify_files import unverified
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory, make_policy, with_firm
from tests.support.progress import Told
from tests.support.s3 import store_of
from tests.support.wal import (
    archive_with,
    eventually,
    muniment_script,
    register_backup,
    sql,
    status_files,
    switch_wal,
)


class Archiving:
    """A firm whose server archives into its vault, and an intruder with every right there."""

    def __init__(self, site: Site, cluster: LocalCluster, folder: Path, cloud: Cloud) -> None:
        self.site = site
        self.cluster = cluster
        self.script = muniment_script(site, folder)
        archive_with(cluster, f"{self.script} wal push %p")
        self.store = WalArchive(site.primary, int(cluster.system_identifier()))
        self.root = cloud.client("s3")

    def archived(self) -> None:
        eventually(lambda: not status_files(self.cluster, "ready"))

    def promote(self) -> None:
        """The server comes back from its archive, on a timeline of its own."""
        self._stop_archived()
        with (self.cluster.data_dir / "muniment.conf").open("a") as settings:
            settings.write(f"restore_command = '{self.script} wal fetch %f %p'\n")
        (self.cluster.data_dir / "recovery.signal").touch()
        self.cluster.start()
        eventually(lambda: sql(self.cluster, "SELECT NOT pg_is_in_recovery()"))

    def _stop_archived(self) -> None:
        """A server that stops gives its archiver a moment for the last segment, which a busy machine may not have.

        And one that recovers keeps no segment for an archiver."""
        self.archived()
        self.cluster.stop()
        while status_files(self.cluster, "ready"):
            self.cluster.start()
            self.archived()
            self.cluster.stop()

    def delete(self, name: str) -> None:
        bucket, key = self.site.primary.bucket, self.store.key(name)
        for found in list(self.site.primary.list_versions(key)):
            self.root.delete_object(Bucket=bucket, Key=key, VersionId=found.version_id, BypassGovernanceRetention=True)

    def replace(self, name: str, *, flip: int) -> None:
        """Damages one byte and leaves metadata and a fitting checksum, as whoever owns the bucket could."""
        bucket, key = self.site.primary.bucket, self.store.key(name)
        there = self.root.get_object(Bucket=bucket, Key=key)
        body = bytearray(there["Body"].read())
        body[flip] ^= 1
        self.root.put_object(
            Bucket=bucket,
            Key=key,
            Body=bytes(body),
            Metadata=there["Metadata"],
            ChecksumAlgorithm="SHA256",
            **store_of(self.site.primary).at_rest(),
        )


@pytest.fixture
def firm(
    site_factory: SiteFactory,
    cluster_factory: ClusterFactory,
    programs: PostgresPrograms,
    tmp_path: Path,
    cloud: Cloud,
) -> Archiving:
    cluster = cluster_factory(programs, archive_command="/bin/false", wal_segment_size_mb=1)
    return Archiving(site_factory(cluster), cluster, tmp_path, cloud)


@pytest.fixture
def firm17(
    site_factory: SiteFactory,
    cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    tmp_path: Path,
    cloud: Cloud,
) -> Archiving:
    cluster = cluster_factory(programs17, archive_command="/bin/false", wal_segment_size_mb=1)
    return Archiving(site_factory(cluster), cluster, tmp_path, cloud)


def test_a_backup_is_proven_and_only_new_segments_are_read(firm: Archiving) -> None:
    backup = register_backup(firm.site, firm.cluster)
    names = switch_wal(firm.cluster, 3)
    proof = verify_wal_checkpoint(firm.site, backup_id=backup.id, clock=utc_now)
    assert proof.wal.first_segment <= names[0]
    assert proof.wal.last_segment > names[-1]
    assert proof.wal.through_lsn > backup.stop_lsn
    assert 0 <= proof.effective_rpo_s < 60
    (window,) = proof.windows
    assert (window.backup, window.start_lsn, window.end_lsn) == (backup.id, backup.stop_lsn, proof.wal.through_lsn)
    ledger = list(firm.site.primary.list(keys.VERIFIED))
    again = verify_wal_checkpoint(firm.site, backup_id=backup.id, clock=utc_now)
    assert again.wal.last_segment > proof.wal.last_segment
    assert len(list(firm.site.primary.list(keys.VERIFIED))) == len(ledger) + 1
    assert unverified(firm.site.primary, firm.store.system_identifier, firm.store.files()) == {}


def test_a_missing_segment_is_a_gap_and_is_named(firm: Archiving) -> None:
    backup = register_backup(firm.site, firm.cluster)
    names = switch_wal(firm.cluster, 4)
    firm.archived()
    firm.delete(names[1])
    with pytest.raises(WalGap) as caught:
        verify_wal_checkpoint(firm.site, backup_id=backup.id, clock=utc_now)
    assert caught.value.facts["missing"] == names[1]
    status = wal_status(firm.site, clock=utc_now)
    assert status.archived_lsn is not None and status.archived_lsn < status.live_lsn


def test_an_archiver_that_fails_is_waited_for_and_then_named(firm: Archiving) -> None:
    backup = register_backup(firm.site, firm.cluster)
    firm.archived()
    archive_with(firm.cluster, "/bin/false")
    switch_wal(firm.cluster)
    eventually(lambda: sql(firm.cluster, "SELECT failed_count FROM pg_stat_archiver"))
    impatient = with_firm(firm.site, policy=make_policy(wal_archive=WalArchivePolicy(wait=timedelta(seconds=5))))
    with pytest.raises(WalNotYetArchived, match=r"was not in the vault after [0-9]+ seconds") as caught:
        verify_wal_checkpoint(impatient, backup_id=backup.id, clock=utc_now)
    assert "UTC" in caught.value.facts["last_failure"]


def test_new_wal_reaches_the_other_region(firm: Archiving) -> None:
    switch_wal(firm.cluster, 3)
    firm.archived()
    assert replicate_wal(firm.site, clock=utc_now) == len(firm.store.files()) > 0
    assert replicate_wal(firm.site, clock=utc_now, progress=Silent()) == 0
    replica = WalArchive(firm.site.replica, firm.store.system_identifier)
    assert replica.files().keys() == firm.store.files().keys()
    name = next(iter(replica.files()))
    assert replica.read(name) == firm.store.read(name)
    found = firm.site.replica.head(replica.key(name))
    assert found is not None and found.locked_until is not None
    assert wal_status(firm.site, clock=utc_now).missing_in_replica == 0


def test_a_promotion_is_followed_across_its_history_file(firm17: Archiving) -> None:
    backup = register_backup(firm17.site, firm17.cluster)
    switch_wal(firm17.cluster, 2)
    firm17.promote()
    proof = verify_wal_checkpoint(firm17.site, backup_id=backup.id, clock=utc_now)
    assert (proof.wal.timeline, proof.wal.first_segment[:8], proof.wal.last_segment[:8]) == (2, "00000001", "00000002")
    (window,) = proof.windows
    assert (window.backup, window.timeline) == (backup.id, 2)
    status = wal_status(firm17.site, clock=utc_now)
    assert (status.timeline, status.archived_lsn, status.ready) == (2, window.end_lsn, 0)
    assert status.effective_rpo_s == 0, "nothing was written since"
    sql(firm17.cluster, "CREATE TABLE since AS SELECT 1 AS entry")
    written = wal_status(firm17.site, clock=utc_now)
    assert written.effective_rpo_s is not None and written.effective_rpo_s > 0


def test_a_missing_history_file_is_a_gap(firm17: Archiving) -> None:
    backup = register_backup(firm17.site, firm17.cluster)
    firm17.promote()
    firm17.archived()
    firm17.delete("00000002.history")
    with pytest.raises(WalGap) as caught:
        verify_wal_checkpoint(firm17.site, backup_id=backup.id, clock=utc_now)
    assert caught.value.facts["missing"] == "00000002.history"


def test_a_flipped_byte_is_named_and_nothing_is_noted(firm17: Archiving) -> None:
    backup = register_backup(firm17.site, firm17.cluster)
    names = switch_wal(firm17.cluster, 2)
    firm17.archived()
    firm17.replace(names[0], flip=1000)
    with pytest.raises(ObjectDamaged, match=f"object wal/[0-9]+/00000001/{names[0]} in .* is damaged"):
        verify_wal_checkpoint(firm17.site, backup_id=backup.id, clock=utc_now)
    assert list(firm17.site.primary.list(keys.VERIFIED)) == []


def test_a_hole_before_the_backup_is_told_and_does_not_stop_tonight(firm17: Archiving) -> None:
    first = register_backup(firm17.site, firm17.cluster)
    names = switch_wal(firm17.cluster, 3)
    second = register_backup(firm17.site, firm17.cluster)
    firm17.archived()
    firm17.delete(names[1])
    told = Told()
    proof = verify_wal_checkpoint(firm17.site, backup_id=second.id, clock=utc_now, progress=told)
    assert [window.backup for window in proof.windows] == [first.id, second.id]
    (note,) = told.notes
    assert note.startswith("no instant between ")
    status = wal_status(firm17.site, clock=utc_now)
    assert [hole.start_at for hole in status.holes] == [proof.windows[0].end_at]


def test_segments_and_windows_survive_a_boundary(firm17: Archiving) -> None:
    """The backup's stop lies exactly where a segment ends, and nothing happens afterwards."""
    backup = register_backup(firm17.site, firm17.cluster)
    size = backup.wal_segment_bytes
    at_the_end = Lsn(-(-backup.stop_lsn.offset_bytes // size) * size)
    moved = backup.model_copy(update={"id": backup.id.replace("Z", "B"), "stop_lsn": at_the_end})
    firm17.site.primary.put_register(keys.backup_register(moved.id), moved, locked_until=None)
    proof = verify_wal_checkpoint(firm17.site, backup_id=moved.id, clock=utc_now)
    assert proof.wal.through_lsn >= at_the_end
    again = verify_wal_checkpoint(firm17.site, backup_id=moved.id, clock=utc_now)
    assert again.wal.through_lsn.bytes_since(proof.wal.through_lsn) == size


def test_a_role_without_the_right_to_switch_is_told(firm17: Archiving) -> None:
    backup = register_backup(firm17.site, firm17.cluster)
    sql(firm17.cluster, "CREATE ROLE clerk LOGIN PASSWORD 'clerk'")
    server = firm17.site.postgres
    clerk = Secret(f"{server.conninfo.reveal()} user=clerk password=clerk")
    site = replace(firm17.site, postgres=replace(server, conninfo=clerk))
    with pytest.raises(RightMissing, match=r"postgresql of firm firm-\w+ denied it: permission denied .*CHECKPOINT"):
        verify_wal_checkpoint(site, backup_id=backup.id, clock=utc_now)
