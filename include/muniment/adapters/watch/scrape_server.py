"""``/metrics`` and ``/healthz`` over HTTP/1.1, a thread for each that asks. A scrape renders nothing, it reads."""

import gzip
import sys
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, AF_INET6
from threading import Lock
from typing import Any, cast

from muniment.adapters.watch.openmetrics import OPENMETRICS, PROMETHEUS_TEXT
from muniment.errors import MunimentError

type Metrics = Callable[[], bytes]
type Late = Callable[[], Sequence[str]]

_PLAIN = "text/plain; charset=utf-8"
_GZIP_LEVEL = 4
_PATIENCE_S = 30.0
"""Whoever connects and says nothing is let go after that."""
_HEALTH_LASTS_S = 10.0


class ScrapeServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, metrics: Metrics, late: Late) -> None:
        self.address_family = AF_INET6 if ":" in host else AF_INET
        self.metrics, self._late = metrics, late
        self._asking, self._late_at, self._known = Lock(), -_HEALTH_LASTS_S, tuple[str, ...]()
        super().__init__((host, port), _Handler)

    def late(self) -> tuple[str, ...]:
        """Asked anew now and then, by one at a time: whoever wants to know it each second does not ask Airflow each
        second."""
        with self._asking:
            if time.monotonic() - self._late_at >= _HEALTH_LASTS_S:
                self._known, self._late_at = tuple(self._late()), time.monotonic()
            return self._known

    @property
    def url(self) -> str:
        host, port = str(self.server_address[0]), self.server_address[1]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked has gone: that is no fault of ours."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def scrape_server(host: str, port: int, *, metrics: Metrics, late: Late) -> ScrapeServer:
    """Listens already; ``serve_forever`` answers. ``late``: a line for each thing that is. Raises ``OSError``."""
    return ScrapeServer(host, port, metrics, late)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE_S

    def do_GET(self) -> None:  # http.server calls it so
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        server = cast(ScrapeServer, self.server)
        answers = {"/metrics": self._metrics, "/healthz": self._health}
        answer = answers.get(self.path.partition("?")[0])
        if answer is None:
            self._send(HTTPStatus.NOT_FOUND, b"/metrics, /healthz\n")
            return
        try:
            answer(server)
        except MunimentError as error:  # such as the store's, whose words name no secret
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, f"{error.what}\n".encode())

    def _metrics(self, server: ScrapeServer) -> None:
        wants_openmetrics = "application/openmetrics-text" in self.headers.get("Accept", "")
        self._send(HTTPStatus.OK, server.metrics(), OPENMETRICS if wants_openmetrics else PROMETHEUS_TEXT)

    def _health(self, server: ScrapeServer) -> None:
        late = server.late()
        if late:
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, "".join(f"{line}\n" for line in late).encode())
        else:
            self._send(HTTPStatus.OK, b"nothing is late\n")

    def _send(self, status: HTTPStatus, body: bytes, content_type: str = _PLAIN) -> None:
        is_zipped = "gzip" in self.headers.get("Accept-Encoding", "")
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        if is_zipped:
            body = gzip.compress(body, _GZIP_LEVEL)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Vary", "Accept, Accept-Encoding")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        return "muniment"

    def log_message(self, format: str, *args: object) -> None:
        """A scrape every few seconds is no news."""
