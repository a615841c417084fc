"""The mail server of everybody whom the demonstration's firms name: whatever is sent to anybody lies in one Maildir."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from muniment.adapters.host.local_cluster import free_port
from muniment.adapters.site.logins import Login
from muniment.errors import ProgramFailed

CONNECTION = "muniment_mail"
_START_TIMEOUT_S = 120


def start_mail_server(folder: Path, remember: Callable[[int], None]) -> Login:
    """On 127.0.0.1 alone; returns Airflow's connection to it. Raises ``ProgramFailed`` where it does not answer.

    aiosmtpd makes the Maildir itself: letters are files of ``<folder>/letters/new``.
    """
    folder.mkdir(parents=True)
    port = free_port()
    letters = ("--class", "aiosmtpd.handlers.Mailbox", str(folder / "letters"))
    with (folder / "aiosmtpd.log").open("ab") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "aiosmtpd", "--nosetuid", "--listen", f"127.0.0.1:{port}", *letters],
            cwd=folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    remember(server.pid)
    _wait_until_it_answers(server, port, folder / "aiosmtpd.log")
    return Login(CONNECTION, host="127.0.0.1", port=port, extra={"disable_ssl": True, "disable_tls": True})


def _wait_until_it_answers(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not _answers(port):
        if server.poll() is not None or time.monotonic() > deadline:
            raise ProgramFailed(program="aiosmtpd", status="no answer", stderr=log.read_text(errors="replace")[-2000:])
        time.sleep(0.1)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as asked:
            return asked.recv(4).startswith(b"220")
    except OSError:
        return False
