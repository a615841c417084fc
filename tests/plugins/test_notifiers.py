"""On-call is told of a failed task: by the first channel that takes it, once, and never silently by nobody."""

from datetime import datetime
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException

from muniment.domain.incidents.incident import Incident
from muniment.domain.watch.settings import Channel, Route, WatchSettings
from muniment.errors import StoreUnavailable, WrongVault
from muniment.ports import utc_now
from muniment.registry.watch_file import load_watch_settings
from muniment.runbooks.incidents.record_troubles import record_troubles
from muniment.runbooks.incidents.tell import CLAIM, tell
from muniment_airflow.failure_report import what_happened
from muniment_airflow.failures import errors_as_airflow
from muniment_airflow.notifiers import XCOM_KEY, OnCallHearsOfTheWatch, OnCallHearsTheEnd, OnCallNotifier
from muniment_airflow.on_call import NobodyToldError, open_store
from tests.fixtures.airflow import tell_by
from tests.fixtures.on_call import MAIL, Pager, nobody, topic
from tests.support.firms import paper_firm
from tests.support.troubles import judged, trouble
from tests.support.watched import firm_seen

# The notifiers' own libraries.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning")

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


def over(error: AirflowException | None, task: Task, **more: Any) -> None:
    OnCallNotifier(firm=paper_firm())(failed(error, task, **more))


def incidents() -> list[Incident]:
    return open_store(WatchSettings()).incidents(open_only=False)


WHOLE = f"""\
bucket b-{{{{ 7 * 7 }}}} is the vault of birch, not of acme
task: base_backup
run: acme__backup/{RUN}
retried: no after 4 tries; clear the task when the cause is gone
KEPT: everything; nothing was written
HINT: correct vaults in the firm's file; a vault is never shared and never handed over. \
Where the bucket is right and its firm.json was changed: `muniment repair FIRM`."""


def test_sns_carries_firm_task_what_happened_what_is_kept_what_to_do_and_what_is_at_stake(
    registry_folder: Path, pager: Pager
) -> None:
    tell_by(registry_folder, topic(pager), MAIL)
    task = Task()
    over(ours(), task)
    [page] = pager.messages()
    assert page["Subject"] == "[muniment] acme: base_backup failed"
    lines = page["Message"]
    assert f"\n\n{WHOLE}\n\n" in lines
    assert "\nseverity: error\nwhose: acme\n" in lines
    assert "\nat stake: the night's recovery point: documents and configuration are as of the point before" in lines
    assert "\npromise: breaks at 20" in lines or "\npromise: broken since 20" in lines
    assert "\nrunbook: docs/monitoring.md#task-failed\n" in lines
    assert f"\nlog: {Task.log_url}\nrun: http://127.0.0.1:8080/dags/acme__backup/runs/scheduled__" in lines
    assert task.pushed == {XCOM_KEY: "told by topic"}
    [incident] = incidents()
    assert (incident.cause, str(incident.scope), incident.state) == ("task-failed", "dag acme__backup", "open")


def test_the_next_one_is_told_and_there_is_an_incident_about_the_first(
    registry_folder: Path, pager: Pager, mails: list[str]
) -> None:
    tell_by(registry_folder, nobody(pager), MAIL)
    task = Task()
    over(ours(), task)
    mail, about = map(message_from_string, mails)
    assert mail["To"] == "oncall@example.com"
    assert mail["Subject"] == "[muniment] acme: base_backup failed"
    [body] = [part.get_payload(decode=True) for part in mail.walk() if part.get_content_type() == "text/html"]
    assert WHOLE.replace("&", "&amp;").replace("'", "&#39;") in str(body, "utf-8")  # type: ignore[arg-type]
    assert about["Subject"] == "[muniment] channel gone: channel gone reaches nobody"
    assert task.pushed[XCOM_KEY].startswith("told by mail; failed: gone: NotFoundException: ")
    assert [each.cause for each in incidents()] == ["task-failed", "channel-failed"]


