"""The whole chain, as Airflow runs it, on a real cluster and a real store."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.models.asset import AssetEvent, AssetModel
from airflow.utils.session import create_session
from sqlalchemy import select

from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.domain.chain_steps import NIGHT
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Point
from muniment_demo.cloud import Cloud
from tests.fixtures.airflow import register, tell_by
from tests.fixtures.clusters import ROOT, ClusterFactory
from tests.fixtures.on_call import Pager, nobody, topic
from tests.fixtures.sites import LOGINS, PRIMARY_REGION, SiteFactory, site_env
from tests.support.wal import archive_with, muniment_script, sql

# Airflow's server runs inside this process, with what its libraries deprecate.
pytestmark = pytest.mark.filterwarnings("default")

CANARY = "canary-9f1c77"


@pytest.fixture
def firm(
    airflow_home: Path,
    registry_folder: Path,
    cloud: Cloud,
    site_factory: SiteFactory,
    cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    pager: Pager,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Site:
    """Registered, its connections known to Airflow, its server archiving for real; secrets wherever a firm has some."""
    cluster = cluster_factory(programs17, wal_segment_size_mb=1)
    sql(cluster, f"CREATE TABLE settings AS SELECT 'smtp' AS name, '{CANARY}-table' AS value")  # type: ignore[arg-type]
    secret = f"firm-{uuid4().hex[:8]}/app"
    cloud.client("secretsmanager", PRIMARY_REGION).create_secret(Name=secret, SecretString=f"{CANARY}-secret")
    site = site_factory(cluster, firm_id=secret.partition("/")[0], secrets=(secret,))
    env_file = tmp_path / ".env"
    env_file.write_text(f"API_KEY={CANARY}-env\n")
    configuration = {"env_files": [str(env_file)], "secrets": [secret], "tables": ["public.settings"]}
    register(registry_folder, site.firm, configuration=configuration)
    tell_by(registry_folder, nobody(pager), topic(pager))
    for name, value in site_env(site).items():
        monkeypatch.setenv(name, value)
    archive_with(cluster, f"{muniment_script(site, tmp_path)} wal push %p")
    return site


def backup_dag(firm_id: str) -> Any:
    bag = DagBag(ROOT / "dags")
    assert bag.import_errors == {}
    dag = bag.dags[f"{firm_id}__backup"]
    # dag.test() calls it outside of any process that Airflow's API answers: test_killed_worker.py calls it for real.
    dag.on_failure_callback = None
    return dag


def results(run: Any) -> dict[str, Any]:
    return {task.task_id: task.xcom_pull(task_ids=task.task_id) for task in run.get_task_instances()}


def states(run: Any) -> dict[str, str]:
    return {task.task_id: str(task.state) for task in run.get_task_instances()}


def test_one_run_makes_one_recovery_point_and_no_secret_leaves_the_vault(
    firm: Site, airflow_home: Path, capfd: pytest.CaptureFixture[str], pager: Pager
) -> None:
    run = backup_dag(firm.firm.id).test(run_conf={"full": True})
    said = "".join(capfd.readouterr())

    assert states(run) == dict.fromkeys(NIGHT, "success")
    assert pager.messages() == []
    point_id = results(run)["register_recovery_point"]["point_id"]
    assert {one["point_id"] for one in results(run).values() if "point_id" in one} == {point_id}
    points = [Point.from_json(vault.get(keys.point(point_id))) for vault in firm.vaults]
    assert points[0] == points[1]
    assert points[0].run == f"{firm.firm.id}__backup/{run.run_id}"
    assert points[0].backup == results(run)["base_backup"]["backup_id"]
    assert f"made: firm {firm.firm.id}" not in said
    assert "KEPT" not in said
    assert f"registered recovery point {point_id}: full backup" in said
    assert "any instant from 20" in said
    assert told_of(firm) == [point_id]
    _assert_nothing_leaks(firm, said, airflow_home)


def told_of(firm: Site) -> list[str]:
    """The points that Airflow's assets know of, each with its window."""
    with create_session() as session:
        asked = (
            select(AssetEvent)
            .join(AssetEvent.asset)
            .where(AssetModel.uri == f"muniment://{firm.firm.id}/recovery-point")
        )
        found = [event.extra for event in session.scalars(asked.order_by(AssetEvent.timestamp))]
    assert all(extra["windows"][-1]["start_at"] < extra["windows"][-1]["end_at"] for extra in found)
    return [extra["point_id"] for extra in found]


def _assert_nothing_leaks(firm: Site, said: str, home: Path) -> None:
    """Not in what the tasks log, nor in XCom, rendered templates or anything else that Airflow stores."""
    stored = b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file()).decode(errors="replace")
    assert "backup_id" in stored, "Airflow's database is not where this test looks"
    assert "base_backup" in said
    secrets = [CANARY, *(login.password.reveal() for login in LOGINS[firm.firm.id].values())]
    for text in (said, stored):
        assert [secret for secret in secrets if secret in text] == []


def test_a_misspelt_parameter_fails_at_once_and_the_second_on_call_hears_of_it(
    firm: Site, pager: Pager, capfd: pytest.CaptureFixture[str]
) -> None:
    run = backup_dag(firm.firm.id).test(run_conf={"ful": True})

    assert states(run)["check_firm"] == "failed"
    assert states(run)["base_backup"] == "upstream_failed"
    assert [task.try_number for task in run.get_task_instances() if task.task_id == "check_firm"] == [1]
    page, about = pager.messages()
    assert page["Subject"] == f"[muniment] {firm.firm.id}: check_firm failed"
    dag_run = f"{firm.firm.id}__backup/{run.run_id}"
    assert (
        f"run {dag_run} was triggered with ful; the parameters are accept_damage, accept_shrink, full\n"
        f"task: check_firm\nrun: {dag_run}\n"
        "retried: no after its first try; clear the task when the cause is gone\n"
        "KEPT: everything; nothing was started\n"
        "HINT: trigger it again with the parameters' own names.\n"
    ) in page["Message"]
    assert f"\nlog: http://127.0.0.1:8080/dags/{firm.firm.id}__backup/runs/" in page["Message"]
    assert about["Subject"] == "[muniment] channel gone: channel gone reaches nobody"
    said = "".join(capfd.readouterr())
    assert said.count("HINT: trigger it again with the parameters' own names.") == 1
    assert "AirflowFailException" not in said
    assert "UnknownParameter" not in said
