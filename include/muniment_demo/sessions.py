"""Ending process groups that we started, all of a group's processes, and nobody else's."""

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

from muniment.adapters.host import processes

_PATIENCE_S = 20


def end_sessions(leaders: Iterable[int], folder: Path, patience_s: float = _PATIENCE_S) -> None:
    """SIGTERM to every process of the sessions that still works in `folder`, SIGKILL after `patience_s`.

    A session's id outlives its leader, but a number read from a file may be another's by now: the folder tells.
    """
    wanted = set(leaders)
    for signal_number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, patience_s)):
        processes.send(members(wanted, folder), signal_number)
        deadline = time.monotonic() + wait_s
        while members(wanted, folder):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        else:
            return


def members(sessions: set[int], folder: Path) -> list[int]:
    """The living processes of these sessions that work in `folder` or below."""
    below = (pid for pid, cwd in processes.working_folders() if cwd.is_relative_to(folder))
    return [pid for pid in below if _session_of(pid) in sessions]


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
