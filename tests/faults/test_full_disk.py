"""The disk of the run-time folder is full: a real file system of a few MiB, filled to the last byte."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from muniment.adapters.host.durable_files import create_file, replace_file
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.domain.record import new_id
from muniment.errors import DiskFull
from muniment.ports import utc_now
from muniment.runbooks.restore import restore_cluster as runbook
from muniment.runbooks.restore.restore_cluster import restore_cluster
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.restores import prove_whole
from tests.support.stored import back_up, plan_for
from tests.support.wal import archive_with, eventually, muniment_script, sql, status_files, switch_wal

NO_WAL = ["false"]
"""These servers are not started, and nobody has archived their WAL."""

pytestmark = [
    pytest.mark.timeout(360),
    pytest.mark.skipif(os.geteuid() != 0, reason="this machine lets only root mount a small file system"),
]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """8 MiB, writable by everybody."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=777", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        (disk / "filler").write_bytes(bytes(16 * 2**20))
    with pytest.raises(OSError, match="No space left"):
        (disk / "more").write_bytes(bytes(8192))


def test_a_full_disk_leaves_the_old_file_and_no_other(small_disk: Path) -> None:
    journal, plan = small_disk / "journal.json", small_disk / "plan.json"
    journal.write_bytes(b"old")
    fill(small_disk)
    before = sorted(small_disk.iterdir())
    with pytest.raises(OSError, match="No space left"):
        replace_file(journal, bytes(8192))
    with pytest.raises(OSError, match="No space left"):
        create_file(plan, bytes(8192))
    assert journal.read_bytes() == b"old"
    assert sorted(small_disk.iterdir()) == before


def test_a_restore_that_fills_its_disk_says_so_and_goes_on_when_there_is_space(
    site17: Site, small_disk: Path, monkeypatch: pytest.MonkeyPatch, programs17: PostgresPrograms
) -> None:
    """Somebody else took the space after it had been looked at."""
    plan = plan_for(site17.primary, back_up(site17, new_id(utc_now())), small_disk / "data")
    monkeypatch.setattr(runbook, "_require_space", lambda *_: None)
    with pytest.raises(DiskFull, match=rf"no space left in {small_disk}/data: \d+ bytes needed, \d+ there"):
        restore_cluster(site17.primary, plan, restore_command=NO_WAL)
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    prove_whole(restore_cluster(site17.primary, plan, restore_command=NO_WAL), programs17)


def test_too_little_space_is_refused_before_the_first_byte(site17: Site, small_disk: Path) -> None:
    plan = plan_for(site17.primary, back_up(site17, new_id(utc_now())), small_disk / "data")
    with pytest.raises(DiskFull):
        restore_cluster(site17.primary, plan)
    assert not (small_disk / "data").exists()


def test_wal_is_archived_without_room_for_a_single_note(
    site_factory: SiteFactory,
    cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    small_disk: Path,
    tmp_path: Path,
) -> None:
    """The spool only saves time: when it cannot be written, the archive goes on."""
    cluster = cluster_factory(programs17)
    site = site_factory(cluster)
    fill(small_disk)
    archive_with(cluster, f"{muniment_script(site, tmp_path, MUNIMENT_SPOOL=str(small_disk / 'spool'))} wal push %p")
    names = switch_wal(cluster, 3)
    eventually(lambda: set(names) <= set(status_files(cluster, "done")))
    assert sql(cluster, "SELECT last_archived_wal FROM pg_stat_archiver") == names[-1]
