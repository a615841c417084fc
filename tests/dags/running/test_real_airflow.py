"""What only a running Airflow shows: settings in its lists, and on-call told by the run when its worker was killed."""

import json
import os
import signal
import time
from email import message_from_string
from pathlib import Path

import pytest
import yaml

from muniment_airflow.pools import POOLS
from muniment_demo.settings import load_settings
from tests.support.real_airflow import RealAirflow

# A step that never ends, built as the firm's own steps are. (Airflow looks for the words dag and airflow.)
DAG_FILE = """
import os, pathlib, time
from airflow.sdk import DAG
from muniment.registry import load_firm
from muniment_airflow.dag_settings import LIGHT_POOL, common_settings
from muniment_airflow.operators import FirmOperator

class Endless(FirmOperator):
    def _site(self):
        return None

    def work(self, site, night):
        pathlib.Path({pid_file!r}).write_text(str(os.getpid()))
        time.sleep(600)

firm = load_firm(None, "acme")
common = common_settings(firm, "backup", LIGHT_POOL)
common["default_args"]["retries"] = 0
with DAG("acme__backup", schedule=None, **common) as dag:
    Endless(task_id="base_backup", firm_id="acme")
"""


def pid_file(running: RealAirflow) -> Path:
    return running.folder / "pid"


@pytest.fixture
def settings(running: RealAirflow, mails: list[str]) -> Path:
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


def test_settings_stand_in_the_lists_and_loading_them_again_overwrites(running: RealAirflow, settings: Path) -> None:
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


@pytest.mark.timeout(1800)
def test_the_pools_that_our_tasks_name_are_there(running: RealAirflow) -> None:
    """Nobody has loaded any: the scheduler has made what was missing."""
    assert set(POOLS) <= {pool["name"] for pool in running.api._get("/api/v2/pools")["pools"]}


def test_when_a_worker_is_killed_the_run_tells_on_call(running: RealAirflow, settings: Path, mails: list[str]) -> None:
    load_settings(settings, running.api.patch)
    told = pid_file(running)
    running.add_dags("acme.py", DAG_FILE.format(pid_file=str(told)))
    running.await_dag("acme__backup")
    run_id = running.api.trigger("acme__backup")
    running.eventually("the task's start", lambda: told.exists() and told.read_text())

    os.kill(int(told.read_text()), signal.SIGKILL)

    running.eventually("the run's failure", lambda: running.api.run_state("acme__backup", run_id) == "failed")
    running.eventually("the mail", lambda: mails)
    time.sleep(3)
    [mail] = mails
    message = message_from_string(mail)
    assert message["Subject"] == "[muniment] acme: base_backup failed"
    [body] = [part.get_payload(decode=True) for part in message.walk() if part.get_content_type() == "text/html"]
    assert b"task: base_backup\n" in body
    assert b"the worker ended without a word: killed, out of memory, or its machine was lost\n" in body
