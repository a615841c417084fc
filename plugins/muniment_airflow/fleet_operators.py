"""The watch's one step: a pass over the firms whose secrets this worker holds."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from muniment.ports import utc_now
from muniment_airflow.failures import errors_as_airflow
from muniment_airflow.fleet_errands import POINTS_BY_COMMAND, record_errands, run_errands
from muniment_airflow.progress import TaskLogProgress

if TYPE_CHECKING:
    from airflow.sdk import Context

    from muniment.domain.watch.passes import Pass
    from muniment.runbooks.watch.one_pass import Watch


class WatchFleet(BaseOperator):
    """Looks at each firm of ``queue``, keeps what it saw, tells who is on call what must be told; then its errands."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(outlets=[POINTS_BY_COMMAND], **kwargs)

    def execute(self, context: "Context") -> dict[str, Any]:
        from muniment.runbooks.watch.one_pass import one_pass
        from muniment_airflow.fleet_connections import airflow_outlook

        with errors_as_airflow():
            watch = airflow_outlook()
            passes = one_pass(watch, self.queue, clock=utc_now, progress=TaskLogProgress(self.log))
            if passes:
                _run_errands(watch, passes, context)
        return {"firms": sum(each.firms for each in passes), "fresh": sum(each.fresh for each in passes)}


def _run_errands(watch: "Watch", passes: "Sequence[Pass]", context: "Context") -> None:
    """For the firms whose evidence was read: what they cannot do becomes an incident, too."""
    from muniment.runbooks.watch.one_pass import read_in

    store = watch.store()
    read = read_in(passes, store)
    troubles = run_errands([firm for firm in watch.firms.values() if firm.id in read], context, store)
    record_errands(store, read & watch.firms.keys(), troubles)
