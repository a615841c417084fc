"""Documents while S3 misbehaves, and when the worker is killed in the middle."""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.domain.vault import keys
from muniment.errors import StoreUnavailable
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ROOT
from tests.fixtures.faults import Fault, FaultProxy
from tests.fixtures.sites import SiteFactory, site_env
from tests.support.sources import Desk, asked, contents, copies_in, new_snapshot_id, sync, through, with_endpoint

DOCUMENTS = 30
EXPECTED = {f"d/{number:03d}": f"first {number}".encode() for number in range(DOCUMENTS)}
SYNC = """
import pickle, sys
from datetime import UTC, datetime
from muniment.adapters.site.logins import open_site
from muniment.runbooks.documents.sync_documents import sync_documents

firm = pickle.load(open(sys.argv[1], "rb"))
sync_documents(open_site(firm), snapshot_id=sys.argv[2], clock=lambda: datetime.now(UTC))
"""


@pytest.fixture
def site(site_factory: SiteFactory, cluster: LocalCluster) -> Site:
    return site_factory(cluster)


@pytest.fixture
def desk(cloud: Cloud, site: Site) -> Desk:
    desk = Desk(cloud, site)
    desk.put_many(DOCUMENTS)
    return desk


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("kind", ["503", "reset", "timeout", "lost-reply"])
def test_a_store_that_fails_for_a_while(site: Site, faulty_store: FaultProxy, kind: Fault) -> None:
    faulty_store.fail(kind, times=6, method="PUT", path="documents/objects/")
    faulty_store.fail(kind, times=2, method="GET")
    snapshot = sync(through(site, faulty_store, read_timeout=1))
    assert len(faulty_store.spoiled) == 8
    assert contents(site, snapshot) == EXPECTED


@pytest.mark.usefixtures("desk")
def test_a_lost_answer_to_the_register_is_no_second_one(site: Site, faulty_store: FaultProxy) -> None:
    faulty_store.fail("lost-reply", times=1, method="PUT", path=keys.DOCUMENT_SNAPSHOTS)
    snapshot = sync(through(site, faulty_store))
    assert catalog.latest_snapshot(site.primary) == snapshot
    assert len(list(site.primary.list_versions(keys.DOCUMENT_SNAPSHOTS))) == 1


@pytest.mark.usefixtures("desk")
def test_a_store_that_fails_for_ever_ends_in_a_transient_error(site: Site, faulty_store: FaultProxy) -> None:
    faulty_store.fail("503", method="PUT", path="documents/objects/")
    with pytest.raises(
        StoreUnavailable, match=r"S3 CopyObject to .* did not succeed: SlowDown: Please reduce your request rate"
    ):
        sync(through(site, faulty_store, attempts=1))
    assert catalog.latest_snapshot(site.primary) is None
    faulty_store.heal()
    assert contents(site, sync(through(site, faulty_store))) == EXPECTED


@pytest.mark.usefixtures("desk")
def test_a_listing_that_breaks_off_is_gone_on_with(site: Site, faulty_store: FaultProxy) -> None:
    faulty_store.fail("truncate", times=1, method="GET", path="documents-1?")
    assert contents(site, sync(through(site, faulty_store))) == EXPECTED


@pytest.fixture
def started(
    site: Site, cloud: Cloud, faulty_store: FaultProxy, tmp_path: Path
) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """``sync_documents`` of this firm in a process of its own, by way of the proxy."""
    firm = tmp_path / "firm"
    firm.write_bytes(pickle.dumps(site.firm))
    env = {**os.environ, **with_endpoint(site_env(site), cloud, faulty_store)}
    made = []

    def start(snapshot_id: str) -> subprocess.Popen[bytes]:
        made.append(subprocess.Popen([sys.executable, "-c", SYNC, str(firm), snapshot_id], cwd=ROOT, env=env))
        return made[-1]

    yield start
    for process in made:
        process.kill()
        process.wait()


@contextmanager
def killed_when(process: subprocess.Popen[bytes], reached: Callable[[], bool]) -> Iterator[None]:
    deadline = time.monotonic() + 600
    while not reached():
        assert process.poll() is None, "it ended before it was killed"
        assert time.monotonic() < deadline, "it never got there"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    yield


@pytest.mark.usefixtures("desk")
def test_killed_while_it_copies(
    site: Site, faulty_store: FaultProxy, started: Callable[[str], subprocess.Popen[bytes]]
) -> None:
    snapshot_id = new_snapshot_id()
    # The last copies hang, so it cannot be through before it is killed.
    faulty_store.fail("timeout", method="PUT", path="documents/objects/f")
    faulty_store.fail("timeout", method="PUT", path=keys.DOCUMENT_SNAPSHOTS)
    with killed_when(started(snapshot_id), lambda: copies_in(site) > DOCUMENTS // 2):
        faulty_store.heal()
    done = copies_in(site)
    assert catalog.latest_snapshot(site.primary) is None
    faulty_store.seen.clear()
    snapshot = sync(through(site, faulty_store), snapshot_id=snapshot_id)
    assert contents(site, snapshot) == EXPECTED
    copied_again = [
        request for request in asked(faulty_store, "PUT", "documents/objects/") if "retention" not in request
    ]
    assert len(copied_again) <= DOCUMENTS - done  # the store may have finished what was under way
    assert copies_in(site) == DOCUMENTS


@pytest.mark.usefixtures("desk")
def test_killed_before_it_registers(
    site: Site, faulty_store: FaultProxy, started: Callable[[str], subprocess.Popen[bytes]]
) -> None:
    snapshot_id = new_snapshot_id()
    faulty_store.fail("timeout", method="PUT", path=keys.DOCUMENT_SNAPSHOTS)
    with killed_when(started(snapshot_id), lambda: bool(faulty_store.spoiled)):
        faulty_store.heal()
    assert catalog.latest_snapshot(site.primary) is None
    snapshot = sync(site, snapshot_id=snapshot_id)
    assert contents(site, snapshot) == EXPECTED
    assert copies_in(site) == DOCUMENTS


@pytest.mark.usefixtures("desk")
def test_killed_after_it_has_registered(
    site: Site, faulty_store: FaultProxy, started: Callable[[str], subprocess.Popen[bytes]]
) -> None:
    snapshot_id = new_snapshot_id()
    faulty_store.fail("lost-reply", method="PUT", path=keys.DOCUMENT_SNAPSHOTS)
    with killed_when(started(snapshot_id), lambda: catalog.latest_snapshot(site.primary) is not None):
        faulty_store.heal()
    registered = catalog.find_snapshot(site.primary, snapshot_id)
    assert sync(site, snapshot_id=snapshot_id) == registered
    assert contents(site, registered) == EXPECTED
