"""A region that goes away in front of the cloud: whose requests are cut off, and whose are not."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from muniment_demo.region_gate import bring_back, start_region_gate, take_away
from muniment_demo.sessions import end_sessions

# The gate is ended by its session, not by who started it.
pytestmark = pytest.mark.filterwarnings("ignore:subprocess:ResourceWarning")
LINK = "/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20261128%2F{region}%2Fs3%2Faws4_request"


class _Cloud(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[str]:
    server, sessions = ThreadingHTTPServer(("127.0.0.1", 0), _Cloud), []
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield start_region_gate(tmp_path / "regions", f"http://127.0.0.1:{server.server_port}", sessions.append)
    end_sessions(sessions, tmp_path)
    server.shutdown()
    server.server_close()


def call(gate: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(gate).netloc, timeout=30)


def put(connection: http.client.HTTPConnection, region: str, body: bytes = b"a") -> bytes:
    signed = f"AWS4-HMAC-SHA256 Credential=AKIA/20261128/{region}/s3/aws4_request, SignedHeaders=host, Signature=0"
    connection.request("PUT", "/b/k", body, {"Authorization": signed})
    return connection.getresponse().read()


def test_what_goes_through_arrives_as_it_was(gate: str) -> None:
    body = bytes(range(256)) * 20_000
    connection = call(gate)
    assert put(connection, "us-east-1", body) == body
    assert put(connection, "us-east-1", b"on the same connection") == b"on the same connection"


def test_one_region_is_away_and_the_other_is_not(gate: str, tmp_path: Path) -> None:
    open_before = call(gate)
    assert put(open_before, "us-east-1") == b"a"
    take_away(tmp_path / "regions", "us-east-1")
    with pytest.raises(ConnectionError):
        put(call(gate), "us-east-1")
    assert put(call(gate), "us-west-2") == b"a"
    assert open_before.sock is not None
    assert_cut_off(open_before)
    bring_back(tmp_path / "regions", "us-east-1")
    assert put(call(gate), "us-east-1") == b"a"


def assert_cut_off(connection: http.client.HTTPConnection) -> None:
    """Within the moment that the gate takes to look."""
    with suppress(ConnectionResetError):
        assert connection.sock.recv(1) == b""


def test_the_link_of_a_region_that_is_away_leads_nowhere(gate: str, tmp_path: Path) -> None:
    take_away(tmp_path / "regions", "us-east-1")
    for region, is_away in (("us-east-1", True), ("us-west-2", False)):
        connection = call(gate)
        connection.request("PUT", LINK.format(region=region), b"a")
        if is_away:
            with pytest.raises(ConnectionError):
                connection.getresponse()
        else:
            assert connection.getresponse().read() == b"a"
