"""What a fenced-in program may change, tried on files that the same program changes without the fence."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from muniment.adapters.host.programs import as_unprivileged, run_program
from muniment.adapters.staging import isolation_launcher
from muniment.errors import ProgramFailed
from tests.support.kernels import launcher_of_an_older_kernel
from tests.support.living import digests, folder_of_the_firm

LAUNCHER = (sys.executable, "-I", isolation_launcher.__file__)
CHANGES = {
    "write": "echo spoilt > {live}/deed",
    "append": "echo spoilt >> {live}/deed",
    "truncate a path": "{python} -c 'import os; os.truncate(\"{live}/deed\", 0)'",
    "remove": "rm -f {live}/deed",
    "rename": "mv {live}/deed {live}/dead",
    "take away": "mv {live}/deed {own}/deed",
    "put over": "echo spoilt > {own}/deed; mv -f {own}/deed {live}/deed",
    "write through a link": "ln -s {live}/deed {own}/way; echo spoilt > {own}/way",
    "write through a name of its own": "ln {live}/deed {own}/way && echo spoilt > {own}/way",
    "make a file": "echo > {live}/another",
    "make a folder": "mkdir {live}/folder",
    "make a link": "ln -s /etc {live}/link",
    "make a pipe": "mkfifo {live}/pipe",
    "remove a folder": "rmdir {live}/empty",
    "mode": "chmod 0640 {live}/deed",
    "mode of a folder": "chmod 0750 {live}",
}
ATTRIBUTES = {
    "time": "touch -d 2001-01-01 {live}/deed",
    "attribute": '{python} -c \'import os; os.setxattr("{live}/deed", "user.note", b"spoilt")\'',
}


@pytest.fixture
def live(tmp_path: Path) -> Path:
    live = folder_of_the_firm(tmp_path / "live")
    folder_of_the_firm(live / "empty")
    deed = live / "deed"
    deed.write_text("precious")
    for path in (live, deed):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    return live


def fenced(folder: Path, *program: str, launcher: tuple[str, ...] = LAUNCHER) -> list[str]:
    return [*launcher, "--write-below", str(folder), *program]


def state(live: Path) -> object:
    deed = live / "deed"
    attributes = {name: os.getxattr(deed, name) for name in os.listxattr(deed)} if deed.exists() else {}
    return digests(live), deed.stat().st_mtime_ns if deed.exists() else None, attributes


@pytest.mark.parametrize("change", [*CHANGES, *ATTRIBUTES])
def test_nothing_outside_of_its_folder_is_changed(change: str, live: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    script = {**CHANGES, **ATTRIBUTES}[change].format(live=live, own=own, python=sys.executable)
    before = state(live)
    subprocess.run(fenced(own, "sh", "-c", script), check=False, timeout=360, stderr=subprocess.DEVNULL)
    assert state(live) == before
    for left in own.iterdir():
        left.unlink()
    subprocess.run(["sh", "-c", script], check=True, timeout=360)
    assert state(live) != before, "without the fence it is changed"


def test_an_owner_is_not_changed(live: Path, tmp_path: Path) -> None:
    """Root alone may, and only where it is root."""
    own = tmp_path / "own"
    own.mkdir()
    there = (live / "deed").stat()
    done = subprocess.run(
        fenced(own, "chown", f"{there.st_uid + 1}", str(live / "deed")),
        check=False, timeout=360, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    assert "Operation not permitted" in done.stderr
    assert (live / "deed").stat().st_uid == there.st_uid


def test_in_its_folder_it_does_what_it_likes_and_reads_everything(live: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    script = (
        f"cat {live}/deed > own; mkdir a b; mv own a/; mv a/own b/; ln b/own again; ln -s b/own link; rm -r a;"
        " mkfifo pipe; echo more >> link; echo > /dev/null; truncate -s 11 again; cat again; mktemp"
    )
    said = run_program(as_unprivileged(fenced(own, "sh", "-ec", f"cd {own}; {script}")), timeout_s=360).stdout
    assert said.startswith(f"preciousmor{own}/tmp.")


def test_it_ends_nobody_outside(tmp_path: Path) -> None:
    if isolation_launcher.landlock_version() < 6:
        pytest.skip("this kernel's Landlock does not know of signals")
    with subprocess.Popen(["sleep", "600"]) as living:
        done = subprocess.run(
            fenced(tmp_path, "sh", "-c", f"sleep 600 & kill $! && kill -KILL {living.pid}"),
            check=False, timeout=360, capture_output=True,
        )  # fmt: skip
        assert done.returncode != 0
        time.sleep(0.2)
        assert living.poll() is None
        living.send_signal(signal.SIGKILL)


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (0, "the kernel's Landlock must have version 3, and has none that is switched on"),
        (2, "the kernel's Landlock must have version 3, and has version 2"),
    ],
)
def test_where_the_kernel_lacks_it_nothing_is_started(version: int, reason: str, tmp_path: Path) -> None:
    launcher = (sys.executable, "-I", str(launcher_of_an_older_kernel(tmp_path, version)))
    with pytest.raises(ProgramFailed, match=reason):
        run_program(fenced(tmp_path, "touch", str(tmp_path / "started"), launcher=launcher), timeout_s=360)
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("version", [3, 4, 5, 6])
def test_an_older_kernels_fence_holds_as_well(version: int, live: Path, tmp_path: Path) -> None:
    """Each version knows fewer rights, and refuses to hear of others."""
    launcher = (sys.executable, "-I", str(launcher_of_an_older_kernel(tmp_path, version)))
    before = state(live)
    with pytest.raises(ProgramFailed, match="Permission denied"):
        run_program(fenced(tmp_path / "live" / "empty", "rm", str(live / "deed"), launcher=launcher), timeout_s=360)
    assert state(live) == before


@pytest.mark.parametrize("arguments", [[], ["--no-calls"], ["touch"], ["--write-below", "/tmp"]])
def test_a_program_without_a_fence_and_a_fence_without_a_program_are_refused(arguments: list[str]) -> None:
    with pytest.raises(ProgramFailed, match="name a fence, and a program to start behind it"):
        run_program([*LAUNCHER, *arguments], timeout_s=360)
