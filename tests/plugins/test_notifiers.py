"""On-call is told: by the first notifier that gets through, of everything, and never silently by nobody."""

from email import message_from_string
from typing import Any

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException

from muniment.errors import StoreUnavailable, WrongVault
from muniment_airflow.failure_report import what_happened
from muniment_airflow.failures import errors_as_airflow
from muniment_airflow.notifiers import XCOM_KEY, NobodyToldError, OnCallNotifier
from tests.fixtures.on_call import SMTP, SNS, Pager, nobody
from tests.support.firms import paper_firm

# The notifiers' own libraries.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning")

MAIL = {"notifier": SMTP, "arguments": {"to": ["oncall@example.com"]}}
RUN = "scheduled__2026-11-20T08:14:00+00:00"


class Task:
    """A task instance as far as a notifier sees it; ``words`` are what the tasks have left for the run's callback."""

    log_url = "http://127.0.0.1:8080/dags/acme__backup/runs/1/tasks/base_backup?try_number=4"

    def __init__(self, states: dict[str, str] | None = None, words: dict[str, str] | None = None) -> None:
        self.task_id = "base_backup"
        self.try_number = 4
        self.states = states or {}
        self.words = words or {}
        self.pushed: dict[str, str] = {}

    def xcom_push(self, key: str, value: str) -> None:
        self.pushed[key] = value

    def xcom_pull(self, *, task_ids: str, key: str) -> str | None:
        assert key == XCOM_KEY
        return self.words.get(task_ids)

    def get_task_states(self, dag_id: str, run_ids: list[str]) -> dict[str, Any]:
        return {RUN: self.states}


def failed(error: BaseException | None, task: Task, **more: Any) -> dict[str, Any]:
    """A callback's context."""
    with DAG("acme__backup", schedule=None) as dag:
        EmptyOperator(task_id="check_firm") >> EmptyOperator(task_id="base_backup") >> EmptyOperator(task_id="expire")
    return {"dag": dag, "run_id": RUN, "ti": task, "exception": error, **more}


def ours() -> AirflowException:
    with pytest.raises(AirflowException) as raised, errors_as_airflow():
        raise WrongVault(bucket="b-{{ 7 * 7 }}", expected="acme", actual="birch")
    return raised.value


WHOLE = f"""\
firm: acme (Acme & Sons, professional)
task: base_backup
run: acme__backup/{RUN}
retried: no after 4 tries; clear the task when the cause is gone

bucket b-{{{{ 7 * 7 }}}} is the vault of birch, not of acme
KEPT: everything; nothing was written
HINT: correct vaults in the firm's file; a vault is never shared and never handed over. \
Where the bucket is right and its firm.json was changed: `muniment repair FIRM`.

log: {Task.log_url}"""


def test_sns_carries_firm_task_what_happened_what_is_kept_what_to_do_and_the_log(pager: Pager) -> None:
    task = Task()
    OnCallNotifier(firm=paper_firm(on_call=[pager.notifier, MAIL]))(failed(ours(), task))
    [page] = pager.messages()
    assert page["Subject"] == "[muniment] acme (Acme & Sons, professional): base_backup failed"
    assert page["Message"] == WHOLE
    assert task.pushed == {XCOM_KEY: f"told by {SNS}"}


