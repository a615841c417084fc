"""What is asked of Airflow, how often, and what is told where it does not answer: tests/dags/running has a real one."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from muniment.adapters.airflow_api.client import AirflowApi, base_url
from muniment.adapters.airflow_api.look import look_at
from muniment.adapters.host.local_cluster import free_port
from muniment.adapters.site.logins import find_login
from muniment.domain.secret import Secret
from muniment.domain.watch.airflow import AirflowSeen
from muniment.domain.watch.settings import WatchSettings
from muniment.runbooks.watch.check_airflow import look_at_airflow

NOW = datetime(2026, 7, 15, 15, 0, tzinfo=UTC)
PASSWORD, TOKEN = "hunter2-and-more", "token-of-the-viewer"


class Airflow:
    """Answers as Airflow's API does, from what a test puts into it."""

    def __init__(self, server: HTTPServer) -> None:
        self.server = server
        self.dags = [{"dag_id": f"firm-{n:03d}__backup", "is_paused": n == 7} for n in range(250)]
        self.tasks: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.is_slow = False
        server.expect_request("/auth/token", method="POST").respond_with_handler(self._token)
        server.expect_request("/api/v2/monitor/health").respond_with_handler(self._health)
        server.expect_request("/api/v2/dags").respond_with_handler(self._dags)
        server.expect_request("/api/v2/importErrors").respond_with_handler(self._errors)
        server.expect_request("/api/v2/pools").respond_with_handler(self._pools)
        server.expect_request("/api/v2/dags/~/dagRuns/~/taskInstances").respond_with_handler(self._tasks)

    def look(self, before: AirflowSeen | None = None, now: datetime = NOW) -> AirflowSeen:
        self.asked.clear()
        return look_at(AirflowApi(self.server.url_for(""), "viewer", Secret(PASSWORD)), before, now)

    def _token(self, request: Request) -> Response:
        self.asked.append("/auth/token")
        is_known = request.json == {"username": "viewer", "password": PASSWORD}
        return _json({"access_token": TOKEN}, 201) if is_known else _json({"detail": PASSWORD}, 401)

    def _noted(self, request: Request) -> None:
        self.asked.append(f"{request.path}?{request.query_string.decode()}")
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"

    def _health(self, request: Request) -> Response:
        self.asked.append(request.path)
        beats = {part: {"status": "healthy", f"latest_{part}_heartbeat": NOW.isoformat()} for part in ("scheduler",)}
        return _json({**beats, "dag_processor": None, "triggerer": {"latest_triggerer_heartbeat": None}})

    def _dags(self, request: Request) -> Response:
        self._noted(request)
        assert set(request.args.getlist("tags")) >= {"backup", "watch"}
        if self.is_slow and "order_by" in request.args:
            return _json({}, 503)
        found = [dag for dag in self.dags if dag["is_paused"] or request.args.get("paused") != "true"]
        if request.args.get("has_import_errors"):
            found = self.dags[:1]
        return _page(request, "dags", found)

    def _errors(self, request: Request) -> Response:
        self._noted(request)
        text = "Traceback:\n  File x\nImportError: no module named muniment\n"
        found = {"filename": "firms_3.py", "stack_trace": text, "timestamp": NOW.isoformat()}
        return _page(request, "import_errors", [found])

    def _pools(self, request: Request) -> Response:
        self._noted(request)
        return _page(request, "pools", [{"name": "muniment_heavy", "slots": 2}])

    def _tasks(self, request: Request) -> Response:
        self._noted(request)
        queue = request.args.get("queue")
        found = [one for one in self.tasks if one["state"] == request.args["state"] and queue in (None, one["queue"])]
        return _page(request, "task_instances", found)


def _page(request: Request, items: str, found: list[dict[str, Any]]) -> Response:
    offset, limit = int(request.args.get("offset", 0)), min(int(request.args.get("limit", 50)), 100)
    return _json({items: found[offset : offset + limit], "total_entries": len(found)})


def _json(told: Any, status: int = 200) -> Response:
    return Response(json.dumps(told), status, content_type="application/json")


@pytest.fixture
def airflow(httpserver: HTTPServer) -> Airflow:
    return Airflow(httpserver)


def task(state: str, queue: str) -> dict[str, Any]:
    return {"dag_id": "d", "task_id": "t", "state": state, "queue": queue, "queued_when": NOW.isoformat()}


def test_what_is_seen(airflow: Airflow) -> None:
    airflow.tasks = [task("queued", "us-east-1"), task("queued", "eu-west-1"), task("running", "eu-west-1")]
    seen = airflow.look()
    assert seen.unseen is None
    assert len(seen.dag_ids) == 250
    assert seen.paused == {"firm-007__backup"}
    assert seen.broken == {"firm-000__backup"}
    assert [(one.file, one.first_line) for one in seen.import_errors] == [
        ("firms_3.py", "ImportError: no module named muniment")
    ]
    assert seen.pools == {"muniment_heavy": 2}
    assert {one.queue for one in seen.queued} == {"us-east-1", "eu-west-1"}
    assert seen.serving == {"eu-west-1"}
    assert (seen.scheduler_heartbeat_at, seen.dag_processor_heartbeat_at) == (NOW, None)


