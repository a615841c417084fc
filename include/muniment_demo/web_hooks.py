"""PagerDuty's and Slack's part in the demonstration: over HTTP, on this machine alone, whatever arrives is a file.

``python -m muniment_demo.web_hooks PORT``: files go into the working folder, numbered in the order of arrival.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from muniment.adapters.host.local_cluster import free_port
from muniment.errors import ProgramFailed

PAGERDUTY, SLACK = "/v2/enqueue", "/services"
_START_TIMEOUT_S = 120
_MOST_BYTES = 2**20
_one_at_a_time = threading.Lock()


def start_web_hooks(folder: Path, remember: Callable[[int], None]) -> str:
    """Returns its address. Raises ``ProgramFailed`` where it does not answer."""
    folder.mkdir(parents=True)
    port, log = free_port(), folder.with_suffix(".log")
    with log.open("ab") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "muniment_demo.web_hooks", str(port)],
            cwd=folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(Path(__file__).parents[1])},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    remember(server.pid)
    _wait_until_it_listens(server, port, log)
    return f"http://127.0.0.1:{port}"


def _wait_until_it_listens(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not _listens(port):
        if server.poll() is not None or time.monotonic() > deadline:
            raise ProgramFailed(program="web_hooks", status="no answer", stderr=log.read_text(errors="replace")[-2000:])
        time.sleep(0.1)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10):
            return True
    except OSError:
        return False


class _Keeper(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), _MOST_BYTES))
        kind = "pagerduty" if self.path == PAGERDUTY else "slack" if self.path.startswith(SLACK) else None
        if kind is None:
            self._answer(404, b"nobody is here")
            return
        _keep(kind, body)
        taken = json.dumps({"status": "success", "dedup_key": json.loads(body).get("dedup_key")}).encode()
        self._answer(202, taken) if kind == "pagerduty" else self._answer(200, b"ok")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if body.startswith(b"{") else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _keep(kind: str, body: bytes) -> None:
    """Whole from its first moment on."""
    with _one_at_a_time:
        number = sum(1 for _ in Path().glob("*.json")) + 1
        part = Path(f"{number:05d}-{kind}.part")
        part.write_bytes(json.dumps({"at": time.time(), "told": json.loads(body)}, indent=1).encode())
        part.rename(part.with_suffix(".json"))


def main() -> None:
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), _Keeper) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
