"""What is not there to be taken pictures of, or with, is named. The pictures themselves: plugins/recovery_page."""

import subprocess
import sys
from pathlib import Path

import pytest

from muniment_demo.errors import CannotTakePictures
from muniment_demo.pictures import take_pictures
from muniment_demo.world import PROJECT, World


def test_nothing_is_up(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "muniment_demo.pictures", "--in", str(tmp_path / "up")],
        cwd=PROJECT / "include",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == CannotTakePictures.exit_code
    assert done.stderr == (
        f"error: no picture was taken: nothing is up in {tmp_path / 'up'}\n"
        "KEPT: the pictures that are there\n"
        "HINT: make up\n"
    )


def test_there_is_no_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path / "up")
    world.create()
    world.describe({"airflow_url": "http://127.0.0.1:1", "firms": [{"id": "acme"}], "passwords": {"admin": "x"}})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotTakePictures, match="there is no chromium"):
        take_pictures(world, tmp_path)
