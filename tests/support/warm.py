"""``muniment`` forked from a process that has paid for its imports, for tests in which ``wal push`` is only plumbing.

A start costs 1.7 CPU-seconds and the suite archives hundreds of segments. Each test session has one such process. It
runs as the user that PostgreSQL runs as, and ends when nobody is at the other end of its input any more.
"""

import functools
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from muniment.adapters.host.programs import UNPRIVILEGED_GID, UNPRIVILEGED_UID, as_unprivileged

ROOT = Path(__file__).resolve().parents[2]
CLIENT = Path(__file__).with_name("warm_client.py")
_servers: list[subprocess.Popen[bytes]] = []


def client_argv(program: Path) -> list[str]:
    """What runs ``program`` warm, its arguments behind; where the session has ended, ``program`` itself."""
    return [sys.executable, "-I", "-S", str(CLIENT), _address(), str(program)]


@functools.cache
def _address() -> str:
    """Of this session's process. Not below the clone, whose path may be longer than a socket's may be."""
    folder = Path(tempfile.mkdtemp(prefix="muniment-warm-"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(folder / "socket"))
        listener.listen(64)
        if os.geteuid() == 0:
            os.chown(folder, UNPRIVILEGED_UID, UNPRIVILEGED_GID)
        # Whoever asks before it has imported everything waits in the backlog.
        server = subprocess.Popen(
            as_unprivileged([sys.executable, "-m", "tests.support.warm_server", str(listener.fileno()), str(folder)]),
            stdin=subprocess.PIPE,
            pass_fds=[listener.fileno()],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "include")))},
            start_new_session=True,
        )
    _servers.append(server)
    return str(folder / "socket")


def stop() -> None:
    """At the session's end; nothing to do where nobody has asked for it."""
    while _servers:
        _servers.pop().communicate()
