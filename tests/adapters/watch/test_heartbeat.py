"""Who waits outside hears of each pass; and a receiver that does not answer costs none."""

import json
import time
from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from muniment.adapters.host.local_cluster import free_port
from muniment.adapters.site.logins import find_login
from muniment.adapters.watch import heartbeat
from muniment.adapters.watch.heartbeat import Heartbeat
from muniment.domain.secret import Secret
from muniment.domain.watch.settings import WatchSettings
from muniment.errors import StoreUnavailable

KEY = "0f3c2a6e-secret"
SETTINGS = WatchSettings(heartbeat="watch_heartbeat")


def named(monkeypatch: pytest.MonkeyPatch, **fields: object) -> Heartbeat:
    monkeypatch.setenv("AIRFLOW_CONN_WATCH_HEARTBEAT", json.dumps({"conn_type": "http", **fields}))
    return Heartbeat.of(SETTINGS, find_login)


def calls(server: HTTPServer) -> list[tuple[str, bytes]]:
    return [(request.path, request.get_data()) for request, _ in server.log]


def test_a_pass_is_told_at_its_start_and_at_its_end(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    httpserver.expect_request(f"/ping/{KEY}/start", method="POST").respond_with_data("OK")
    httpserver.expect_request(f"/ping/{KEY}", method="POST").respond_with_data("OK")
    with named(monkeypatch, host=httpserver.url_for("/ping/"), password=KEY).around() as beat:
        beat.told = "3 firms, all fresh"
    assert calls(httpserver) == [(f"/ping/{KEY}/start", b""), (f"/ping/{KEY}", b"3 firms, all fresh")]
    assert beat.failures == []


def test_a_pass_that_fails_is_told_with_what_happened_and_raises_it(httpserver: HTTPServer) -> None:
    httpserver.expect_request(f"/{KEY}/start").respond_with_data("OK")
    httpserver.expect_request(f"/{KEY}/fail").respond_with_data("OK")
    error = StoreUnavailable(service="S3", operation="ListObjectsV2", place="a bucket", reason="timed out")
    with pytest.raises(StoreUnavailable), Heartbeat(Secret(httpserver.url_for(f"/{KEY}"))).around():
        raise error
    assert calls(httpserver)[-1] == (f"/{KEY}/fail", error.what.encode())


@pytest.mark.parametrize("status", [404, 500])
def test_a_receiver_that_refuses_costs_no_pass_and_its_key_is_not_told(
    httpserver: HTTPServer, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    httpserver.expect_request(f"/{KEY}/start").respond_with_data(KEY, status)
    httpserver.expect_request(f"/{KEY}").respond_with_data(KEY, status)
    with Heartbeat(Secret(httpserver.url_for(f"/{KEY}"))).around() as beat:
        pass
    assert beat.failures == [f"it answered {status}"] * 2
    own = [record.getMessage() for record in caplog.records if record.name.startswith("muniment")]
    assert own[0] == f"the heartbeat's receiver did not take /start: it answered {status}"
    assert KEY not in "".join(own) + repr(beat)


def test_a_receiver_that_is_not_there_costs_no_pass() -> None:
    with Heartbeat(Secret(f"http://127.0.0.1:{free_port()}/{KEY}")).around() as beat:
        pass
    assert beat.failures == ["Connection refused"] * 2


def test_a_receiver_that_never_ends_is_left_behind(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "CALL_S", 0.1)

    def trickle() -> Iterator[bytes]:
        time.sleep(2)
        yield b"late"

    def hang(_: Request) -> Response:
        time.sleep(2)
        return Response(trickle())

    httpserver.expect_request(f"/{KEY}/start").respond_with_handler(hang)
    beat = Heartbeat(Secret(httpserver.url_for(f"/{KEY}")))
    beat.call("/start", "")
    assert beat.failures == ["no answer in time"]


def test_an_address_that_is_none_of_the_web_is_not_opened() -> None:
    beat = Heartbeat(Secret("file:///etc/passwd"))
    beat.call("", "")
    assert beat.failures == ["ValueError"]


def test_nobody_outside_may_wait(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    with Heartbeat.of(WatchSettings(), find_login).around() as beat:
        pass
    assert beat.failures == []
    monkeypatch.setenv("MUNIMENT_SETTINGS", f"{tmp_path}/none.yaml")
    monkeypatch.delenv("AIRFLOW_CONN_WATCH_HEARTBEAT", raising=False)
    [missing] = Heartbeat.of(SETTINGS, find_login).failures
    assert "connection watch_heartbeat: neither AIRFLOW_CONN_WATCH_HEARTBEAT nor" in missing
