"""Processes that we start now and must find, and end, later: by pid, and never somebody else's.

Not by psutil: of one that ``hidepid`` hides it says that there is no such process, where "nobody can tell" is what
keeps a second server from a data directory; and it compares folders by name, which in a container is another one. The
kernel's link leads to the folder itself.
"""

import os
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path


def runs_in(pid: int, folder: Path) -> bool:
    """Whether `pid` is alive and works in `folder`.

    A pid read from a file may belong to another program by now; its working folder tells. A zombie has none. Where the
    kernel does not let us look (another user's process, seen without CAP_SYS_PTRACE, as in Docker, or a /proc with
    ``hidepid``), it counts as running unless something speaks against it: two servers on one data directory destroy it.
    """
    found = _works_in(pid, folder)
    return _is_not_elsewhere(pid, folder) if found is None else found


def working_in(folder: Path) -> list[int]:
    """Every process of this machine that works in `folder`, and every server that was started for it."""
    return [pid for pid in _pids() if _works_in(pid, folder) or _was_started_for(pid, folder)]


def working_folders() -> Iterator[tuple[int, Path]]:
    """Every process that we may look at, and the name of the folder that it works in. A zombie works nowhere."""
    for pid in _pids():
        try:
            yield pid, Path(f"/proc/{pid}/cwd").readlink()
        except OSError:
            continue


def _pids() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def _works_in(pid: int, folder: Path) -> bool | None:
    """``None`` where we may not look."""
    try:
        return Path(f"/proc/{pid}/cwd").samefile(folder)
    except (FileNotFoundError, ProcessLookupError, NotADirectoryError):
        return None if folder.exists() and _is_hidden(pid) else False
    except PermissionError:
        return None


def _is_not_elsewhere(pid: int, folder: Path) -> bool:
    """By what everybody may read: the owner, who is the data directory's with every server, and the command line."""
    if _is_hidden(pid):
        return True
    if _owner(pid) != folder.stat().st_uid:
        return False
    argv = _command_line(pid)
    named = _data_directory(argv)
    if named is not None:
        return os.path.realpath(named) == os.path.realpath(folder)
    return not argv[0].startswith("postgres: ")  # a server's child, which writes no postmaster.pid


def _is_hidden(pid: int) -> bool:
    """Whether it is alive and /proc does not have it."""
    if Path(f"/proc/{pid}").exists():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _was_started_for(pid: int, folder: Path) -> bool:
    named = _data_directory(_command_line(pid))
    if named is None or os.path.realpath(named) != os.path.realpath(folder):
        return False
    return _works_in(pid, folder) is None and _owner(pid) == folder.stat().st_uid


def _data_directory(argv: Sequence[str]) -> str | None:
    """Of a PostgreSQL server that was given one, from the root on."""
    if Path(argv[0]).name not in ("postgres", "postmaster"):
        return None
    named = [value for flag, value in pairwise(argv) if flag == "-D"] or [each[2:] for each in argv if each[:2] == "-D"]
    return named[-1] if named and named[-1].startswith("/") else None


def _command_line(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return [""]


def _owner(pid: int) -> int | None:
    """Its effective user; ``/proc/<pid>`` itself may belong to root for other reasons."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((int(line.split()[2]) for line in lines if line.startswith("Uid:")), None)


def own_identity() -> str:
    """Names this process among all that ever ran anywhere: ``still_runs`` reads it."""
    return f"{_world()} {os.getpid()} {_started(os.getpid())}"


def still_runs(identity: str) -> bool | None:
    """Whether that process is alive; ``None`` where only another machine, or another container, can tell."""
    world, pid, started = identity.rsplit(" ", 2)
    if world != _world():
        return None
    return _started(int(pid)) == started


def _world() -> str:
    """One start of one machine, and whose pids these are there."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"


def _started(pid: int) -> str:
    """proc_pid_stat(5), field 22: ticks from the machine's start until the process's; empty where there is none."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return ""
    return "" if state == "Z" else rest[18]


def name_of(pid: int) -> str:
    """Of its program, 15 letters at most; empty where it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def descendants(pid: int) -> list[int]:
    children = [int(child) for child in _children_text(pid).split()]
    return children + [below for child in children for below in descendants(child)]


def _children_text(pid: int) -> str:
    try:
        return " ".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    except OSError:
        return ""


def send(pids: Iterable[int], signal_number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal_number)
        except ProcessLookupError:
            continue  # it ended by itself, which is what we wanted


def has_gone(pid: int, folder: Path, timeout_s: float) -> bool:
    """Wait until `pid` no longer works in `folder`; False when it still does after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while runs_in(pid, folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
