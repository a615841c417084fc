"""Tables on a terminal that is too narrow for them."""

import fcntl
import os
import pty
import struct
import subprocess
import termios

from tests.cli.conftest import MUNIMENT
from tests.registry.conftest import Files, firm_values


def test_no_id_is_cut_on_a_narrow_terminal(files: Files) -> None:
    long = "a" * 38
    files.write(f"firms/{long}.yaml", {**firm_values(), "id": long})
    (files.root / "firms" / "acme.yaml").unlink()
    shown = on_a_terminal(80, "--registry", str(files.root), "firms", "list")
    assert shown.splitlines() == [
        long,
        "  name Acme & Sons · tier professional · retention 60 days ·",
        "  point in time 7 days · night 02:00–04:00 · time zone America/Chicago",
    ]
    assert max(map(len, on_a_terminal(200, "--registry", str(files.root), "firms", "list").splitlines())) > 80


def on_a_terminal(columns: int, *arguments: str) -> str:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    env = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}} | {"TERM": "xterm"}
    done = subprocess.Popen([MUNIMENT, *arguments], stdout=theirs, stdin=theirs, env=env)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:
        pass  # Linux's word for the other side being closed
    assert done.wait(60) == 0
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")