def test_the_next_one_is_told_and_hears_that_the_first_was_not_reached(
    pager: Pager, mails: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    task = Task()
    OnCallNotifier(firm=paper_firm(on_call=[nobody(pager), MAIL]))(failed(ours(), task))
    [mail] = mails
    message = message_from_string(mail)
    assert message["To"] == "oncall@example.com"
    assert message["Subject"] == "[muniment] acme (Acme & Sons, professional): base_backup failed"
    [body] = [part.get_payload(decode=True) for part in message.walk() if part.get_content_type() == "text/html"]
    missed = f"not reached before you: {SNS}: NotFoundException: "
    assert WHOLE.replace("&", "&amp;").replace("'", "&#39;") in str(body, "utf-8")  # type: ignore[arg-type]
    assert missed in str(body, "utf-8")  # type: ignore[arg-type]
    assert task.pushed[XCOM_KEY].startswith(f"told by {SMTP}; failed: {SNS}: NotFoundException: ")
    assert f"on-call notifier {SNS} of firm acme failed" in capsys.readouterr().out


def test_when_nobody_is_reached_the_log_says_so_and_so_does_the_task(
    pager: Pager, capsys: pytest.CaptureFixture[str]
) -> None:
    task = Task()
    unknown = {"notifier": "nowhere.Pager", "arguments": {}}
    with pytest.raises(NobodyToldError):
        OnCallNotifier(firm=paper_firm(on_call=[nobody(pager), unknown]))(failed(ours(), task))
    loud = f"[critical ] NOBODY WAS TOLD that firm acme needs help:\n{WHOLE}\nnot reached before you: {SNS}: "
    assert loud in capsys.readouterr().out
    assert task.pushed[XCOM_KEY].startswith("NOBODY WAS TOLD: ")
    assert "ModuleNotFoundError" in task.pushed[XCOM_KEY]


def test_a_firm_without_on_call_is_an_error_too() -> None:
    with pytest.raises(NobodyToldError, match="firm acme names no on_call notifier"):
        OnCallNotifier(firm=paper_firm())(failed(ours(), Task()))


def test_a_killed_workers_failure_is_told_by_the_run(pager: Pager) -> None:
    context = failed(None, Task({"check_firm": "success", "base_backup": "failed", "expire": "upstream_failed"}))
    OnCallNotifier(firm=paper_firm(on_call=[pager.notifier]))({**context, "reason": "task_failure"})
    [page] = pager.messages()
    assert page["Message"] == (
        f"firm: acme (Acme & Sons, professional)\ntask: base_backup\nrun: acme__backup/{RUN}\n"
        "retried: no; clear the task when the cause is gone\n\n"
        "the worker ended without a word: killed, out of memory, or its machine was lost\n"
        "KEPT: every recovery point that is registered; "
        "what this step had stored is not registered and harms nothing\n"
        "HINT: look at the worker's machine, then clear the task: every step is safe to run again.\n\n"
        "log: http://127.0.0.1:8080/dags/acme__backup/runs/"
        "scheduled__2026-11-20T08%3A14%3A00%2B00%3A00/tasks/base_backup"
    )


def test_a_run_says_nothing_where_its_task_has_told(pager: Pager) -> None:
    task = Task({"base_backup": "failed"}, {"base_backup": f"told by {SNS}"})
    OnCallNotifier(firm=paper_firm(on_call=[pager.notifier]))(failed(None, task, reason="task_failure"))
    assert pager.messages() == []


def test_a_run_tells_where_its_task_reached_nobody(pager: Pager) -> None:
    task = Task({"base_backup": "failed"}, {"base_backup": "NOBODY WAS TOLD: no"})
    OnCallNotifier(firm=paper_firm(on_call=[pager.notifier]))(failed(None, task, reason="task_failure"))
    assert len(pager.messages()) == 1


def test_a_lost_workers_own_callback_leaves_it_to_the_run(pager: Pager) -> None:
    OnCallNotifier(firm=paper_firm(on_call=[pager.notifier]))(failed(None, Task()))
    assert pager.messages() == []


def test_a_run_that_took_too_long_is_told(pager: Pager) -> None:
    OnCallNotifier(firm=paper_firm(on_call=[pager.notifier]))(failed(None, Task(), reason="timed_out"))
    [page] = pager.messages()
    assert "the run took longer than it may and was stopped\nKEPT: " in page["Message"]
    assert page["Subject"].endswith(": the run failed")


def test_an_error_that_no_runbook_foresees_gets_its_three_parts() -> None:
    assert what_happened(KeyError("archives"), None) == (
        f"KeyError: 'archives'\nKEPT: {StoreUnavailable.kept}\n"
        "HINT: this is an error that no runbook foresees: read the task's log from its end."
    )
