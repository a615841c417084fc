"""What only a running Airflow shows: settings in its lists, and on-call told by the run when its worker was killed."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.demo.airflow_api import AirflowApi
from include.demo.airflow_env import USERS, airflow_env, write_passwords
from include.demo.airflow_process import LocalAirflow
from include.demo.settings import load_settings
from include.muniment.adapters.local_cluster import free_port
from include.muniment.domain.secret import Secret
from tests.fixtures.clusters import ROOT
from tests.fixtures.on_call import SMTP
from tests.registry.conftest import Files, firm_values

PASSWORD = Secret("only-for-this-test")
# A step that never ends, built as the firm's own steps are. (Airflow looks for the words dag and airflow.)
DAG_FILE = """
import os, pathlib, time
from airflow.sdk import DAG
from include.muniment.registry import load_firm
from muniment_airflow.firm_dags import LIGHT_POOL, _common
from muniment_airflow.operators import FirmOperator

class Endless(FirmOperator):
    def execute(self, context):
        pathlib.Path({pid_file!r}).write_text(str(os.getpid()))
        time.sleep(600)

firm = load_firm(None, "acme")
common = _common(firm, "backup", LIGHT_POOL)
common["default_args"]["retries"] = 0
with DAG("acme__backup", schedule=None, **common) as dag:
    Endless(task_id="base_backup", firm_id="acme")
"""


class Running:
    def __init__(self, folder: Path, api: AirflowApi) -> None:
        self.folder = folder
        self.api = api

    @property
    def pid_file(self) -> Path:
        return self.folder / "pid"


def eventually(what: str, look: Callable[[], Any], timeout_s: float = 180) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def running(run_dir: Path) -> Iterator[Running]:
    folder = run_dir / "real-airflow"
    home, dags, registry, port = folder / "home", folder / "dags", folder / "registry", free_port()
    _write_registry(registry)
    dags.mkdir()
    (dags / "acme.py").write_text(DAG_FILE.format(pid_file=str(folder / "pid")))
    env = airflow_env(
        home=home,
        project_root=ROOT,
        port=port,
        metadata_conn=f"sqlite:///{home}/airflow.db",
        registry_root=registry,
    )
    write_passwords(home, dict.fromkeys(USERS, PASSWORD))
    airflow = LocalAirflow(home, {**env, "AIRFLOW__CORE__DAGS_FOLDER": str(dags)}, lambda pid: None)
    airflow.migrate()
    airflow.start()
    try:
        api = AirflowApi(f"http://127.0.0.1:{port}", "admin", PASSWORD)
        eventually("Airflow's start", api.is_healthy)
        api.sign_in()
        yield Running(folder, api)
    finally:
        airflow.stop()


def _write_registry(root: Path) -> None:
    mail = {"notifier": SMTP, "arguments": {"to": ["oncall@example.com"]}}
    Files(root).write("firms/acme.yaml", {**firm_values(), "on_call": [mail]})


@pytest.fixture
def settings(running: Running, mails: list[str]) -> Path:
    """As the Astro CLI's template has it, with its empty entry, and the mail server that listens now."""
    server = json.loads(os.environ["AIRFLOW_CONN_SMTP_DEFAULT"])
    file = running.folder / "airflow_settings.yaml"
    empty = dict.fromkeys(("conn_id", "conn_type", "conn_host", "conn_port", "conn_uri", "conn_extra"))
    smtp = {
        "conn_id": "smtp_default",
        "conn_type": "smtp",
        "conn_host": server["host"],
        "conn_port": server["port"],
        "conn_extra": server["extra"],
    }
    uri = {"conn_id": "acme_pg", "conn_uri": "postgresql://muniment:s%2Fecret@db.example:5433/practice?sslmode=require"}
    pools = [{"pool_name": "muniment_light", "pool_slot": 7, "pool_description": None}, {"pool_name": None}]
    variables = [{"variable_name": "a", "variable_value": "1"}]
    told = {"connections": [empty, smtp, uri], "pools": pools, "variables": variables}
    file.write_text(yaml.safe_dump({"airflow": told}))
    return file


def test_settings_stand_in_the_lists_and_loading_them_again_overwrites(running: Running, settings: Path) -> None:
    assert load_settings(settings, running.api.patch) == {"connections": 2, "pools": 1, "variables": 1}
    assert load_settings(settings, running.api.patch) == {"connections": 2, "pools": 1, "variables": 1}
    get = running.api._get
    listed = {one["connection_id"]: one for one in get("/api/v2/connections")["connections"]}
    assert set(listed) == {"smtp_default", "acme_pg"}
    assert {name: listed["acme_pg"][name] for name in ("conn_type", "host", "port", "login", "schema")} == {
        "conn_type": "postgres",
        "host": "db.example",
        "port": 5433,
        "login": "muniment",
        "schema": "practice",
    }
    assert get("/api/v2/pools/muniment_light")["slots"] == 7
    assert get("/api/v2/variables/a")["value"] == "1"


@pytest.mark.timeout(600)
def test_when_a_worker_is_killed_the_run_tells_on_call(running: Running, settings: Path, mails: list[str]) -> None:
    load_settings(settings, running.api.patch)
    eventually("the DAG's parsing", lambda: "acme__backup" in running.api.dag_ids())
    run_id = running.api.trigger("acme__backup")
    eventually("the task's start", lambda: running.pid_file.exists() and running.pid_file.read_text())

    os.kill(int(running.pid_file.read_text()), signal.SIGKILL)

    eventually("the run's failure", lambda: running.api.run_state("acme__backup", run_id) == "failed")
    eventually("the mail", lambda: mails)
    time.sleep(3)
    [mail] = mails
    message = message_from_string(mail)
    assert message["Subject"] == "[muniment] acme (Acme & Sons, professional): base_backup failed"
    [body] = [part.get_payload(decode=True) for part in message.walk() if part.get_content_type() == "text/html"]
    assert b"task: base_backup\n" in body
    assert b"the worker ended without a word: killed, out of memory, or its machine was lost\nKEPT: " in body
