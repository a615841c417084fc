"""The warm process is ``muniment`` to whoever asks it: his folder, environment and output, and his end."""

import os
import subprocess
from pathlib import Path

from muniment.adapters.host import processes
from tests.fixtures.clusters import ROOT
from tests.support.wal import MUNIMENT, eventually
from tests.support.warm import client_argv


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    argv = [*client_argv(MUNIMENT), "wal", "push", *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=300)


def test_it_answers_as_muniment_does(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "usage: muniment wal push [--firm FIRM] PATH\n"


def test_it_works_where_it_was_asked_and_with_what_it_was_told(tmp_path: Path) -> None:
    registry = _registry(tmp_path)
    (tmp_path / "segment").touch()
    said = run(tmp_path, "segment", MUNIMENT_FIRM="alder", MUNIMENT_REGISTRY=str(registry)).stderr
    assert said.startswith("muniment wal push segment: 1 fault in the configuration:")
    assert f"firms/alder.yaml: there is no such file in {registry}" in said


def test_it_ends_with_whoever_has_asked(tmp_path: Path) -> None:
    registry = _registry(tmp_path)
    (tmp_path / "segment").touch()
    os.mkfifo(registry / "firms" / "alder.yaml")  # whoever reads it waits
    env = {**os.environ, "MUNIMENT_FIRM": "alder", "MUNIMENT_REGISTRY": str(registry)}
    asking = subprocess.Popen([*client_argv(MUNIMENT), "wal", "push", "segment"], cwd=tmp_path, env=env)
    try:
        eventually(lambda: len(processes.working_in(tmp_path)) == 2)
    finally:
        asking.kill()
        asking.wait()
    eventually(lambda: not processes.working_in(tmp_path))


def test_behind_the_end_of_the_session_muniment_itself_answers(tmp_path: Path) -> None:
    argv = client_argv(MUNIMENT)
    argv[argv.index(str(MUNIMENT)) - 1] = str(tmp_path / "nobody")
    done = subprocess.run([*argv, "--version"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")


def _registry(folder: Path) -> Path:
    for name in ("firms", "policies"):
        (folder / "registry" / name).mkdir(parents=True)
    return folder / "registry"
