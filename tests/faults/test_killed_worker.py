"""A worker is killed with SIGKILL in the middle of each task: the next run completes, and nothing half-made shows."""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.domain.record import new_id
from muniment.ports import utc_now
from muniment.runbooks.vault.verify_firm import verify_vaults
from muniment_demo.cloud import Cloud
from tests.faults.worker import Night, through
from tests.fixtures.clusters import ROOT
from tests.fixtures.faults import FaultProxy
from tests.fixtures.sites import SiteFactory
from tests.support.wal import archive_with, eventually, muniment_script

pytestmark = pytest.mark.timeout(540)


@dataclass(frozen=True)
class Middle:
    """The request at which the worker hangs when it is killed: something was done before it, something comes after."""

    method: str
    path: str


# {primary}, {replica}: the vaults' bucket names
MIDDLES = {
    "check_firm": Middle("GET", "{replica}"),
    "base_backup": Middle("PUT", "{primary}/base/"),
    "verify_wal_checkpoint": Middle("GET", "{primary}"),
    "sync_documents": Middle("PUT", "{primary}/documents/objects/"),
    "back_up_config": Middle("PUT", "{primary}/config/"),
    "copy_to_replica": Middle("PUT", "{replica}/base/"),
    "register_recovery_point": Middle("PUT", "{primary}/points/"),
    "expire": Middle("DELETE", "{primary}/base/"),
}


@pytest.fixture
def firm(site_factory: SiteFactory, cluster: LocalCluster, cloud: Cloud, tmp_path: Path) -> Site:
    """A firm that archives for real and has documents; nothing is locked, so that expire has something to delete."""
    site = site_factory(cluster, lock="none")
    archive_with(cluster, f"{muniment_script(site, tmp_path)} wal push %p")
    s3 = cloud.client("s3")
    for number in range(6):
        s3.put_object(Bucket=site.firm.documents[0].bucket, Key=f"Matter {number}/lease.txt", Body=b"lease")
    return site


@contextmanager
def working(
    site: Site, store: FaultProxy, step: str, folder: Path, point_id: str | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that has done everything before ``step`` and waits for a word to begin it; it expires in 60 days."""
    told = folder / "firm.pickle"
    told.write_bytes(pickle.dumps(through(site, store.endpoint_url)))
    expire_at = (utc_now() + timedelta(days=60)).isoformat()
    argv = [sys.executable, "-m", "tests.faults.worker", str(told), step, point_id or new_id(utc_now()), expire_at]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
        yield worker


def kill_in_the_middle(worker: subprocess.Popen[bytes], store: FaultProxy, middle: Middle) -> None:
    store.fail("timeout", method=middle.method, path=middle.path)
    assert worker.stdin is not None
    worker.stdin.write(b"\n")
    worker.stdin.flush()
    eventually(lambda: store.spoiled or worker.poll() is not None)
    assert worker.poll() is None, "it ended before it could be killed"
    worker.kill()
    worker.wait()
    store.heal()


@pytest.mark.parametrize("step", list(MIDDLES))
def test_the_next_run_completes(step: str, firm: Site, faulty_store: FaultProxy, tmp_path: Path) -> None:
    if step == "expire":  # there must be something that may go
        Night(firm, new_id(utc_now())).run()
    places = {"primary": firm.primary.bucket, "replica": firm.replica.bucket}
    middle = Middle(MIDDLES[step].method, MIDDLES[step].path.format(**places))
    with working(firm, faulty_store, step, tmp_path) as worker:
        kill_in_the_middle(worker, faulty_store, middle)
    assert [each.faults for each in verify_vaults(firm.vaults, deep=True)] == [(), ()]
    next_run = new_id(utc_now())
    Night(firm, next_run).run()
    assert [each.faults for each in verify_vaults(firm.vaults, deep=True)] == [(), ()]
    assert catalog.latest_point(firm.primary).id == next_run
    assert catalog.latest_point(firm.replica) == catalog.latest_point(firm.primary)


def test_the_same_run_completes_after_its_worker_was_killed(
    firm: Site, faulty_store: FaultProxy, tmp_path: Path
) -> None:
    """What Airflow's retry does: the same point id again."""
    point_id = new_id(utc_now())
    middle = Middle("PUT", f"{firm.primary.bucket}/points/")
    with working(firm, faulty_store, "register_recovery_point", tmp_path, point_id) as worker:
        kill_in_the_middle(worker, faulty_store, middle)
    night = Night(firm, point_id)
    night.run()
    assert [point.id for point in catalog.points(firm.primary)] == [point_id]
    assert len(catalog.registered_backups(firm.primary)) == 1
    assert catalog.find_point(firm.primary, point_id).backup == night.backup.id
