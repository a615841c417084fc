"""`<firm>__restore` on a real Airflow, with a real firm: from the form to the live cluster, and what stops it."""

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_string
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from muniment.adapters.acts.records import acts
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.restore.records import find_record
from muniment.adapters.site.site import Site
from muniment.adapters.staging.records import staging_folders
from muniment.domain.firm.firm import Contact, Notifier
from muniment.domain.record import new_id
from muniment.domain.restore.record import RestoreRecord
from muniment.ports import utc_now
from muniment.runbooks.nightly.chain import run_chain
from tests.fixtures.airflow import register
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.on_call import SMTP, _MailSession
from tests.fixtures.sites import SiteFactory, site_env, with_firm
from tests.support.cut_overs import AFTER, BEFORE, own_port, with_live, write
from tests.support.real_airflow import RealAirflow
from tests.support.wal import archive_with, muniment_script

pytestmark = pytest.mark.timeout(1800)

DAG_FILE = """
# Airflow looks for the words dag and airflow.
from muniment.registry import load_firm
from muniment_airflow.restore_dag import restore_dag
dag = restore_dag(load_firm(None, {firm!r}))
"""


@dataclass(frozen=True)
class World:
    """``target`` is an instant after ``BEFORE`` was filed and before ``AFTER`` was."""

    running: RealAirflow
    site: Site
    live: LocalCluster
    mails: list[str]
    target: str

    @property
    def dag(self) -> str:
        return f"{self.site.firm.id}__restore"

    def ask(self, user: str = "engineer", **form: Any) -> str:
        body = {"logical_date": None, "conf": form}
        run = self.running.signed_in(user)._post(f"/api/v2/dags/{self.dag}/dagRuns", body)
        return str(run["dag_run_id"])

    def get(self, run_id: str, rest: str = "") -> Any:
        return self.running.api._get(f"/api/v2/dags/{self.dag}/dagRuns/{run_id}{rest}")

    def task(self, run_id: str, task_id: str) -> dict[str, Any]:
        return dict(self.get(run_id, f"/taskInstances/{task_id}"))

    def eventually(self, what: str, look: Callable[[], bool]) -> None:
        self.running.eventually(what, look)

    def await_task(self, run_id: str, task_id: str, state: str) -> None:
        def reached() -> bool:
            now = self.task(run_id, task_id)["state"]
            assert now not in {"failed", "upstream_failed"} - {state}, self.log(run_id)
            return bool(now == state)

        self.eventually(f"{task_id} {state}", reached)

    def await_end(self, run_id: str) -> str:
        """The run's state, once its record is kept as well."""

        def ended() -> bool:
            over = self.get(run_id)["state"] in {"success", "failed"}
            return over and self.task(run_id, "keep_record")["state"] in {"success", "failed", "upstream_failed"}

        self.eventually(f"the end of {run_id}", ended)
        return str(self.get(run_id)["state"])

    def answer(self, run_id: str, user: str, *chosen: str) -> int:
        """The status of the answer."""
        path = f"/api/v2/dags/{self.dag}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
        body = {"chosen_options": list(chosen), "params_input": {"comment": "as agreed"}}
        try:
            self.running.signed_in(user).patch(path, body)
        except httpx.HTTPStatusError as refused:
            return refused.response.status_code
        return 200

    def record(self, run_id: str) -> RestoreRecord:
        kept = self.get(run_id, "/taskInstances/keep_record/xcomEntries/return_value")["value"]
        kept = json.loads(kept) if isinstance(kept, str) else kept
        assert find_record(self.site.replica, kept["record"]) == find_record(self.site.primary, kept["record"])
        return find_record(self.site.primary, kept["record"])

    def log(self, run_id: str) -> str:
        """Of every task that has run."""
        ran = [each for each in self.running.api.tasks({self.dag: run_id}) if each.try_number > 0]
        return "\n".join(self.running.api.log(self.dag, run_id, each.task_id, each.try_number) for each in ran)

    def titles(self) -> list[str]:
        with psycopg.connect(self.site.postgres.conninfo.reveal()) as session:
            return [row[0] for row in session.execute("SELECT title FROM matters ORDER BY id")]


