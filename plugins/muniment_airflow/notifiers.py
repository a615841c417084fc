"""Who is told when a step fails, and when its DAG has succeeded again: an incident of the watch's, and at once.

Airflow logs an error of a callback and goes on as if somebody had been told, so the task keeps word of it. Beside it,
letters to a firm's contact, by the notifiers of the firm's file.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseNotifier

from muniment.adapters.channels.airflow import notify
from muniment.adapters.channels.message import Message
from muniment.adapters.channels.redaction import reason_of
from muniment.domain.firm.firm import Firm, Notifier
from muniment.errors import MunimentError
from muniment.ports import utc_now
from muniment_airflow.failure_report import report_of
from muniment_airflow.on_call import NOBODY, NobodyToldError, tell_on_call, tell_that_it_is_over

XCOM_KEY = "on_call"


class OnCallNotifier(BaseNotifier):
    """For a task's failure, and for its run's: a killed worker cannot call anybody, so the run does then."""

    def __init__(self, *, firm: Firm, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.firm = firm

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        """Nothing in here is a template; those of a channel's notifier are rendered by themselves."""

    def notify(self, context: Any) -> None:
        if self._left_to_the_run(context):
            return
        failed, told_already = self._look_back(context)
        if told_already:
            return
        try:
            told = self._tell(context, failed)
        except NobodyToldError as error:
            self._leave_word(context, f"{NOBODY}: {error}")
            raise
        self.log.info("of firm %s: %s", self.firm.id, told)
        self._leave_word(context, told)

    def _tell(self, context: Mapping[str, Any], failed: list[str]) -> str:
        """Returns who was told and who was not reached. Raises ``NobodyToldError``."""
        from muniment.domain.watch.task_failure import failure_trouble

        report = report_of(context, failed)
        try:
            return tell_on_call(failure_trouble(self.firm, report, utc_now()))
        except (NobodyToldError, MunimentError) as error:
            words = f"{report.what}\nKEPT: {report.kept}\nHINT: {report.hint}\nlog: {report.links['log']}"
            self.log.critical("%s that firm %s needs help:\n%s\n%s", NOBODY, self.firm.id, words, error)
            raise error if isinstance(error, NobodyToldError) else NobodyToldError(str(error)) from error

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
        return failed, any(word and not word.startswith(NOBODY) for word in words)

    def _leave_word(self, context: Mapping[str, Any], word: str) -> None:
        """On the failed task, where a person looks, and for the run's callback. Only a task process may write it."""
        if _speaks_for_itself(context):
            context["ti"].xcom_push(key=XCOM_KEY, value=word)


class OnCallHearsOfTheWatch(BaseNotifier):
    """For ``fleet__watch``, which is no firm's: that a pass has failed. Only where the watch's store keeps count of it,
    or each pass would tell it again; where the store is what is lost, ``muniment watch probe`` tells."""

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        """There is no template in here."""

    def notify(self, context: Any) -> None:
        from muniment.domain.watch.task_failure import fleet_trouble

        try:
            self.log.info(
                "of the watch: %s", tell_on_call(fleet_trouble(report_of(context, []), utc_now()), only_kept=True)
            )
        except (NobodyToldError, MunimentError):
            self.log.exception("%s that a pass of the watch has failed", NOBODY)


class OnCallHearsTheEnd(BaseNotifier):
    """For a run's success: what a failed task of the same DAG has opened is over."""

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        """There is no template in here."""

    def notify(self, context: Any) -> None:
        dag = context["dag"].dag_id
        try:
            over = tell_that_it_is_over(dag, context["run_id"])
        except MunimentError:
            self.log.exception("what was open of %s stays open until it succeeds again", dag)
        else:
            self.log.info("%s: %s", dag, over or "nothing was open")


@dataclasses.dataclass(frozen=True, slots=True)
class Letter:
    """What is told to the firm's contact, of what was done to its data."""

    task: str
    subject: str
    message: str
    log_url: str = ""


def tell_one_of(entries: Sequence[Notifier], letter: Letter, context: Mapping[str, Any], firm: Firm) -> str:
    """The first that gets through; says which. Raises ``NobodyToldError`` with why each did not."""
    unreached = []
    for entry in entries:
        try:
            _send(entry, letter, context, firm)
        except Exception as error:  # any library stands behind a notifier, and the next one has to be tried
            unreached.append(f"{entry.notifier}: {reason_of(error, ())}")
        else:
            return f"told by {entry.notifier}"
    raise NobodyToldError("; ".join(unreached) or f"firm {firm.id} names no notifier")


def _send(entry: Notifier, letter: Letter, context: Mapping[str, Any], firm: Firm) -> None:
    links = {"log": letter.log_url} if letter.log_url else {}
    words = Message(letter.subject, letter.message, firm=firm.id, task=letter.task, links=links)
    notify(entry.notifier, entry.arguments, words, context)


def failed_tasks(context: Mapping[str, Any]) -> list[str]:
    """Those of this run, in the chain's order."""
    dag, run_id = context["dag"], context["run_id"]
    states = context["ti"].get_task_states(dag_id=dag.dag_id, run_ids=[run_id]).get(run_id, {})
    return [step.task_id for step in dag.topological_sort() if states.get(step.task_id) == "failed"]


def _speaks_for_itself(context: Mapping[str, Any]) -> bool:
    """A failed task's own process still runs: the context has its exception."""
    return context.get("exception") is not None
