"""`<firm>__restore` as it is built: where its tasks run, in which order, what its form asks for."""

import pytest
from airflow.sdk import DAG

from muniment.domain.chain_steps import RESTORE
from muniment.domain.firm.firm import Firm, LiveHost, RestoreRules
from muniment_airflow.restore_dag import restore_dag
from tests.support.dags import taken_from
from tests.support.firms import paper_firm

pytestmark = pytest.mark.filterwarnings("ignore:GitWildMatchPattern")

STEPS = [
    "validate",
    "plan",
    "stage",
    "approve",
    "safety_backup",
    "cut_over",
    "full_backup",
    "tell_contact",
    "keep_record",
]


def live_firm() -> Firm:
    firm = paper_firm()
    live = LiveHost(data_directory="/var/lib/postgresql/17/main", queue="acme-db")
    cluster = firm.cluster.model_copy(update={"live": live})
    return firm.model_copy(update={"cluster": cluster, "restore": RestoreRules(approvers=("lead", "partner"))})


@pytest.fixture
def dag() -> DAG:
    return restore_dag(live_firm())


def test_the_steps_are_a_line_and_nothing_goes_live_around_the_approval(dag: DAG) -> None:
    assert [task.task_id for task in dag.topological_sort()] == STEPS == list(RESTORE)
    assert all(task.trigger_rule == "all_success" for task in dag.tasks if task.task_id != "keep_record")
    assert dag.get_task("cut_over").get_flat_relative_ids(upstream=True) == set(STEPS[:5])


def test_what_a_step_takes_from_another_is_there_by_then(dag: DAG) -> None:
    """A template that names no task of the DAG would read nothing, and say nothing."""
    assert taken_from(dag) >= {("full_backup", "cut_over"), ("approve", "plan"), ("approve", "stage")}
    for task, source in taken_from(dag):
        assert source in dag.get_task(task).get_flat_relative_ids(upstream=True), (task, source)


def test_the_record_is_kept_whatever_happened(dag: DAG) -> None:
    assert dag.get_task("keep_record").trigger_rule == "all_done"


def test_its_tasks_run_on_the_clusters_own_host_and_before_drills(dag: DAG) -> None:
    assert {task.queue for task in dag.tasks} == {"acme-db"}
    assert {task.queue for task in restore_dag(paper_firm()).tasks} == {"us-east-1"}
    assert {task.priority_weight for task in dag.tasks} == {100}
    assert {task.pool for task in dag.tasks} == {"muniment_light", "muniment_restore"}


def test_it_runs_by_hand_alone_and_into_staging_unless_told(dag: DAG) -> None:
    assert dag.schedule is None
    assert dict(dag.params) == {
        "firm": "acme",
        "target": "latest",
        "time": None,
        "position": None,
        "timeline": None,
        "side": "primary",
        "where": "staging",
        "ttl": "1 day",
        "documents": True,
        "waive_safety_backup": False,
        "reason": None,
    }


def test_its_form_says_what_going_live_asks_of_the_time_that_a_staging_stands(dag: DAG) -> None:
    told = dag.params.get_param("ttl").description or ""
    assert told.endswith("then it is destroyed. For live at least 4 hours (restore.answer_within).")


def test_another_firms_name_does_not_pass(dag: DAG) -> None:
    with pytest.raises(Exception, match="'acme' was expected"):
        dag.params.get_param("firm").resolve("birch")


def test_the_doc_names_who_may_approve_and_the_way_back(dag: DAG) -> None:
    doc = dag.doc_md or ""
    assert "| may approve | `lead`, `partner` |" in doc
    assert "`muniment live roll-back acme`" in doc
    assert "nobody: nothing goes live" in (restore_dag(paper_firm()).doc_md or "")