def test_when_nobody_is_reached_the_log_says_so_and_so_does_the_task_and_it_is_kept(
    registry_folder: Path, pager: Pager, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_by(registry_folder, nobody(pager), Channel(name="own", kind="notifier", notifier="nowhere.Pager"))
    task = Task()
    with pytest.raises(NobodyToldError):
        over(ours(), task)
    said = capsys.readouterr().out
    assert f"[critical ] NOBODY WAS TOLD that firm acme needs help:\n{WHOLE}\nlog: {Task.log_url}\n" in said
    assert task.pushed[XCOM_KEY].startswith("NOBODY WAS TOLD: gone: ")
    assert "ModuleNotFoundError" in task.pushed[XCOM_KEY]
    assert task.pushed[XCOM_KEY].endswith("; it is kept, and told with the next pass of the watch")
    again = Task({"base_backup": "failed"}, {"base_backup": task.pushed[XCOM_KEY]})
    with pytest.raises(NobodyToldError):
        over(None, again, reason="task_failure")
    settings, later = load_watch_settings(), utc_now() + CLAIM
    store = open_store(settings)
    [channel] = {
        each.channel for each in tell(store, with_topic(settings, pager), clock=lambda: later) if not each.failure
    }
    assert channel == "topic"
    assert "[muniment] acme: base_backup failed" in [page["Subject"] for page in pager.messages()]


def with_topic(settings: WatchSettings, pager: Pager) -> WatchSettings:
    return settings.model_copy(update={"channels": (topic(pager),), "routes": (Route(tell=("topic",)),)})


def test_a_broken_watch_file_is_an_error_too(registry_folder: Path) -> None:
    with pytest.raises(NobodyToldError, match=r"watch\.yaml: there is no such file"):
        over(ours(), Task())


def test_what_cannot_be_kept_is_told_all_the_same_and_says_so(
    registry_folder: Path, pager: Pager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setenv("MUNIMENT_WATCH_STORE", str(tmp_path / "a file" / "watch.sqlite"))
    tell_by(registry_folder, nobody(pager), topic(pager), quiet_hours={"start": "00:00", "end": "23:59"})
    task = Task()
    over(ours(), task)
    [page] = pager.messages()
    assert WHOLE in page["Message"]
    assert "\ntold without the watch's store: it may come twice, and nobody repeats it." in page["Message"]
    assert task.pushed[XCOM_KEY].startswith("told by topic; told without the watch's store")


def test_a_dag_that_fails_again_is_told_once_and_its_success_is_told(registry_folder: Path, pager: Pager) -> None:
    tell_by(registry_folder, topic(pager))
    over(ours(), Task())
    again = Task()
    over(ours(), again)
    [incident] = incidents()
    assert again.pushed == {XCOM_KEY: f"told before: incident {incident.id}"}
    OnCallHearsTheEnd()(failed(None, Task(), reason="success"))
    assert [page["Subject"] for page in pager.messages()] == [
        "[muniment] acme: base_backup failed",
        "[muniment] over: acme: base_backup failed",
    ]
    OnCallHearsTheEnd()(failed(None, Task(), reason="success"))
    assert pager.messages() == []


def of_the_watch(error: BaseException | None, task: Task) -> dict[str, Any]:
    with DAG("fleet__watch", schedule=None) as dag:
        EmptyOperator(task_id="watch_us-east-1")
    return {"dag": dag, "run_id": RUN, "ti": task, "exception": error}


def test_a_pass_of_the_watch_that_fails_is_told_once_as_critical_and_its_success_ends_it(
    registry_folder: Path, pager: Pager
) -> None:
    tell_by(registry_folder, topic(pager))
    for _ in range(3):
        OnCallHearsOfTheWatch()(of_the_watch(ours(), Task()))
    [incident] = incidents()
    assert (incident.severity, incident.scope.name, incident.members) == ("critical", "fleet__watch", ())
    assert len(pager.messages()) == 1
    OnCallHearsTheEnd()(of_the_watch(None, Task()))
    assert len(pager.messages()) == 1


def test_a_pass_whose_store_is_lost_is_left_to_the_probe(
    registry_folder: Path, pager: Pager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or each pass would tell it again."""
    (tmp_path / "a file").touch()
    monkeypatch.setenv("MUNIMENT_WATCH_STORE", str(tmp_path / "a file" / "watch.sqlite"))
    tell_by(registry_folder, topic(pager))
    OnCallHearsOfTheWatch()(of_the_watch(ours(), Task()))
    assert pager.messages() == []


def test_what_waits_for_the_morning_is_kept_and_no_run_tells_it_meanwhile(registry_folder: Path, pager: Pager) -> None:
    tell_by(registry_folder, topic(pager), quiet_hours={"start": "00:00", "end": "23:59"})
    settings, now = load_watch_settings(), utc_now()
    open_store(settings).put_firms([firm_seen("acme", now, time_zone=_zone_at_noon(now))])
    task = Task()
    over(ours(), task)
    assert task.pushed[XCOM_KEY].startswith("kept: it waits for its route's quiet hours to end")
    over(None, Task({"base_backup": "failed"}, {"base_backup": task.pushed[XCOM_KEY]}), reason="task_failure")
    assert pager.messages() == []
    at_night = settings.routes[0].model_copy(update={"quiet_hours": None})
    by_day = settings.model_copy(update={"routes": (at_night,)})
    tell(open_store(settings), by_day, clock=lambda: utc_now() + CLAIM)
    assert [page["Subject"] for page in pager.messages()] == ["[muniment] acme: base_backup failed"]


def _zone_at_noon(now: datetime) -> str:
    """So that no minute of the test is the one that is not quiet."""
    return f"Etc/GMT{now.hour - 12:+d}"


def test_a_success_is_no_matter_of_a_store_that_is_away(
    registry_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setenv("MUNIMENT_WATCH_STORE", str(tmp_path / "a file" / "watch.sqlite"))
    tell_by(registry_folder, MAIL)
    OnCallHearsTheEnd()(failed(None, Task(), reason="success"))
    assert "what was open of acme__backup stays open until it succeeds again" in capsys.readouterr().out


def test_what_another_incident_explains_is_not_told_by_itself(registry_folder: Path, pager: Pager) -> None:
    tell_by(registry_folder, topic(pager))
    region = trouble("acme", "server-unseen", opens_at_once=True, seen_at=utc_now())
    record_troubles(open_store(WatchSettings()), [region], judged(["acme"]), clock=utc_now)
    task = Task()
    over(ours(), task)
    assert [page["Subject"] for page in pager.messages()] == ["[muniment] acme: server-unseen happened"]
    assert task.pushed[XCOM_KEY].startswith("part of an incident that is open")


def test_a_killed_workers_failure_is_told_by_the_run(registry_folder: Path, pager: Pager) -> None:
    tell_by(registry_folder, topic(pager))
    task = Task({"check_firm": "success", "base_backup": "failed", "expire": "upstream_failed"})
    over(None, task, reason="task_failure")
    [page] = pager.messages()
    assert (
        "the worker ended without a word: killed, out of memory, or its machine was lost\n"
        f"task: base_backup\nrun: acme__backup/{RUN}\n"
        "retried: no; clear the task when the cause is gone\n"
        "KEPT: every recovery point that is registered; "
        "what this step had stored is not registered and harms nothing\n"
        "HINT: look at the worker's machine, then clear the task: every step is safe to run again."
    ) in page["Message"]
    assert (
        "\nlog: http://127.0.0.1:8080/dags/acme__backup/runs/"
        "scheduled__2026-11-20T08%3A14%3A00%2B00%3A00/tasks/base_backup\n"
    ) in page["Message"]


def test_a_run_says_nothing_where_its_task_has_told(registry_folder: Path, pager: Pager) -> None:
    tell_by(registry_folder, topic(pager))
    over(None, Task({"base_backup": "failed"}, {"base_backup": "told by topic"}), reason="task_failure")
    assert pager.messages() == []


def test_a_run_tells_where_its_task_reached_nobody(registry_folder: Path, pager: Pager) -> None:
    tell_by(registry_folder, topic(pager))
    over(None, Task({"base_backup": "failed"}, {"base_backup": "NOBODY WAS TOLD: no"}), reason="task_failure")
    assert len(pager.messages()) == 1


def test_a_lost_workers_own_callback_leaves_it_to_the_run(registry_folder: Path, pager: Pager) -> None:
    tell_by(registry_folder, topic(pager))
    over(None, Task())
    assert pager.messages() == []


def test_a_run_that_took_too_long_is_told(registry_folder: Path, pager: Pager) -> None:
    tell_by(registry_folder, topic(pager))
    over(None, Task(), reason="timed_out")
    [page] = pager.messages()
    assert "the run took longer than it may and was stopped\ntask: the run\n" in page["Message"]
    assert page["Subject"].endswith(": the run failed")


def test_an_error_that_no_runbook_foresees_gets_its_three_parts() -> None:
    assert what_happened(KeyError("archives"), None) == (
        f"KeyError: 'archives'\nKEPT: {StoreUnavailable.kept}\n"
        "HINT: this is an error that no runbook foresees: read the task's log from its end."
    )
