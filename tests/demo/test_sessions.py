"""Ending what we started, with everything that it started, and nobody else's."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from muniment_demo.sessions import end_sessions, members

IGNORES_SIGTERM = """import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(flush=True)
time.sleep(60)
"""
HAS_A_CHILD = "import subprocess, sys; subprocess.Popen(['sleep', '60']); print(flush=True); sys.stdin.read()"


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


def start(folder: Path, code: str, started: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    started.append(process)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_a_session_ends_with_what_it_started(tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    leader = start(tmp_path, HAS_A_CHILD, started)
    assert len(members({leader.pid}, tmp_path)) == 2
    end_sessions([leader.pid], tmp_path)
    assert members({leader.pid}, tmp_path) == []


def test_what_its_leader_left_behind_is_ended_too(tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    leader = start(tmp_path, HAS_A_CHILD, started)
    leader.kill()
    leader.wait()
    assert len(members({leader.pid}, tmp_path)) == 1
    end_sessions([leader.pid], tmp_path)
    assert members({leader.pid}, tmp_path) == []


def test_who_does_not_listen_is_killed(tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    leader = start(tmp_path, IGNORES_SIGTERM, started)
    began = time.monotonic()
    end_sessions([leader.pid], tmp_path, patience_s=0.5)
    assert members({leader.pid}, tmp_path) == []
    assert time.monotonic() - began > 0.4


def test_a_number_that_is_anothers_by_now_is_left_alone(tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    (tmp_path / "ours").mkdir()
    theirs = start(tmp_path, HAS_A_CHILD, started)
    end_sessions([theirs.pid], tmp_path / "ours", patience_s=0.2)
    assert theirs.poll() is None
