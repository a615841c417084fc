import logging
import re
from collections.abc import Callable

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from muniment_airflow.recovery_page.guard import HEADERS, Guard
from muniment_airflow.recovery_page.mount import Receive, Scope, Send
from muniment_airflow.recovery_page.visit import USER

SECRET = "hartwell's vault is on fire"
type Cookies = Callable[[], dict[str, str]]


async def greets(scope: Scope, receive: Receive, send: Send) -> None:
    name = scope[USER].get_name()
    await PlainTextResponse(f"hello {name}", headers={"Cache-Control": "private"})(scope, receive, send)


async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError(SECRET)


async def breaks_late(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise RuntimeError(SECRET)


def client(page: object, cookies: dict[str, str] | None = None) -> TestClient:
    return TestClient(Guard(page), cookies=cookies)  # type: ignore[arg-type]


def test_a_page_knows_who_asks(signed_in: Cookies) -> None:
    answer = client(greets, signed_in()).get("/")
    assert answer.text == "hello viewer"
    assert answer.headers["Cache-Control"] == "private"
    assert answer.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize("cookies", [None, {"_token": ""}, {"_token": "nonsense"}])
def test_a_stranger_does_not_reach_the_page(cookies: dict[str, str] | None, signed_in: Cookies) -> None:
    answer = client(breaks, cookies).get("/")
    assert answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}
    assert "Not signed in" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_bearer_token_counts_before_the_cookie(signed_in: Cookies) -> None:
    cookies = signed_in()
    answer = client(greets, cookies).get("/", headers={"Authorization": "Bearer nonsense"})
    assert answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}
    answer = client(greets).get("/", headers={"Authorization": f"Bearer {cookies['_token']}"})
    assert answer.text == "hello viewer"


def test_an_error_says_its_number_and_nothing_of_itself(signed_in: Cookies, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = client(breaks, signed_in()).get("/firm/hartwell")
    assert answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR
    assert "hartwell" not in answer.text
    assert "Traceback" not in answer.text
    (number,) = re.findall(r"error ([0-9a-f]{8})[.]", answer.text)
    (record,) = [each for each in caplog.records if number in each.getMessage()]
    assert record.exc_info is not None
    assert SECRET in str(record.exc_info[1])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_an_error_after_the_answer_began_adds_nothing_to_it(signed_in: Cookies) -> None:
    answer = client(breaks_late, signed_in()).get("/")
    assert (answer.status_code, answer.text) == (httpx.codes.OK, "")


def test_an_auth_manager_that_fails_lets_nobody_in(signed_in: Cookies, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(request: Request) -> None:
        raise ConnectionError(SECRET)

    monkeypatch.setattr("muniment_airflow.recovery_page.guard._who", fails)
    answer = client(greets, signed_in()).get("/")
    assert answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR
    assert SECRET not in answer.text


def test_there_are_no_websockets(signed_in: Cookies) -> None:
    with pytest.raises(WebSocketDisconnect), client(greets, signed_in()).websocket_connect("/"):
        pass
