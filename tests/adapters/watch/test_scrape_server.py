"""A real server, asked by HTTP clients and scraped by a real Prometheus."""

import gzip
import http.client
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from muniment.adapters.watch.openmetrics import exposition
from muniment.adapters.watch.scrape_server import ScrapeServer, scrape_server
from muniment.errors import WatchStoreUnavailable
from tests.support.fleets import airflow_seen, ended_pass, seen_nothing, seen_whole

TEXT = b'# HELP muniment_x X.\n# TYPE muniment_x gauge\nmuniment_x{firm="acme"} 1.0\n# EOF\n'
PROMETHEUS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


@contextmanager
def serving(
    metrics: bytes = TEXT, late: tuple[str, ...] = (), *, is_store_away: bool = False
) -> Iterator[ScrapeServer]:
    def read() -> bytes:
        if is_store_away:
            raise WatchStoreUnavailable(place="/srv/watch.sqlite", reason="disk I/O error")
        return metrics

    with scrape_server("127.0.0.1", 0, metrics=read, late=lambda: late) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def asked(server: ScrapeServer, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    with closing(http.client.HTTPConnection(*server.server_address[:2], timeout=60)) as connection:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


def test_a_scraper_gets_the_format_that_it_asks_for() -> None:
    with serving() as server:
        status, headers, body = asked(server, "/metrics", Accept=PROMETHEUS)
        assert (status, headers["Content-Type"], body) == (
            200,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            TEXT,
        )
        _, headers, body = asked(server, "/metrics")
        assert (headers["Content-Type"], body) == ("text/plain; version=0.0.4; charset=utf-8", TEXT)


def test_gzip_for_who_asks_for_it() -> None:
    with serving() as server:
        _, headers, body = asked(server, "/metrics", Accept_Encoding="gzip")
        assert headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(body) == TEXT
        assert "Content-Encoding" not in asked(server, "/metrics")[1]


def test_a_connection_is_kept_and_head_has_no_body() -> None:
    with serving() as server, closing(http.client.HTTPConnection(*server.server_address[:2], timeout=60)) as connection:
        for method, expected in (("HEAD", b""), ("GET", TEXT)):
            connection.request(method, "/metrics")
            answer = connection.getresponse()
            assert (answer.getheader("Content-Length"), answer.read()) == (str(len(TEXT)), expected)


def test_health_names_what_is_late() -> None:
    with serving() as server:
        assert asked(server, "/healthz")[::2] == (200, b"nothing is late\n")
    with serving(late=("queue us-east-1: its last pass is an hour old",)) as server:
        assert asked(server, "/healthz")[::2] == (503, b"queue us-east-1: its last pass is an hour old\n")


def test_health_is_not_asked_for_each_one_who_asks() -> None:
    answers = iter([("late",)])
    with scrape_server("127.0.0.1", 0, metrics=lambda: TEXT, late=lambda: next(answers)) as server:
        assert server.late() == server.late() == ("late",)


def test_a_store_that_is_away_is_no_empty_answer() -> None:
    with serving(is_store_away=True) as server:
        status, _, body = asked(server, "/metrics")
    said = b"the watch's store /srv/watch.sqlite does not do what it was asked for: disk I/O error\n"
    assert (status, body) == (503, said)


def test_nothing_else_is_served() -> None:
    with serving() as server:
        assert asked(server, "/")[0] == asked(server, "/metrics/../etc/passwd")[0] == 404
        assert asked(server, "/metrics", "POST")[0] == 501


def test_who_asks_and_goes_away_is_no_fault(capfd: pytest.CaptureFixture[str]) -> None:
    with serving(TEXT * 100_000) as server:
        with socket.create_connection(server.server_address[:2]) as client:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            client.recv(10)
        assert asked(server, "/healthz")[0] == 200
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus: Debian's package of that name")
def test_a_real_prometheus_takes_it(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    firms = [seen_whole(now=now), seen_nothing("quill-brandt", now)]
    text = exposition(firms, [ended_pass(now)], [], airflow_seen(now), [], now)
    with serving(text) as server, prometheus(tmp_path, server) as url:
        assert scraped(url, 'muniment_rpo_seconds{region="us-east-1"}') == {"harbor-lane": 40.0}
        unknown = "muniment_rpo_promise_seconds unless on (firm) muniment_rpo_seconds"
        assert scraped(url, unknown) == {"quill-brandt": 3600.0}
        assert scraped(url, "muniment_wal_hole_count") == {"harbor-lane": 1.0}


@contextmanager
def prometheus(folder: Path, server: ScrapeServer) -> Iterator[str]:
    host, port = server.server_address[:2]
    config = folder / "prometheus.yml"
    job = {"job_name": "muniment", "scrape_interval": "1s", "static_configs": [{"targets": [f"{host!s}:{port}"]}]}
    config.write_text(json.dumps({"scrape_configs": [job]}))  # JSON is YAML
    with socket.create_server(("127.0.0.1", 0)) as free:
        own = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'series'}",
            f"--web.listen-address={own}",
        ],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield f"http://{own}"
    finally:
        process.terminate()
        process.wait()


def scraped(url: str, query: str) -> dict[str, float]:
    """By firm, as soon as there is something."""
    for _ in range(600):
        try:
            with urlopen(f"{url}/api/v1/query?query={quote(query)}", timeout=60) as answer:
                found = json.load(answer)["data"]["result"]
        except OSError:
            found = []
        if found:
            return {each["metric"]["firm"]: float(each["value"][1]) for each in found}
        time.sleep(0.1)
    return {}
