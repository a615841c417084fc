"""The generated DAGs: nothing touched while they are parsed, one shape a firm, and a broken firm stops nobody else."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pendulum
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction

from muniment.domain.chain_steps import NIGHT
from muniment.domain.firm.cron import runs_after
from muniment.domain.firm.dag_names import FLEET_WATCH
from muniment.domain.firm.schedule import nightly_schedule, shard_of
from muniment_airflow import firm_dags
from tests.fixtures.clusters import ROOT
from tests.registry.conftest import Files, firm_values
from tests.support.dags import taken_from
from tests.support.firms import paper_firm

# Airflow's own way of reading plugins/.airflowignore.
pytestmark = pytest.mark.filterwarnings("ignore:GitWildMatchPattern")

STEPS = [
    "check_firm",
    "base_backup",
    "verify_wal_checkpoint",
    "sync_documents",
    "back_up_config",
    "copy_to_replica",
    "register_recovery_point",
    "expire",
]
OF_EVERY_FIRM = firm_dags.BUILDERS.keys() - {"drill_sign_off"}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    files = Files(tmp_path / "registry")
    for number, name in enumerate(("birch", "cedar-lane"), 2):
        files.write(f"firms/{name}.yaml", firm_values(name, number))
    monkeypatch.setenv("MUNIMENT_REGISTRY", str(files.root))
    return files


def parsed() -> DagBag:
    return DagBag(ROOT / "dags")


def backup_dag(**changes: Any) -> DAG:
    return firm_dags.backup_dag(paper_firm(**changes))


def test_each_firm_has_its_dags(files: Files) -> None:
    bag = parsed()
    assert bag.import_errors == {}
    of_firms = (f"{firm}__{kind}" for firm in ("acme", "birch", "cedar-lane") for kind in OF_EVERY_FIRM)
    assert sorted(bag.dags) == sorted([*of_firms, FLEET_WATCH])


def test_the_steps_are_a_line_in_the_runbooks_order() -> None:
    dag = backup_dag()
    assert [task.task_id for task in dag.topological_sort()] == STEPS == list(NIGHT)
    assert [sorted(task.downstream_task_ids) for task in dag.topological_sort()] == [*([s] for s in STEPS[1:]), []]


def test_what_a_step_takes_from_another_is_there_by_then() -> None:
    dag = backup_dag()
    assert ("register_recovery_point", "copy_to_replica") in taken_from(dag)
    for task, source in taken_from(dag):
        assert source in dag.get_task(task).get_flat_relative_ids(upstream=True), (task, source)


def test_a_run_is_alone_never_caught_up_and_ends_before_the_next() -> None:
    dag = backup_dag()
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert dag.is_paused_upon_creation is False
    assert dag.dagrun_timeout == timedelta(hours=23)
    assert dag.tags == {"backup", "firm:acme", "tier:professional", "region:us-east-1"}


def test_heavy_steps_share_the_heavy_pool_and_all_go_to_the_regions_queue() -> None:
    pools = {task.task_id: task.pool for task in backup_dag().tasks}
    heavy = {task for task, pool in pools.items() if pool == "muniment_heavy"}
    assert heavy == {"base_backup", "sync_documents", "copy_to_replica", "expire"}
    assert set(pools.values()) == {"muniment_heavy", "muniment_light"}
    assert {task.queue for task in backup_dag().tasks} == {"us-east-1"}


def test_every_step_has_an_end_retries_and_somebody_to_tell() -> None:
    for task in [task for build in firm_dags.BUILDERS.values() for task in build(paper_firm()).tasks]:
        assert task.execution_timeout, task.task_id
        assert task.retries >= 3, task.task_id
        assert task.on_failure_callback, task.task_id


def test_a_drill_has_the_restore_pool_and_takes_what_a_person_names() -> None:
    dag = firm_dags.restore_test_dag(paper_firm())
    assert [(task.task_id, task.pool, task.queue) for task in dag.tasks] == [("drill", "muniment_restore", "us-east-1")]
    assert dict(dag.params) == {"seed": None, "side": "", "by": ""}
    assert "`muniment drills acme`" in (dag.doc_md or "")


def test_a_firm_that_names_reviewers_is_asked_for_a_sign_off_once_a_quarter(files: Files) -> None:
    files.write("firms/oak.yaml", {**firm_values("oak", 4), "drill_reviewers": ["marlow"]})
    assert [name for name in parsed().dags if name.endswith("drill_sign_off")] == ["oak__drill_sign_off"]
    firm = paper_firm(drill_reviewers=["marlow"])
    dag = firm_dags.drill_sign_off_dag(firm)
    assert [task.task_id for task in dag.tasks] == ["find_drill", "ask_reviewer", "record_sign_off"]
    ask = dag.get_task("ask_reviewer")
    assert ask.response_timeout == firm.policy.drills.sign_off_within < dag.dagrun_timeout
    assert ask.defaults is None  # silence is no word
    assert "marlow" in (dag.doc_md or "")


def test_only_the_registration_publishes_the_point() -> None:
    publishing = {task.task_id: [asset.uri for asset in task.outlets] for task in backup_dag().tasks if task.outlets}
    assert publishing == {"register_recovery_point": ["muniment://acme/recovery-point"]}


def test_the_doc_is_the_runbook() -> None:
    doc = backup_dag().doc_md or ""
    for step in STEPS:
        assert f"**{step}**" in doc
    assert "**02:14 America/Chicago**" in doc
    assert "`muniment backup acme`" in doc


@pytest.mark.parametrize("year_part", [datetime(2026, 2, 20, tzinfo=UTC), datetime(2026, 10, 20, tzinfo=UTC)])
@pytest.mark.parametrize("window", [("00:00", "00:01"), ("01:30", "01:31"), ("02:30", "02:31"), ("03:00", "03:01")])
def test_airflow_runs_at_the_instants_that_the_schedule_names(year_part: datetime, window: tuple[str, str]) -> None:
    """Through March's and November's change, over Airflow's own timetable as the scheduler deserializes it."""
    firm = paper_firm(policy={"nightly_window": {"start": window[0], "end": window[1]}})
    timetable = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(firm_dags.backup_dag(firm))).timetable
    nightly = nightly_schedule(firm)
    wanted = runs_after(nightly.cron, nightly.time_zone, year_part)
    restriction = TimeRestriction(earliest=None, latest=None, catchup=True)
    last, found = None, []
    first = timetable.next_dagrun_info(
        last_automated_data_interval=None,
        restriction=restriction._replace(earliest=pendulum.instance(year_part)),
    )
    last = first
    for _ in range(30):
        found.append(last.run_after)
        last = timetable.next_dagrun_info(last_automated_data_interval=last.data_interval, restriction=restriction)
    assert found == [next(wanted) for _ in range(30)]


