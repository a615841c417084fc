"""Nights in Airflow while the second region is away: who is told, and how often."""

from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag

from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.domain.watch.settings import WatchSettings
from muniment.ports import utc_now
from muniment.registry.watch_file import load_watch_settings
from muniment.runbooks.incidents.record_troubles import record_troubles
from muniment.runbooks.incidents.tell import tell
from muniment_airflow.on_call import open_store
from muniment_demo.cloud import Cloud
from tests.faults.worker import through
from tests.fixtures.airflow import register, tell_by
from tests.fixtures.clusters import ROOT, ClusterFactory
from tests.fixtures.faults import FaultProxy
from tests.fixtures.on_call import Pager, topic
from tests.fixtures.sites import REPLICA_REGION, SiteFactory, login_env, site_env
from tests.support.troubles import PASS, judged
from tests.support.wal import archive_with, muniment_script, switch_wal

# Airflow's server runs inside this process, with what its libraries deprecate.
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(900)]


@pytest.fixture
def site(
    airflow_home: Path,
    registry_folder: Path,
    cloud: Cloud,
    site_factory: SiteFactory,
    cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    faulty_store: FaultProxy,
    pager: Pager,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Site:
    """Its store, as Airflow and archive_command see it, lies behind the proxy."""
    cluster = cluster_factory(programs17, wal_segment_size_mb=1)
    site = site_factory(cluster)
    register(registry_folder, site.firm)
    tell_by(registry_folder, topic(pager))
    _, _, aws = through(site, faulty_store.endpoint_url)
    for name, value in {**site_env(site), **login_env("aws", aws)}.items():
        monkeypatch.setenv(name, value)
    archive_with(cluster, f"{muniment_script(site, tmp_path, **login_env('aws', aws))} wal push %p")
    switch_wal(cluster)
    return site


def run(site: Site, kind: str, **changes: Any) -> dict[str, str]:
    """Task → state; without the waits between its tries."""
    dag = DagBag(ROOT / "dags").dags[f"{site.firm.id}__{kind}"]
    # dag.test() calls it outside of any process that Airflow's API answers: test_killed_worker.py calls it for real.
    dag.on_failure_callback = None
    for task in dag.tasks:
        task.retries = 0
    done = dag.test(**changes)
    return {task.task_id: str(task.state) for task in done.get_task_instances()}


def test_on_call_hears_once_of_a_region_that_is_away_and_once_that_it_is_over(
    site: Site, faulty_store: FaultProxy, pager: Pager
) -> None:
    assert set(run(site, "backup").values()) == {"success"}
    faulty_store.fail("reset", region=REPLICA_REGION)
    for told in (1, 0):
        states = run(site, "backup")
        assert states.pop("expire") == "skipped"
        assert set(states.values()) == {"success"}
        pages = pager.messages()
        assert len(pages) == told
        for page in pages:
            assert page["Subject"] == f"[muniment] {site.firm.id}: the replica vault does not answer"
            away = f"the second region {REPLICA_REGION} of firm {site.firm.id} does not answer: S3 HeadObject on "
            assert f"\n{away}" in page["Message"]
    assert [point.verified_replica_at is None for point in catalog.points(site.primary)] == [False, True, True]

    faulty_store.heal()
    assert set(run(site, "backup").values()) == {"success"}
    assert catalog.point_ids(site.replica) == catalog.point_ids(site.primary)
    assert pager.messages() == []
    passes_see_nothing_wrong(site)
    (page,) = pager.messages()
    assert page["Subject"] == f"[muniment] over: {site.firm.id}: the replica vault does not answer"


def passes_see_nothing_wrong(site: Site) -> None:
    store, seen = open_store(WatchSettings()), judged([site.firm.id])
    ahead = iter((1, 2, 3))
    for _ in range(3):
        record_troubles(store, [], seen, clock=lambda: utc_now() + next(ahead) * PASS)
    tell(store, load_watch_settings(), clock=utc_now)
