"""What the watch tells since nobody else does: Airflow of the command's points, a contact of what was undone."""

import json
from datetime import UTC, datetime
from email import message_from_string
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.bundles.local import LocalDagBundle
from airflow.dag_processing.dagbag import DagBag
from airflow.models.asset import AssetEvent, AssetModel
from airflow.utils.session import create_session
from sqlalchemy import select

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.restore.records import records, untold, write_rolled_back
from muniment.adapters.site.site import Site
from muniment.adapters.watch.store import WatchStore
from muniment.domain.incidents.trouble import Trouble
from muniment.domain.record import new_id
from muniment.domain.recovery.roll_back import RecordedStep, RolledBack
from muniment.domain.restore.record import ContactTold
from muniment.domain.vault import keys
from muniment.domain.vault.registers import RecoveryWindow, WalRange
from muniment.domain.wal.names import Lsn
from muniment.domain.watch.evidence import Evidence
from muniment.ports import utc_now
from muniment.registry import load_registry
from muniment_airflow.fleet_errands import run_errands
from tests.fixtures.airflow import register
from tests.fixtures.on_call import SMTP
from tests.fixtures.sites import SiteFactory, site_env
from tests.support.absences import seen_of
from tests.support.points import make_point

pytestmark = [pytest.mark.timeout(360), pytest.mark.filterwarnings("default")]

ID = "20261121T100000000Z"
AT = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
CONTACT = {"name": "Dana Okafor", "told_by": [{"notifier": SMTP, "arguments": {"to": ["dana@firm.example"]}}]}
WAL = WalRange(timeline=1, first_segment="0" * 24, last_segment="0" * 24, through_lsn=Lsn(64))


# As the fleet's own operator runs them.
DAG_FILE = """
import os
from airflow.sdk import DAG, task
from muniment.adapters.watch.store import WatchStore
from muniment.registry import load_registry
from muniment_airflow.fleet_errands import POINTS_BY_COMMAND, run_errands

with DAG("fleet__errands", schedule=None):
    @task(outlets=[POINTS_BY_COMMAND])
    def errands(**context):
        store = WatchStore.open(os.environ["STORE_OF_ERRANDS"])
        return [each.model_dump_json() for each in run_errands(load_registry().firms.values(), context, store)]
    errands()
"""


class World:
    """Two firms as the registry has them, and the watch's store."""

    def __init__(self, sites: list[Site], store: WatchStore, dags: Path) -> None:
        self.sites, self.store, self.dags = sites, store, dags

    def sees(self, site: Site, point_id: str | None) -> None:
        seen = seen_of(site.firm, utc_now(), evidence=Evidence(read_at=utc_now(), last_point=point_id))
        self.store.put_firms([seen])

    def take_point(self, site: Site, run: str) -> str:
        window = RecoveryWindow(
            backup="b", timeline=1, start_at=AT, start_lsn=Lsn(32), end_at=utc_now(), end_lsn=Lsn(64)
        )
        known = {"firm": site.firm.id, "run": run, "windows": (window,)}
        point = make_point(new_id(utc_now()), WAL, at=utc_now(), **known)
        site.primary.put_register(keys.point(point.id), point, locked_until=None)
        self.sees(site, point.id)
        return point.id

    def errands(self) -> tuple[Trouble, ...]:
        """Called as they are, without an Airflow: for letters."""
        context: Any = {"ti": SimpleNamespace()}
        return run_errands(load_registry().firms.values(), context, self.store)

    def run(self) -> list[Trouble]:
        """One run of a DAG in a real Airflow; what the errands could not do."""
        (done,) = DagBag(self.dags).dags["fleet__errands"].test().get_task_instances()
        assert done.state == "success"
        return [Trouble.model_validate_json(each) for each in done.xcom_pull(task_ids="errands")]


