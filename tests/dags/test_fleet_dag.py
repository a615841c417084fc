"""fleet__watch: one task a queue, in nobody's way and in nobody's pool, and read at once where one task of it runs."""

from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG

from muniment.domain.watch.passes import PASS_EVERY
from muniment.registry import load_registry
from muniment_airflow import fleet_dag
from tests.fixtures.clusters import ROOT
from tests.registry.conftest import Files, firm_values, key_arn

pytestmark = pytest.mark.filterwarnings("ignore:GitWildMatchPattern")
ELSEWHERE = "eu-central-1"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """acme and birch in us-east-1, cedar-lane in Frankfurt."""
    files = Files(tmp_path / "registry")
    files.write("firms/birch.yaml", firm_values("birch", 2))
    frankfurt = firm_values("cedar-lane", 3)
    frankfurt["vaults"]["primary"] |= {"region": ELSEWHERE, "kms_key": key_arn(3, ELSEWHERE)}
    files.write("firms/cedar-lane.yaml", frankfurt)
    monkeypatch.setenv("MUNIMENT_REGISTRY", str(files.root))
    return files


def watch_dag() -> DAG:
    bag = DagBag(ROOT / "dags" / "fleet.py")
    assert bag.import_errors == {}
    (dag,) = bag.dags.values()
    return dag


def test_one_task_for_each_queue_whose_workers_hold_the_secrets(files: Files) -> None:
    dag = watch_dag()
    assert dag.dag_id == "fleet__watch"
    assert {task.task_id: task.queue for task in dag.tasks} == {
        "watch_us-east-1": "us-east-1",
        f"watch_{ELSEWHERE}": ELSEWHERE,
    }


def test_it_looks_every_five_minutes_from_its_first_day_on_and_waits_for_no_pool_of_ours(files: Files) -> None:
    dag = watch_dag()
    assert dag.timetable.expression == "*/5 * * * *"
    assert (dag.catchup, dag.max_active_runs, dag.is_paused_upon_creation) == (False, 3, False)
    assert {task.pool for task in dag.tasks} == {"default_pool"}
    assert {task.retries for task in dag.tasks} == {0}


def test_a_broken_firm_takes_nobody_elses_watch(files: Files) -> None:
    files.write("firms/birch.yaml", "id: [")
    assert len(watch_dag().tasks) == 2


def test_a_tiers_fault_that_breaks_every_firm_takes_no_queues_watch(files: Files) -> None:
    """Without a task a run succeeds, and nobody is looked at."""
    for file in (files.root / "policies").glob("*.yaml"):
        file.write_text("retention: [")
    assert load_registry().firms == {}
    assert {task.queue for task in watch_dag().tasks} == {"us-east-1", ELSEWHERE}


def test_a_queue_that_nobody_serves_keeps_no_other_one_from_its_next_pass(files: Files) -> None:
    """Its task waits until the run is timed out: as many runs may be at work as begin meanwhile."""
    dag = watch_dag()
    assert dag.dagrun_timeout and dag.dagrun_timeout <= dag.max_active_runs * PASS_EVERY


def test_a_tasks_process_builds_that_task_without_the_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Which may be away, or have a thousand firms."""
    monkeypatch.setenv("MUNIMENT_REGISTRY", str(tmp_path / "nowhere"))
    monkeypatch.setattr(fleet_dag, "get_parsing_context", lambda: _Parsing("fleet__watch", "watch_us-east-1"))
    (dag,) = fleet_dag.fleet_dags()
    assert [task.task_id for task in dag.tasks] == ["watch_us-east-1"]
    monkeypatch.setattr(fleet_dag, "get_parsing_context", lambda: _Parsing("acme__backup", "check_firm"))
    assert list(fleet_dag.fleet_dags()) == []


class _Parsing:
    def __init__(self, dag_id: str, task_id: str) -> None:
        self.dag_id, self.task_id = dag_id, task_id
