"""Ending process groups that we started, all of a group's processes, and nobody else's."""

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

_PATIENCE_S = 20


def end_sessions(leaders: Iterable[int], folder: Path, patience_s: float = _PATIENCE_S) -> None:
    """SIGTERM to every process of the sessions that still works in `folder`, SIGKILL after `patience_s`.

    A session's id outlives its leader, but a number read from a file may be another's by now: the folder tells.
    """
    wanted = set(leaders)
    for signal_number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, patience_s)):
        _signal(members(wanted, folder), signal_number)
        deadline = time.monotonic() + wait_s
        while members(wanted, folder):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        else:
            return


def members(sessions: set[int], folder: Path) -> list[int]:
    """The living processes of these sessions that work in `folder` or below."""
    pids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return [pid for pid in pids if _session_of(pid) in sessions and _works_below(pid, folder)]


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _works_below(pid: int, folder: Path) -> bool:
    """A zombie works nowhere."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink().is_relative_to(folder)
    except OSError:
        return False


def _signal(pids: Iterable[int], signal_number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal_number)
        except ProcessLookupError:
            continue  # it ended by itself, which is what we wanted
