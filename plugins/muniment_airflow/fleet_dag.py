"""``fleet__watch``: every five minutes one look at all firms; a task for each queue whose workers hold the secrets."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, get_parsing_context

from muniment.registry import load_registry
from muniment.registry.load import queues
from muniment_airflow.fleet_operators import WatchFleet
from muniment_airflow.notifiers import OnCallHearsOfTheWatch, OnCallHearsTheEnd

DAG_ID = "fleet__watch"
# A pass lasts seconds. One that hangs is ended before the one after the next.
_PASS_ENDS_AFTER = timedelta(minutes=9)

# A queue that nobody serves keeps its run from ending, and that must not keep the other queues from the next ones. That
# no two passes of one queue are under way is seen to by the store's lease.
_RUNS_AT_ONCE = 3


def fleet_dags() -> Iterator[DAG]:
    """One; in a task's process with that task alone."""
    context = get_parsing_context()
    if context.dag_id in (None, DAG_ID):
        only = context.task_id.removeprefix("watch_") if context.task_id else None
        yield fleet_watch_dag([only] if only else queues(load_registry()))


def fleet_watch_dag(of_queues: Iterable[str]) -> DAG:
    """In Airflow's own pool: a pool of ours that is missing is one of the things that it looks for."""
    with DAG(
        DAG_ID,
        dag_display_name="The watch: one look at every firm",
        schedule=CronTriggerTimetable("*/5 * * * *", timezone="UTC"),
        catchup=False,
        max_active_runs=_RUNS_AT_ONCE,
        is_paused_upon_creation=False,
        dagrun_timeout=_PASS_ENDS_AFTER + timedelta(minutes=1),
        tags=["watch"],
        on_success_callback=OnCallHearsTheEnd(),
        on_failure_callback=OnCallHearsOfTheWatch(),
        default_args={
            "owner": "muniment",
            "execution_timeout": _PASS_ENDS_AFTER,
            "priority_weight": 1000,
            "on_failure_callback": OnCallHearsOfTheWatch(),
        },
        doc_md=(
            "### One look at every firm\n\nHow far each could be brought back now, from either vault, and whether all"
            " that was owed to it came. `muniment incidents` lists what is wrong; docs/monitoring.md says what to do.\n"
        ),
    ) as dag:
        for queue in of_queues:
            WatchFleet(task_id=f"watch_{queue}", queue=queue)
    return dag