def test_dags_survive_serialization_with_all_that_the_steps_need() -> None:
    for dag in [build(paper_firm()) for build in firm_dags.BUILDERS.values()]:
        told = json.loads(json.dumps(DagSerialization.to_dict(dag)))
        again = DagSerialization.from_dict(told)
        assert sorted(again.task_ids) == sorted(dag.task_ids)
        for task in dag.tasks:
            for name in task.template_fields:
                assert getattr(again.get_task(task.task_id), name) == getattr(task, name)
            assert again.get_task(task.task_id).has_on_failure_callback


SERIALIZE = """
import json
from airflow.serialization.serialized_objects import DagSerialization
from muniment_airflow.firm_dags import backup_dag
from tests.support.dags import taken_from
from tests.support.firms import paper_firm
print("DAG", json.dumps(DagSerialization.to_dict(backup_dag(paper_firm())), sort_keys=True))
"""


def test_a_dag_is_the_same_in_every_process(airflow_home: Path) -> None:
    """Or every parse would be a new version of it."""
    said = set()
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"}
        done = subprocess.run(
            [sys.executable, "-c", SERIALIZE], env=env, capture_output=True, text=True, check=True, timeout=720
        )
        said |= {line for line in done.stdout.splitlines() if line.startswith("DAG ")}
    assert len(said) == 1


PARSE = """
import socket, sys
from airflow.dag_processing.dagbag import DagBag
def refuse(*arguments):
    raise AssertionError(f"the network was touched: {arguments}")
socket.socket.connect = socket.getaddrinfo = refuse
before = set(sys.modules)
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
print("DAGS", len(bag.dags))
# boto3 is not in the list: Airflow itself looks for a provider that knows the scheme of an asset.
print("HEAVY", sorted({"psycopg", "aws_encryption_sdk", "zstandard"} & (set(sys.modules) - before)))
"""


def test_parsing_touches_no_connection_no_network_and_no_driver(files: Files, airflow_home: Path) -> None:
    """Where every attempt to connect is an error, to the metadata database too."""
    nowhere = "postgresql+psycopg2://nobody:nothing@127.0.0.1:9/none"
    env = {**os.environ, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": nowhere}
    done = subprocess.run(
        [sys.executable, "-c", PARSE, str(ROOT / "dags")],
        env=env,
        capture_output=True,
        text=True,
        timeout=720,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert f"DAGS {3 * len(OF_EVERY_FIRM) + 1}" in lines
    assert "HEAVY []" in lines


def test_a_tasks_process_builds_its_own_dag_alone(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write("firms/birch.yaml", "id: [broken")
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "cedar-lane__restore")
    built = [dag.dag_id for shard in range(firm_dags.SHARDS) for dag in firm_dags.firm_dags(shard)]
    assert built == ["cedar-lane__restore"]


def test_the_parsing_context_of_a_foreign_dag_builds_nothing(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "somebody_elses")
    assert [dag for shard in range(firm_dags.SHARDS) for dag in firm_dags.firm_dags(shard)] == []


def test_a_broken_firm_is_an_import_error_that_names_it_and_stops_nobody_else(files: Files) -> None:
    files.firm(lambda values: values.update(tierr="gold"))
    bag = parsed()
    of_firms = (f"{firm}__{kind}" for firm in ("birch", "cedar-lane") for kind in OF_EVERY_FIRM)
    assert sorted(bag.dags) == sorted([*of_firms, FLEET_WATCH])
    [(file, error)] = bag.import_errors.items()
    assert Path(file).name == "registry_faults.py"
    assert "firms/acme.yaml: tierr: unknown key; did you mean 'tier'?" in error


def test_a_new_firm_needs_no_new_file(files: Files) -> None:
    files.write("firms/dogwood.yaml", firm_values("dogwood", 9))
    assert "dogwood__backup" in parsed().dags


def test_there_is_one_file_a_shard() -> None:
    files = sorted((ROOT / "dags").glob("firms_*.py"))
    assert [file.name for file in files] == [f"firms_{shard}.py" for shard in range(firm_dags.SHARDS)]
    assert len({file.read_text() for file in files}) == 1


def test_a_firm_is_in_the_file_of_its_shard_alone(files: Files) -> None:
    found = {Path(dag.fileloc).name for dag in parsed().dags.values() if dag.dag_id.startswith("acme__")}
    assert found == {f"firms_{shard_of('acme', firm_dags.SHARDS)}.py"}
