"""Somebody who does not need Airflow asks whether the watch is awake: by hand, by a timer, by a cron line."""

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from muniment.adapters.host.local_cluster import free_port
from muniment.adapters.watch.store import WatchStore
from muniment.runbooks.incidents.tell import UNTOLD
from tests.cli.conftest import MUNIMENT, Command
from tests.fixtures.clusters import ROOT
from tests.registry.conftest import Files

HOST = ROOT / "docs" / "watch-host"
QUEUE = "us-east-1"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    files = Files(tmp_path / "registry")
    return files.root


@pytest.fixture
def store(tmp_path: Path, registry: Path, monkeypatch: pytest.MonkeyPatch) -> WatchStore:
    """The one that the command finds, with the registry."""
    monkeypatch.setenv("MUNIMENT_WATCH_STORE", str(tmp_path / "watch.sqlite"))
    monkeypatch.setenv("MUNIMENT_REGISTRY", str(registry))
    return WatchStore.open(str(tmp_path / "watch.sqlite"))


def passed(store: WatchStore, ago: timedelta, queue: str = QUEUE) -> None:
    at = datetime.now(UTC) - ago
    begun = store.begin_pass(queue, at, MINUTE)
    assert begun is not None
    store.end_pass(begun, begun.model_copy(update={"ended_at": at, "firms": 1}))


def test_a_watch_that_looked_just_now_is_awake(store: WatchStore, muniment: Command) -> None:
    passed(store, 6 * MINUTE)
    ended = muniment("watch", "probe")
    assert ended.code == 0
    assert ended.out.startswith("awake: the last passes ended: us-east-1 ")
    assert "nobody outside waits for the watch: watch.yaml names no `heartbeat`" in ended.out


def test_a_queue_without_a_pass_for_two_intervals_is_late(store: WatchStore, muniment: Command) -> None:
    never = muniment("watch", "probe")
    assert (never.code, never.out.splitlines()[0]) == (1, "LATE: queue us-east-1: no pass of the watch has ended yet")
    passed(store, 30 * MINUTE)
    passed(store, timedelta(0), queue="another-registrys")
    told = json.loads(muniment("watch", "probe", "--json").out)
    [late] = told["late"]
    assert late["kind"] == "pass"
    assert late["what"].startswith("queue us-east-1: the last pass of the watch ended 30 min")
    assert (told["is_airflow_asked"], told["is_awaited_outside"]) == (False, False)


def test_a_pass_that_ended_in_the_future_is_no_sign_of_life(store: WatchStore, muniment: Command) -> None:
    passed(store, -60 * MINUTE)
    ended = muniment("watch", "probe")
    assert ended.code == 1
    assert "a clock is wrong" in ended.out


def test_a_notice_that_nobody_took_is_late(store: WatchStore, muniment: Command) -> None:
    passed(store, MINUTE)
    now = datetime.now(UTC)
    facts = {"subject": "acme: no recovery point", "why": "pager: 500", "tried_at": now.isoformat()}
    told = {
        "old": {**facts, "made_at": (now - 6 * MINUTE).isoformat()},
        "new": {**facts, "made_at": now.isoformat(), "subject": "just now"},
    }
    store.remember(*UNTOLD, told, now)
    ended = muniment("watch", "probe")
    assert ended.code == 1
    assert "LATE: nobody was told of: acme: no recovery point (pager: 500)" in ended.out
    assert "just now" not in ended.out


def test_a_store_that_is_away_is_late_and_not_an_error(
    store: WatchStore, muniment: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUNIMENT_WATCH_STORE", f"postgresql+psycopg://watch@127.0.0.1:{free_port()}/watch")
    told = json.loads(muniment("watch", "probe", "--json").out)
    assert [each["kind"] for each in told["late"]] == ["store"]


def test_an_airflow_that_does_not_answer_is_late(
    store: WatchStore, registry: Path, muniment: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed(store, MINUTE)
    file = registry / "watch.yaml"
    said = yaml.safe_load(file.read_text()) if file.exists() else {}
    file.write_text(yaml.safe_dump({**said, "airflow": "watch_airflow", "heartbeat": "watch_heartbeat"}))
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv(
        "AIRFLOW_CONN_WATCH_AIRFLOW",
        json.dumps({"conn_type": "http", "host": url, "login": "v", "password": "hunter2"}),
    )
    ended = muniment("watch", "probe")
    assert ended.code == 1
    assert f"LATE: Airflow's API could not be asked: {url}/api/v2/monitor/health: Connection refused" in ended.out
    assert "hunter2" not in ended.out + ended.err
    assert "nobody outside waits" not in ended.out


def test_a_registry_without_a_firm_is_late(store: WatchStore, registry: Path, muniment: Command) -> None:
    (registry / "firms" / "acme.yaml").write_text("id: [")
    ended = muniment("watch", "probe")
    assert ended.code == 1
    assert "LATE: the registry has no sound firm" in ended.out


def test_the_cron_line_says_nothing_while_all_is_well_and_what_is_late_else(store: WatchStore) -> None:
    """As cron does it: its variables, and the command by a shell."""
    lines = (HOST / "muniment-watch-probe.cron").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))
    [job] = [line for line in lines if re.match(r"[\d*]", line)]
    schedule, user, command = job.split(None, 6)[:5], job.split()[5], job.split(None, 6)[6]
    assert (schedule, user) == (["2-59/5", "*", "*", "*", "*"], "muniment")
    assert "%" not in command  # cron makes a line break of it
    assert {"MAILTO", "MUNIMENT", "MUNIMENT_REGISTRY"} == set(variables)

    def run() -> str:
        env = {**os.environ, "MUNIMENT": str(MUNIMENT)}
        done = subprocess.run(["/bin/sh", "-c", command], env=env, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    assert "LATE: queue us-east-1" in run()
    passed(store, MINUTE)
    assert run() == ""


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """With this machine's muniment and user, as whoever installs them writes them."""
    told = []
    for name in ("muniment-watch-probe.service", "muniment-watch-probe.timer"):
        text = (HOST / name).read_text().replace("/opt/muniment/bin/muniment", str(MUNIMENT))
        file = tmp_path / name
        file.write_text(text.replace("User=muniment", "User=root"))
        told.append(file)
    return told


def test_the_units_are_what_systemd_reads(units: list[Path]) -> None:
    service, timer = (configparser.ConfigParser(interpolation=None) for _ in units)
    for parser, unit in zip((service, timer), units, strict=True):
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read(unit)
    assert service["Service"]["Type"] == "oneshot"
    assert service["Service"]["ExecStart"].endswith("muniment watch probe")
    assert timer["Timer"]["OnCalendar"] == "*:2/5"
    assert timer["Install"]["WantedBy"] == "timers.target"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")
def test_systemd_finds_no_fault_in_the_units(units: list[Path]) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, units)], capture_output=True, text=True, check=False
    )
    own = [line for line in done.stderr.splitlines() if "muniment" in line]
    assert (done.returncode, own) == (0, []), done.stderr
    calendar = subprocess.run(["systemd-analyze", "calendar", "*:2/5"], capture_output=True, text=True, check=False)
    assert calendar.returncode == 0, calendar.stderr


def test_the_service_runs_what_it_names(store: WatchStore, units: list[Path]) -> None:
    [line] = [line for line in units[0].read_text().splitlines() if line.startswith("ExecStart=")]
    command = line.removeprefix("ExecStart=").split()
    passed(store, MINUTE)
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert Path(command[0]).parent == Path(sys.executable).parent
