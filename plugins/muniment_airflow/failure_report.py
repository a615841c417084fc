"""What on-call has to know about a failure, in words: which firm and task, what happened, what is kept, what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from airflow.sdk.configuration import conf

from muniment.domain.firm.firm import Firm
from muniment.errors import MunimentError, StoreUnavailable

_SNS_SUBJECT_CHARACTERS = 100
_STILL_SAFE = f"KEPT: {StoreUnavailable.kept}"
_LOST = f"""the worker ended without a word: killed, out of memory, or its machine was lost
{_STILL_SAFE}
HINT: look at the worker's machine, then clear the task: every step is safe to run again."""
_TOO_LONG = f"""the run took longer than it may and was stopped
{_STILL_SAFE}
HINT: find the slow step in the run's Gantt chart, then clear the run: every step is safe to run again."""
_UNFORESEEN = f"""{_STILL_SAFE}
HINT: this is an error that no runbook foresees: read the task's log from its end."""


@dataclass(frozen=True, slots=True)
class FailureReport:
    """``what`` ends with its KEPT and HINT lines; ``unreached`` are the notifiers that failed before this message.

    Whoever reads it is told that nothing goes on by itself: Airflow calls for a task only after its last try.
    """

    firm: str
    task: str
    run: str
    what: str
    log_url: str
    tries: int | None = None
    unreached: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        return f"[muniment] {self.firm}: {self.task} failed"[:_SNS_SUBJECT_CHARACTERS]

    @property
    def message(self) -> str:
        tried = {None: "", 1: " after its first try"}.get(self.tries, f" after {self.tries} tries")
        retried = f"retried: no{tried}; clear the task when the cause is gone"
        head = f"firm: {self.firm}\ntask: {self.task}\nrun: {self.run}\n{retried}"
        missed = "".join(f"\nnot reached before you: {one}" for one in self.unreached)
        return f"{head}\n\n{self.what}\n\nlog: {self.log_url}{missed}"


def report_of(context: Mapping[str, Any], firm: Firm, failed_tasks: list[str]) -> FailureReport:
    """From the context of a task's callback, or of the run's where a task could not speak for itself."""
    exception = context.get("exception")
    own = context["ti"].task_id if exception is not None else None
    task = own or ", ".join(failed_tasks) or "the run"
    return FailureReport(
        firm=f"{firm.id} ({firm.name}, {firm.tier})",
        task=task,
        run=f"{context['dag'].dag_id}/{context['run_id']}",
        what=what_happened(exception, context.get("reason")),
        log_url=context["ti"].log_url if own else _log_url(context, failed_tasks),
        tries=context["ti"].try_number if own else None,
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


def _log_url(context: Mapping[str, Any], failed_tasks: list[str]) -> str:
    base = conf.get("api", "base_url", fallback="http://localhost:8080").rstrip("/")
    run = f"{base}/dags/{context['dag'].dag_id}/runs/{quote(context['run_id'])}"
    return f"{run}/tasks/{failed_tasks[0]}" if failed_tasks else run
