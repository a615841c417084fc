"""`make demo`, `make up` and `make down`, as a person runs them, each in a folder of its own."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from muniment.domain.secret import Secret
from muniment.errors import DiskFull
from muniment_demo.__main__ import require_space
from muniment_demo.airflow_api import AirflowApi
from muniment_demo.world import PROJECT, World

# A machine that does other things besides; alone, with two cores, it takes less than three minutes.
MOST_S = 2700


def works_below(folder: Path) -> list[int]:
    """Everybody who works there, by whatever name."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "cwd").readlink().is_relative_to(folder):
                found.append(int(path.name))
        except OSError:
            continue  # it has ended
    return found


@pytest.fixture
def folder(run_dir: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    folder = run_dir / request.node.name
    yield folder
    World(folder).stop()


def argv(what: str, folder: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "muniment_demo", what, "--in", str(folder), *more]


def run(what: str, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv(what, folder, *more), cwd=PROJECT, capture_output=True, text=True, timeout=MOST_S, check=False
    )


@pytest.mark.timeout(MOST_S + 60)
def test_the_demonstration_ends_with_a_restore_that_matches_and_leaves_nothing(folder: Path) -> None:
    done = run("demo", folder)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    firms = ("harbor-lane", "okafor-steele", "quill-brandt")
    points = done.stdout.split("Recovery points", 1)[1]
    for firm in firms:
        assert len(re.findall(rf"{firm}: expire success", done.stdout)) == 1
        assert firm in points
    assert "us-west-2" in points
    compared = points.split("and restored", 1)[1]
    assert "practice.ledger_entries, rows" in compared
    assert compared.count("✓") >= 12
    assert "✗" not in done.stdout
    assert works_below(folder) == []
    assert not folder.exists()


def shell(folder: Path, command: str) -> str:
    """What a person gets who follows what `make up` says."""
    commands = f". {folder}/env && {command}"
    done = subprocess.run(["sh", "-c", commands], cwd=PROJECT, capture_output=True, text=True, timeout=720, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.timeout(MOST_S + 60)
def test_up_stays_up_and_down_leaves_nothing(folder: Path) -> None:
    up = run("up", folder, "--firms", "1")
    assert up.returncode == 0, up.stdout[-3000:] + up.stderr[-3000:]
    (url,) = re.findall(r"Airflow is at (http://127\.0\.0\.1:\d+)", up.stdout)
    (password,) = re.findall(r"admin +(\S+)", up.stdout)
    login = {"username": "admin", "password": password}
    assert httpx.post(f"{url}/auth/token", json=login, trust_env=False, timeout=120).status_code == 201

    again = run("up", folder, "--firms", "1")
    assert again.returncode == 0, again.stderr[-3000:]
    assert url in again.stdout
    assert f"{url}/plugin/recovery" in again.stdout

    caused = run("cause", folder, "dag-paused")
    assert (caused.returncode, caused.stdout) == (0, "harbor-lane__backup is paused\n"), caused.stderr
    ends_well(url, password, "fleet__watch")

    assert "full" in shell(folder, "muniment points harbor-lane")
    staged = shell(folder, "muniment restore harbor-lane --stage --ttl 10m")
    assert re.search(r"; \d+ checks passed(, \d+ not judged)?\n", staged), staged
    assert "muniment_staging" in shell(folder, "muniment staging list")

    # The day's documents have names in many scripts, and no row knows all of them: tonight's point does.
    shell(folder, "muniment backup harbor-lane")
    assert " passed: " in shell(folder, "muniment drill harbor-lane")
    ends_well(url, password, "harbor-lane__restore_test")
    drills = json.loads(shell(folder, "muniment drills harbor-lane --json"))
    failed = [each["name"] for one in drills["drills"] for each in one["checks"] if each["passed"] is False]
    assert ([one["failure"] for one in drills["drills"]], failed) == ([None, None, None], [])
    assert drills["unfinished"] == []
    assert "could not be made" not in shell(folder, "muniment drills harbor-lane")

    ends_well(url, password, "fleet__watch")  # minutes after the first one: two of them open an incident
    assert "[muniment] harbor-lane: harbor-lane__backup is paused" in run("told", folder).stdout
    mended = run("mend", folder, "dag-paused")
    assert (mended.returncode, mended.stdout) == (0, "harbor-lane__backup is not paused\n"), mended.stderr

    down = run("down", folder)
    assert down.returncode == 0, down.stderr[-3000:]
    assert works_below(folder) == []
    assert not folder.exists()


def ends_well(url: str, password: str, name: str) -> None:
    """A run of this DAG, at its first try."""
    api = AirflowApi(url, "admin", Secret(password))
    api.sign_in()
    run = api.trigger(name)
    deadline = time.monotonic() + 1800
    while (state := api.run_state(name, run)) not in ("success", "failed"):
        assert time.monotonic() < deadline
        time.sleep(1)
    (task,) = api.tasks({name: run})
    assert (state, task.try_number) == ("success", 1), api.log(name, run, task.task_id, task.try_number)[-4000:]


@pytest.mark.timeout(2400)
def test_ended_half_way_it_stops_what_it_had_started(folder: Path) -> None:
    demo = subprocess.Popen(argv("demo", folder, "--firms", "1"), cwd=PROJECT, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 720
    while not (folder / "cloud" / "cloud.json").exists() or len(works_below(folder)) < 3:
        assert demo.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.5)
    demo.send_signal(signal.SIGTERM)
    _, said = demo.communicate(timeout=720)
    assert demo.returncode == 130
    assert said == "stopped: nothing runs any more\n"
    assert works_below(folder) == []


@pytest.mark.timeout(2400)
def test_what_was_killed_is_cleared_away_by_down(folder: Path) -> None:
    demo = subprocess.Popen(argv("up", folder, "--firms", "1"), cwd=PROJECT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 720
    while len(works_below(folder)) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    demo.kill()
    demo.wait()
    assert run("down", folder).returncode == 0
    assert works_below(folder) == []
    assert not folder.exists()


def test_nothing_is_up_and_down_says_so(folder: Path) -> None:
    done = run("down", folder)
    assert (done.returncode, done.stdout) == (0, "nothing is up\n")


def test_a_disk_without_room_is_said_before_anything_starts(folder: Path) -> None:
    require_space(World(folder), 1)
    with pytest.raises(DiskFull) as refused:
        require_space(World(folder), 2**60)
    assert str(refused.value).startswith(f"no space left in {folder.parent}: {2**60} bytes needed, ")
    assert not folder.exists()


@pytest.mark.parametrize("firms", ["0", "51", "three", "-1"])
def test_a_number_of_firms_that_is_none_is_refused(folder: Path, firms: str) -> None:
    done = run("demo", folder, f"--firms={firms}")
    assert done.returncode == 2
    assert f"'{firms}' is not a number from 1 to 50" in done.stderr
