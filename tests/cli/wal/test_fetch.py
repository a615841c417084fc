"""restore_command set to the real `muniment wal fetch`, on copies of real servers."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.adapters.staging import isolation_launcher
from muniment.adapters.wal.archive import WalArchive
from muniment.adapters.wal.spool import spool_beside
from muniment.ports import utc_now
from muniment.runbooks.restore.restore_cluster import fetch_command
from muniment.runbooks.wal.replicate_wal import replicate_wal
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.wal import archive_with, eventually, muniment_script, sql, status_files, switch_wal


@dataclass
class Copied:
    """A live server that archives, and a copy of it that waits to be recovered."""

    site: Site
    cluster: LocalCluster
    copy: LocalCluster
    script: Path
    store: WalArchive
    cloud: Cloud

    def archive_all(self) -> None:
        eventually(lambda: not status_files(self.cluster, "ready"))

    def recover(self, **settings: str) -> None:
        self.copy.configure(
            {
                "restore_command": f"{self.script} wal fetch %f %p",
                "recovery_target_action": "promote",
                "archive_mode": False,
                "summarize_wal" if self.cluster.programs.major >= 17 else "log_checkpoints": False,
                **settings,
            }
        )
        (self.copy.data_dir / "recovery.signal").touch()
        self.copy.start()

    def fetch(self, name: str, target: Path, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.script, "wal", "fetch", *options, name, str(target)],
            cwd=self.copy.data_dir,
            capture_output=True,
            text=True,
            check=False,
            timeout=360,
        )

    def delete(self, site_store: WalArchive, name: str) -> None:
        """As an intruder with every right would."""
        vault = site_store.vault
        for found in list(vault.list_versions(site_store.key(name))):
            self.cloud.client("s3", vault.region).delete_object(
                Bucket=vault.bucket, Key=found.key, VersionId=found.version_id, BypassGovernanceRetention=True
            )


class FencedIn(LocalCluster):
    """Its log lies where it may write."""

    @property
    def log_path(self) -> Path:
        return self.data_dir / "start.log"


@pytest.fixture
def copied(
    site_factory: SiteFactory,
    cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    tmp_path: Path,
    cloud: Cloud,
) -> Iterator[Copied]:
    cluster = cluster_factory(programs17, archive_command="/bin/false", wal_segment_size_mb=1)
    site = site_factory(cluster)
    folder = cluster.data_dir.with_name("copy")
    script = muniment_script(site, tmp_path, warm=False)
    archive_with(cluster, f"{script} wal push %p")
    programs17.run("pg_basebackup", "-d", cluster.conninfo(), "-D", folder, "-X", "none", "-c", "fast", "--no-sync")
    (folder / "postgresql.auto.conf").write_text("")
    copy = LocalCluster(folder, programs17)
    shutil.copy(cluster.passfile, copy.passfile)
    store = WalArchive(site.primary, int(cluster.system_identifier()))
    yield Copied(site, cluster, copy, script, store, cloud)
    copy.kill()
    spool = folder.with_name("copy.muniment-wal")
    eventually(lambda: not list(spool.glob("*/fetched/*")))


def test_a_copy_is_recovered_to_the_end_of_the_archive(copied: Copied) -> None:
    switch_wal(copied.cluster, 12)
    copied.archive_all()
    copied.recover()
    eventually(lambda: sql(copied.copy, "SELECT NOT pg_is_in_recovery()"))
    assert sql(copied.copy, "SELECT count(*) FROM docket") == 1200
    log = copied.copy.log_path.read_text()
    assert "Traceback" not in log and log.count("restored log file") >= 12


def test_a_server_that_the_kernel_fences_in_fetches_its_wal_as_well(copied: Copied) -> None:
    switch_wal(copied.cluster, 4)
    copied.archive_all()
    data_dir = copied.copy.data_dir
    spool = spool_beside(data_dir)
    spool.mkdir()
    below = [part for folder in (data_dir, spool) for part in ("--write-below", str(folder))]
    copied.copy = FencedIn(data_dir, copied.copy.programs)
    copied.copy.launcher = (sys.executable, "-I", isolation_launcher.__file__, *below)
    copied.recover(dynamic_shared_memory_type="mmap")
    eventually(lambda: sql(copied.copy, "SELECT NOT pg_is_in_recovery()"))
    assert sql(copied.copy, "SELECT count(*) FROM docket") == 400


def test_recovery_stops_at_a_hole_instead_of_ending_there(copied: Copied) -> None:
    names = switch_wal(copied.cluster, 4)
    copied.archive_all()
    copied.delete(copied.store, names[2])
    copied.recover(hot_standby="on")
    eventually(lambda: not copied.copy.is_running)
    assert f"lacks 1 segment between {names[2]} and {names[3]}" in copied.copy.log_path.read_text()


def test_the_other_vault_helps_out(copied: Copied) -> None:
    names = switch_wal(copied.cluster, 3)
    copied.archive_all()
    replicate_wal(copied.site, clock=utc_now)
    copied.delete(copied.store, names[1])
    target = copied.copy.data_dir / "pg_wal" / "RECOVERYXLOG"
    done = copied.fetch(names[1], target)
    assert (done.returncode, done.stderr) == (
        0,
        f"muniment wal fetch {names[1]}: taken from {copied.site.replica.bucket}: "
        f"object {copied.store.key(names[1])} is missing from {copied.site.primary.bucket}\n",
    )
    assert target.read_bytes() == WalArchive(copied.site.replica, copied.store.system_identifier).read(names[1])
    target.unlink()
    done = copied.fetch(names[1], target, "--from=replica")
    assert (done.returncode, done.stderr, target.exists()) == (0, "", True)


def test_a_recovery_is_helped_by_the_other_vault_and_the_servers_log_says_so(copied: Copied) -> None:
    names = switch_wal(copied.cluster, 6)
    copied.archive_all()
    replicate_wal(copied.site, clock=utc_now)
    copied.delete(copied.store, names[1])
    damaged = copied.store.key(names[4])
    body = copied.site.primary.get(damaged)
    copied.cloud.client("s3").put_object(Bucket=copied.site.primary.bucket, Key=damaged, Body=body[:-1] + b"?")
    copied.recover()
    eventually(lambda: sql(copied.copy, "SELECT NOT pg_is_in_recovery()"))
    assert sql(copied.copy, "SELECT count(*) FROM docket") == 600
    log = copied.copy.log_path.read_text()
    for name in (names[1], names[4]):
        assert f"muniment wal fetch {name}: taken from " in log


def test_what_was_fetched_ahead_is_taken_without_python(copied: Copied) -> None:
    """restore_command as a restore writes it, with nothing on the path but mv."""
    names = switch_wal(copied.cluster, 1)
    spool = copied.copy.data_dir.with_name("copy.muniment-wal") / copied.site.firm.id / "fetched"
    spool.mkdir(parents=True)
    content = (copied.cluster.data_dir / "pg_wal" / names[0]).read_bytes()
    (spool / names[0]).write_bytes(content)
    command = fetch_command(copied.site.firm.id, "primary").replace("%f", names[0]).replace("%p", "pg_wal/RECOVERYXLOG")
    done = subprocess.run(
        ["/bin/sh", "-c", command.replace("|| exec", "|| exit 9; exit 0;")], cwd=copied.copy.data_dir, check=False
    )
    assert done.returncode == 0
    assert (copied.copy.data_dir / "pg_wal" / "RECOVERYXLOG").read_bytes() == content
    assert not (spool / names[0]).exists()


def test_exit_codes_tell_the_end_of_the_archive_from_a_failure(copied: Copied) -> None:
    names = switch_wal(copied.cluster, 1)
    copied.archive_all()
    target = copied.copy.data_dir / "pg_wal" / "RECOVERYXLOG"
    after = names[0][:-2] + "FE"
    done = copied.fetch(after, target)
    assert (done.returncode, done.stderr, target.exists()) == (1, "", False)
    assert copied.fetch("00000002.history", target).returncode == 1
    assert copied.fetch(names[0], target).returncode == 0
    usage = subprocess.run([copied.script, "wal", "fetch", names[0]], capture_output=True, text=True, check=False)
    assert usage.returncode == 200
    assert usage.stderr == "usage: muniment wal fetch [--firm FIRM] [--from primary|replica] NAME PATH\n"


def test_a_vault_that_cannot_be_read_stops_recovery(
    copied: Copied, site_factory: SiteFactory, cluster_factory: ClusterFactory, programs17: PostgresPrograms
) -> None:
    """Exit code 1 would open the server with the rest of the archive unread."""
    other = site_factory(cluster_factory(programs17))
    file = copied.script.parent / "registry" / "firms" / f"{copied.site.firm.id}.yaml"
    told = file.read_text().replace(copied.site.primary.bucket, other.primary.bucket)
    file.write_text(told.replace(copied.site.replica.bucket, other.replica.bucket))
    target = copied.copy.data_dir / "pg_wal" / "RECOVERYXLOG"
    done = copied.fetch("000000010000000000000001", target)
    assert (done.returncode, target.exists()) == (200, False)
    assert f"S3 denied GetObject on {other.primary.bucket}/firm.json" in done.stderr
    file.write_text("id: [")
    broken = copied.fetch("000000010000000000000001", target)
    assert (broken.returncode, target.exists()) == (200, False)


def test_another_clusters_data_directory_gets_nothing(
    copied: Copied, cluster_factory: ClusterFactory, programs17: PostgresPrograms
) -> None:
    other = cluster_factory(programs17, start=False)
    done = subprocess.run(
        [copied.script, "wal", "fetch", "000000010000000000000001", "pg_wal/RECOVERYXLOG"],
        cwd=other.data_dir,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 200
    assert f"connection the data directory of firm {copied.site.firm.id} leads to cluster" in done.stderr
