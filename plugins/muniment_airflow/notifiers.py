"""Who is told when a step fails: the firm's notifiers in their order, until one of them gets through.

Airflow logs an error of a notifier and goes on as if somebody had been told, so the chain is kept here.
"""

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from airflow.sdk import BaseNotifier
from airflow.sdk.module_loading import import_string

from muniment.domain.firm.firm import Firm, Notifier
from muniment_airflow.failure_report import FailureReport, report_of

XCOM_KEY = "on_call"

# What a notifier's parameter of this name is filled with where the registry leaves it out. Templates, because a
# notifier renders its arguments: an error text with braces in it would be taken for one.
_FILLED = {
    "subject": "{{ on_call.subject }}",
    "message": "{{ on_call.message }}",
    "message_body": "{{ on_call.message }}",
    "text": "{{ on_call.message }}",
    "html_content": "<pre>{{ on_call.message | e }}</pre>",
}


class NobodyToldError(Exception):
    """Every notifier of the firm failed."""


class OnCallNotifier(BaseNotifier):
    """For a task's failure, and for its run's: a killed worker cannot call anybody, so the run does then."""

    def __init__(self, *, firm: Firm, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.firm = firm

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        """Nothing in here is a template; those of the firm's notifiers are rendered by themselves."""

    def notify(self, context: Any) -> None:
        if self._left_to_the_run(context):
            return
        failed, told_already = self._look_back(context)
        if told_already:
            return
        report = report_of(context, self.firm, failed)
        try:
            told = self._tell(report, context)
        except NobodyToldError as error:
            self._leave_word(context, f"NOBODY WAS TOLD: {error}")
            raise
        self._leave_word(context, told)

    def _tell(self, report: FailureReport, context: Mapping[str, Any]) -> str:
        """Returns who was told and who was not reached. Raises ``NobodyToldError``."""
        for entry in self.firm.on_call:
            try:
                call(entry, report, context, self.firm)
            except Exception as error:  # any library stands behind a notifier, and the next one has to be tried
                self.log.exception("on-call notifier %s of firm %s failed", entry.notifier, self.firm.id)
                unreached = f"{entry.notifier}: {type(error).__name__}: {error}"
                report = dataclasses.replace(report, unreached=(*report.unreached, unreached))
            else:
                self.log.info("on-call of firm %s was told by %s", self.firm.id, entry.notifier)
                return "; ".join((f"told by {entry.notifier}", *(f"failed: {one}" for one in report.unreached)))
        self.log.critical("NOBODY WAS TOLD that firm %s needs help:\n%s", self.firm.id, report.message)
        raise NobodyToldError("; ".join(report.unreached) or f"firm {self.firm.id} names no on_call notifier")

    def _left_to_the_run(self, context: Mapping[str, Any]) -> bool:
        """A lost worker's callback comes from the DAG processor, without an exception; its run's follows at once."""
        if _speaks_for_itself(context) or "reason" in context:
            return False
        self.log.info("the task's worker was lost: the run's own callback tells on-call")
        return True

    def _look_back(self, context: Mapping[str, Any]) -> tuple[list[str], bool]:
        """The run's failed tasks, and whether one of them has told on-call itself."""
        if _speaks_for_itself(context) or "ti" not in context:
            return [], False
        try:
            failed = failed_tasks(context)
            words = [context["ti"].xcom_pull(task_ids=task, key=XCOM_KEY) or "" for task in failed]
        except Exception:  # whatever the API answers: told twice is better than not at all
            self.log.exception("on-call of firm %s: cannot see what the tasks did", self.firm.id)
            return [], False
        self.log.info("on-call of firm %s: %s", self.firm.id, "; ".join(filter(None, words)) or "not told by a task")
        return failed, any(word.startswith("told") for word in words)

    def _leave_word(self, context: Mapping[str, Any], word: str) -> None:
        """On the failed task, where a person looks, and for the run's callback. Only a task process may write it."""
        if _speaks_for_itself(context):
            context["ti"].xcom_push(key=XCOM_KEY, value=word)


class Words(Protocol):
    """What a notifier is given to say."""

    @property
    def task(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def log_url(self) -> str: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Letter:
    """What is told when no task has failed: to the firm, of what was done to its data, or to on-call."""

    task: str
    subject: str
    message: str
    log_url: str = ""


def tell_one_of(entries: Sequence[Notifier], words: Words, context: Mapping[str, Any], firm: Firm) -> str:
    """The first that gets through; says which. Raises ``NobodyToldError`` with why each did not."""
    unreached = []
    for entry in entries:
        try:
            call(entry, words, context, firm)
        except Exception as error:  # any library stands behind a notifier, and the next one has to be tried
            unreached.append(f"{entry.notifier}: {type(error).__name__}: {error}")
        else:
            return f"told by {entry.notifier}"
    raise NobodyToldError("; ".join(unreached) or f"firm {firm.id} names no notifier")


def call(entry: Notifier, report: Words, context: Mapping[str, Any], firm: Firm) -> None:
    kind = import_string(entry.notifier)
    facts = {"firm": firm.id, "task": report.task, "subject": report.subject, "message": report.message}
    kind(**arguments(kind, entry))({**context, "on_call": {**facts, "log_url": report.log_url}})


def arguments(kind: type, entry: Notifier) -> dict[str, Any]:
    """The registry's, and our words for what it leaves out."""
    known = inspect.signature(kind).parameters
    return {**{name: words for name, words in _FILLED.items() if name in known}, **entry.arguments}


def failed_tasks(context: Mapping[str, Any]) -> list[str]:
    """Those of this run, in the chain's order."""
    dag, run_id = context["dag"], context["run_id"]
    states = context["ti"].get_task_states(dag_id=dag.dag_id, run_ids=[run_id]).get(run_id, {})
    return [step.task_id for step in dag.topological_sort() if states.get(step.task_id) == "failed"]


def _speaks_for_itself(context: Mapping[str, Any]) -> bool:
    """A failed task's own process still runs: the context has its exception."""
    return context.get("exception") is not None