@contextmanager
def mail_server() -> Iterator[tuple[list[str], str]]:
    """What it got, and ``AIRFLOW_CONN_SMTP_DEFAULT``."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _MailSession)
    server.mails = mails = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    host, port = server.server_address[:2]
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "muniment@example.com", "retry_limit": 1}
    yield mails, json.dumps({"conn_type": "smtp", "host": host, "port": port, "extra": extra})
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def live(module_cluster_factory: ClusterFactory, programs17: PostgresPrograms) -> LocalCluster:
    return own_port(module_cluster_factory(programs17, start=False))


@pytest.fixture(scope="module")
def site(live: LocalCluster, site_factory: SiteFactory, run_dir: Path) -> Site:
    """One recovery point, and WAL behind it."""
    folder = run_dir / "restore-dag"
    folder.mkdir()
    site = with_live(site_factory(live), live)
    told_by = (Notifier(notifier=SMTP, arguments={"to": ["dana@firm.example"]}),)
    site = with_firm(site, contact=Contact(name="Dana Okafor", told_by=told_by))
    archive_with(live, f"{muniment_script(site, folder)} wal push %p")
    write(live, f"CREATE TABLE matters (id int, title text); INSERT INTO matters VALUES (1, '{BEFORE}')")
    run_chain(site, point_id=new_id(utc_now()), run="test", full=True, clock=utc_now)
    return site


@pytest.fixture(scope="module")
def world(site: Site, live: LocalCluster, running: RealAirflow) -> Iterator[World]:
    rules = {"approvers": ["lead", "engineer"], "answer_within": "2 minutes"}
    register(running.registry, site.firm, restore=rules, policy={"control_totals": {"tables": ["public.matters"]}})
    with mail_server() as (mails, smtp):
        running.connect({**site_env(site), "AIRFLOW_CONN_SMTP_DEFAULT": smtp})
        running.add_dags("restore.py", DAG_FILE.format(firm=site.firm.id))
        running.await_dag(f"{site.firm.id}__restore")
        yield World(running, site, live, mails, _file_after(live))
    for staging in staging_folders(running.scratch):
        staging.remove()


def _file_after(live: LocalCluster) -> str:
    """The position between the two, in a segment that is archived."""
    with psycopg.connect(live.conninfo(), autocommit=True) as session:
        session.execute("INSERT INTO matters VALUES (0, 'a draft')")
        session.execute("DELETE FROM matters WHERE id = 0")
        row = session.execute("SELECT pg_current_wal_lsn()::text").fetchone()
        assert row is not None
        session.execute("INSERT INTO matters VALUES (2, %s)", [AFTER])
        session.execute("SELECT pg_switch_wal()")
    return str(row[0])


def approve_at_once(world: World, run_id: str) -> None:
    """An answer in the first moments can get lost in Airflow; then it is asked again."""
    for asked in range(1, 5):
        world.await_task(run_id, "approve", "awaiting_input")
        assert world.answer(run_id, "lead", "Approve") == 200

        def settled(asked: int = asked) -> bool:
            now = world.task(run_id, "approve")
            went_on = world.task(run_id, "safety_backup")["state"] in {"running", "success"}
            return went_on or (now["state"] == "awaiting_input" and now["try_number"] > asked)

        world.eventually("the approval", settled)
        if world.task(run_id, "approve")["state"] != "awaiting_input":
            return
    pytest.fail("the answer was lost four times")


def test_from_the_form_to_the_live_cluster(world: World) -> None:
    """And beside it one that nobody answers, one that asks for what nobody defined, and one in another firm's name."""
    unanswered = world.ask(where="live", documents=False)
    misspelt = world.ask(too="latest")
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        world.ask(firm="somebody-else")
    world.await_task(unanswered, "approve", "awaiting_input")
    run = world.ask(target="lsn", position=world.target, where="live", documents=False)
    assert world.answer(unanswered, "engineer", "Approve") == 403  # who asked
    assert world.answer(unanswered, "admin", "Approve") == 403  # not on the list
    detail = world.get(unanswered, "/taskInstances/approve/-1/hitlDetails")
    assert f"{world.site.firm.id} to latest" in detail["body"]
    assert detail["subject"] == f"Replace the live cluster of {world.site.firm.name} by its restore to latest?"

    approve_at_once(world, run)
    assert world.answer(run, "lead", "Reject") == 409
    assert world.await_end(run) == "success", world.log(run)
    assert world.titles() == [BEFORE]
    assert world.get(run)["note"].startswith("Went live at 20"), "and no way into a staging that is none any more"
    record = world.record(run)
    assert (record.end, record.asked_by) == ("live", "engineer")
    assert record.times_asked >= 1
    assert record.approval is not None
    assert (record.approval.by, record.approval.comment) == ("lead", "as agreed")
    assert record.plan is not None
    assert record.approval.plan_sha256 == record.plan_sha256 == record.plan.sha256
    assert record.safety is not None
    assert record.safety.point is not None
    assert record.full_backup is not None
    assert record.contact == f"Dana Okafor: told by {SMTP}"
    assert [step.name for step in record.steps][-3:] == ["start", "connect", "prove"]
    [act] = acts(world.site.replica)
    assert (act.begun.act, act.begun.asked_by, act.begun.by) == ("cut-over", "engineer", record.run)
    assert (act.begun.approval, act.begun.plan_sha256) == (record.approval, record.plan_sha256)
    assert act.ended is not None
    assert act.ended.outcome == "done"
    [letter] = [mail for mail in map(message_from_string, world.mails) if mail["To"] == "dana@firm.example"]
    assert letter["Subject"] == f"{world.site.firm.name}: your data was restored"

    assert world.await_end(misspelt) == "failed"
    assert (
        "was triggered with too; the parameters are documents, firm, position, reason, side, target, time, timeline"
        in world.log(misspelt)
    )
    assert world.await_end(unanswered) == "failed"
    assert 'psql "host=' in world.get(unanswered)["note"], "how to get into what is staged"
    refused = world.record(unanswered)
    assert (refused.end, refused.not_approved) == ("not approved", "nobody answered in time")
    assert world.task(unanswered, "cut_over")["state"] == "upstream_failed"
    told = [mail for mail in map(message_from_string, world.mails) if mail["To"] == "oncall@example.com"]
    assert sorted(mail["Subject"].split(": ")[1] for mail in told) == ["approve failed", "validate failed"]
    for mail in told:  # nothing that no runbook foresees
        [body] = [part.get_payload(decode=True) for part in mail.walk() if part.get_content_type() == "text/html"]
        assert (str(body, "utf-8").count("KEPT: "), str(body, "utf-8").count("HINT: ")) == (1, 1)  # type: ignore[arg-type]
