"""What on-call has to know about a failure, in words: which task, what happened, what is kept, what to do."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from airflow.sdk.configuration import conf

from muniment.domain.watch.task_failure import FailedTask
from muniment.errors import MunimentError, StoreUnavailable

_STILL_SAFE = f"KEPT: {StoreUnavailable.kept}"
_LOST = f"""the worker ended without a word: killed, out of memory, or its machine was lost
{_STILL_SAFE}
HINT: look at the worker's machine, then clear the task: every step is safe to run again."""
_TOO_LONG = f"""the run took longer than it may and was stopped
{_STILL_SAFE}
HINT: find the slow step in the run's Gantt chart, then clear the run: every step is safe to run again."""
_UNFORESEEN = f"""{_STILL_SAFE}
HINT: this is an error that no runbook foresees: read the task's log from its end."""


def report_of(context: Mapping[str, Any], failed_tasks: list[str]) -> FailedTask:
    """From the context of a task's callback, or of the run's where a task could not speak for itself.

    Whoever reads it is told that nothing goes on by itself: Airflow calls for a task only after its last try.
    """
    exception, dag = context.get("exception"), context["dag"].dag_id
    own = context["ti"] if exception is not None else None
    task = own.task_id if own else ", ".join(failed_tasks) or "the run"
    what, _, rest = what_happened(exception, context.get("reason")).rpartition("\nKEPT: ")
    kept, _, hint = rest.partition("\nHINT: ")
    run_url = _run_url(context)
    log_url = own.log_url if own else f"{run_url}/tasks/{failed_tasks[0]}" if failed_tasks else run_url
    tried = {None: "", 1: " after its first try"}.get(tries := own and own.try_number, f" after {tries} tries")
    where = f"task: {task}\nrun: {dag}/{context['run_id']}\nretried: no{tried}; clear the task when the cause is gone"
    return FailedTask(
        dag=dag,
        run=context["run_id"],
        subject=f"{task} failed",
        what=f"{what}\n{where}",
        kept=kept,
        hint=hint,
        began_at=getattr(context.get("dag_run"), "start_date", None),
        links={"log": log_url, "run": run_url},
    )


def what_happened(exception: object, reason: str | None) -> str:
    """An exception of ours already has its three parts, also inside Airflow's; any other is given them."""
    if exception is None:
        return _TOO_LONG if reason == "timed_out" else _LOST
    if isinstance(_cause(exception), MunimentError):
        return str(exception)
    return f"{type(exception).__name__}: {exception}\n{_UNFORESEEN}"


def _cause(exception: object) -> object:
    return getattr(exception, "__cause__", None) or exception


def _run_url(context: Mapping[str, Any]) -> str:
    base = conf.get("api", "base_url", fallback="http://localhost:8080").rstrip("/")
    return f"{base}/dags/{context['dag'].dag_id}/runs/{quote(context['run_id'])}"