def test_the_list_of_dags_is_read_when_their_number_changes_and_hourly(airflow: Airflow) -> None:
    first = airflow.look()
    assert sum("order_by=dag_id" in each for each in airflow.asked) == 3
    again = airflow.look(first, NOW + timedelta(minutes=59))
    assert len(airflow.asked) == 8
    assert (again.dag_ids, again.dags_listed_at) == (first.dag_ids, NOW)
    airflow.dags.pop()
    fewer = airflow.look(again, NOW + timedelta(minutes=59))
    assert len(fewer.dag_ids) == 249
    airflow.look(first, NOW + timedelta(minutes=61))
    assert sum("order_by=dag_id" in each for each in airflow.asked) == 3


def test_a_list_that_does_not_come_in_time_is_the_one_before_for_a_while(airflow: Airflow) -> None:
    first = airflow.look()
    airflow.is_slow = True
    hours = timedelta(hours=1)
    kept = airflow.look(first, NOW + 2 * hours)
    assert (kept.unseen, kept.dag_ids, kept.dags_listed_at) == (None, first.dag_ids, NOW)
    gone = airflow.look(first, NOW + 7 * hours)
    assert "it answered 503" in str(gone.unseen)
    airflow.is_slow = False
    assert airflow.look(gone, NOW + 7 * hours).dags_listed_at == NOW + 7 * hours


def test_a_wrong_password_is_told_without_it(airflow: Airflow) -> None:
    api = AirflowApi(airflow.server.url_for(""), "viewer", Secret(f"not-{PASSWORD}"))
    seen = look_at(api, None, NOW)
    url = airflow.server.url_for("")
    assert seen.unseen == f"{url}/auth/token for user viewer: it answered 401"
    assert PASSWORD not in repr(api)


def test_a_redirect_is_not_followed_with_the_login(airflow: Airflow, httpserver: HTTPServer) -> None:
    target = httpserver.url_for("/elsewhere")
    api = AirflowApi(httpserver.url_for("/moved"), "viewer", Secret(PASSWORD))
    httpserver.expect_request("/moved/api/v2/monitor/health").respond_with_json({})
    httpserver.expect_request("/moved/auth/token").respond_with_data("", 307, headers={"Location": target})
    assert str(look_at(api, None, NOW).unseen).endswith("it answered 307")
    assert not [request for request, _ in httpserver.log if request.path == "/elsewhere"]


@pytest.mark.parametrize("body", ["[1, 2]", "<html>", '{"scheduler": 1}', '"text"'])
def test_what_is_no_airflow_is_unseen(httpserver: HTTPServer, body: str) -> None:
    httpserver.expect_request("/api/v2/monitor/health").respond_with_data(body)
    httpserver.expect_request("/auth/token").respond_with_json({"access_token": TOKEN})
    seen = look_at(AirflowApi(httpserver.url_for(""), "viewer", Secret(PASSWORD)), None, NOW)
    assert seen.unseen
    assert seen.dag_ids == frozenset()


def test_who_does_not_listen_is_unseen() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    seen = look_at(AirflowApi(url, "viewer", Secret(PASSWORD)), None, NOW)
    assert seen.unseen == f"{url}/api/v2/monitor/health: Connection refused"


def test_a_look_ends_whatever_hangs(httpserver: HTTPServer) -> None:
    def trickle() -> Iterator[bytes]:
        for _ in range(50):
            time.sleep(0.1)
            yield b" "

    def hang(_: Request) -> Response:
        return Response(trickle(), content_type="application/json")

    httpserver.expect_request("/api/v2/monitor/health").respond_with_handler(hang)
    api = AirflowApi(httpserver.url_for(""), "viewer", Secret(PASSWORD), total_s=0.5)
    assert "in time" in str(look_at(api, None, NOW).unseen)


@pytest.mark.parametrize(
    ("host", "port", "schema", "url"),
    [
        ("airflow.example", 8080, "", "http://airflow.example:8080"),
        ("airflow.example", None, "https", "https://airflow.example"),
        ("https://airflow.example/ops/", None, "", "https://airflow.example/ops"),
        ("http://user:secret@airflow.example", 8080, "", "http://airflow.example:8080"),
        ("::1", 8080, "", "http://[::1]:8080"),
    ],
)
def test_where_a_connection_leads(host: str, port: int | None, schema: str, url: str) -> None:
    if host == "::1":
        host = "[::1]"
    assert base_url(host, port, schema) == url


def test_the_connection_is_found_as_all_others_are(
    airflow: Airflow, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = {"conn_type": "http", "host": httpserver.url_for(""), "login": "viewer", "password": PASSWORD}
    monkeypatch.setenv("AIRFLOW_CONN_WATCH_AIRFLOW", json.dumps(told))
    settings = WatchSettings(airflow="watch_airflow")

    def clock() -> datetime:
        return NOW

    assert look_at_airflow(settings, find_login, clock=clock).unseen is None
    monkeypatch.delenv("AIRFLOW_CONN_WATCH_AIRFLOW")
    monkeypatch.setenv("MUNIMENT_SETTINGS", str(tmp_path / "none.yaml"))
    missing = look_at_airflow(settings, find_login, clock=clock)
    assert missing.is_asked
    assert "connection watch_airflow: neither AIRFLOW_CONN_WATCH_AIRFLOW nor" in str(missing.unseen)
    nobody = look_at_airflow(WatchSettings(), find_login, clock=clock)
    assert (nobody.is_asked, nobody.unseen) == (False, "watch.yaml names no connection `airflow`")