@pytest.fixture
def world(
    site_factory: SiteFactory,
    cluster: LocalCluster,
    airflow_home: Path,
    registry_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    sites = []
    for _ in range(2):
        site = site_factory(cluster)
        register(registry_folder, site.firm, contact=CONTACT)
        for name, value in site_env(site).items():
            monkeypatch.setenv(name, value)
        sites.append(site)
    url = f"sqlite:///{tmp_path}/watch.sqlite"
    monkeypatch.setenv("MUNIMENT_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.setenv("STORE_OF_ERRANDS", url)
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "errands.py").write_text(DAG_FILE)
    bundle = {
        "name": "errands",
        "classpath": f"{LocalDagBundle.__module__}.LocalDagBundle",
        "kwargs": {"path": str(dags)},
    }
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
    found = World(sites, WatchStore.open(url), dags)
    for site in sites:
        found.sees(site, None)
    return found


def told_of(site: Site) -> list[str]:
    """The points that Airflow's assets know of, each with its window."""
    with create_session() as session:
        asked = (
            select(AssetEvent)
            .join(AssetEvent.asset)
            .where(AssetModel.uri == f"muniment://{site.firm.id}/recovery-point")
        )
        found = [event.extra for event in session.scalars(asked.order_by(AssetEvent.timestamp))]
    assert all(extra["windows"][-1]["start_at"] < extra["windows"][-1]["end_at"] for extra in found)
    return [extra["point_id"] for extra in found]


def undone(site: Site, **changes: Any) -> None:
    """On the record of both vaults, as the cluster's host writes it."""
    start = RecordedStep(name="start", began_at=AT.replace(hour=10), ended_at=AT.replace(hour=10))
    told = {"id": ID, "firm": site.firm.id, "run": "muniment live roll-back by root", "why": "the wrong night"}
    facts = {"was_live": True, "abandoned": 2, "timeline": 1, "answers": True, "steps": (start,), "ended_at": AT}
    for vault in site.vaults:
        write_rolled_back(vault, RolledBack(**{**told, **facts, **changes}), locked_until=utc_now())


def test_airflow_hears_once_of_each_point_that_the_command_has_taken(world: World) -> None:
    first, second = world.sites
    point = world.take_point(first, "muniment backup by root on host")
    nightly = world.take_point(second, f"{second.firm.id}__backup/scheduled__2026")
    assert world.run() == []
    assert told_of(first) == [point]
    assert told_of(second) == [], f"{nightly}: the chain's own task makes that event"
    assert world.store.recall("point-told", first.firm.id) is None, "believed when Airflow has it"
    restored = world.take_point(first, f"{first.firm.id}__restore/manual__2026")
    for _ in range(2):
        assert world.run() == []
        assert told_of(first) == [point, restored], "a restore's own backup is nobody else's to tell"
    assert world.store.recall("point-told", first.firm.id) == {"point": restored}


def test_the_contact_is_told_once_and_that_is_on_the_record(world: World, mails: list[str]) -> None:
    firm = world.sites[0]
    undone(firm)
    undone(world.sites[1], was_live=False)
    for _ in range(2):
        assert world.errands() == ()
    [mail] = map(message_from_string, mails)
    assert mail["To"] == "dana@firm.example"
    assert mail["Subject"] == f"{firm.firm.name}: the restore of your data was undone"
    [body] = [part.get_payload(decode=True) for part in mail.walk() if part.get_content_type() == "text/html"]
    text = str(body, "utf-8")  # type: ignore[arg-type]
    assert "At 2026-11-21 12:30 UTC this was undone:" in text
    assert "What was entered from 2026-11-21 10:30 UTC until 2026-11-21 12:30 UTC is not in it." in text
    assert "Why: the wrong night" in text
    for vault in firm.vaults:
        told = ContactTold.from_json(vault.get(keys.rolled_back_told(ID)))
        assert told.contact == f"Dana Okafor: told by {SMTP}"
    assert records(firm.primary) == ()


def test_a_contact_that_is_not_reached_is_a_trouble_of_that_firm_and_costs_no_other_its_own(
    world: World, mails: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = world.sites
    undone(first)
    point = world.take_point(second, f"{second.firm.id}__backup/scheduled__2026")
    with monkeypatch.context() as broken:
        broken.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": 1}))
        (trouble,) = world.errands()
    assert (trouble.cause, trouble.firm) == ("task-failed", first.firm.id)
    assert trouble.what.startswith(f"nobody at firm {first.firm.id} could be told that restore {ID} was undone: ")
    assert (
        trouble.hint == "call Dana Okafor; the watch tries again within the hour, until contact.told_by gets through."
    )
    assert world.store.recall("point-told", second.firm.id) == {"point": point}
    assert len(untold(first.primary)) == 1
    assert world.errands() == ()
    assert (len(mails), untold(first.primary)) == (1, ())
