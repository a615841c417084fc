"""Every address of the page, as a stranger, as somebody who reads all DAGs, and as somebody who reads one firm's."""

import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi.routing import APIRoute

from muniment_airflow.recovery_page.app import recovery_app
from muniment_airflow.recovery_page.guard import HEADERS
from tests.support.recovery_pages import ONE_FIRM, VIEWER, RecoveryPages
from tests.support.recovery_store import AT_RISK, SAFE, shown_firms, shown_incidents

NOBODYS = "no-such-firm"
_NOW = re.compile(r"<footer>.*?</footer>")


def addresses(pages: RecoveryPages, firm: str) -> Iterator[str]:
    """One of each route that there is; of a new one this does not know how to fill it in, and fails."""
    filled = {
        "firm": firm,
        "instant": "now",
        "drill": drill_of(pages, firm),
        "ending": "json",
        "incident": incident_of(pages, firm),
        "dag_id": f"{firm}__restore",
        "run_id": "manual__2026-11-28T06:32:27.196175+00:00",
        "name": "page.css",
    }
    for route in recovery_app().routes:
        assert isinstance(route, APIRoute), route
        path = re.sub(r":path}", "}", route.path)
        yield f"/recovery{path.format(**filled)}"


def drill_of(pages: RecoveryPages, firm: str) -> str:
    shown = next((each for each in shown_firms(pages.opened_at) if each.seen.firm == firm), None)
    return shown.history.drills[-1].id if shown and shown.history and shown.history.drills else "20261101T020000Z"


def incident_of(pages: RecoveryPages, firm: str) -> str:
    named = (each for each in shown_incidents(pages.opened_at) if firm in {member.firm for member in each.members})
    return next((each.id for each in named), "20200101T000000000Z")


def told(answer: httpx.Response) -> tuple[int, str, dict[str, str]]:
    """All of an answer but when it was given."""
    headers = {name: value for name, value in answer.headers.items() if name not in {"date", "content-length"}}
    return answer.status_code, _NOW.sub("", answer.text), headers


@pytest.mark.parametrize("firm", [SAFE, NOBODYS])
def test_a_stranger_learns_nothing_from_any_address(pages: RecoveryPages, firm: str) -> None:
    others = ("/recovery/openapi.json", "/recovery/docs", "/recovery/static/none.css", "/recovery/%2e%2e/x")
    asked = {path: told(pages.get(path, user=None)) for path in (*addresses(pages, firm), *others)}
    first = next(iter(asked.values()))
    assert first[0] == httpx.codes.UNAUTHORIZED
    assert [path for path, answer in asked.items() if answer != first] == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_nothing_can_be_changed_by_anybody(pages: RecoveryPages, method: str) -> None:
    for path in addresses(pages, SAFE):
        assert pages.get(path, None, method).status_code == httpx.codes.UNAUTHORIZED
        assert pages.get(path, "admin", method).status_code == httpx.codes.METHOD_NOT_ALLOWED


def test_a_token_that_airflow_did_not_sign_is_a_strangers(pages: RecoveryPages) -> None:
    token = pages.tokens["admin"]
    with httpx.Client(trust_env=False, cookies={"_token": token[:-9] + "AAAAAAAAA"}) as client:
        answer = client.get(f"{pages.url}/recovery/firm/{SAFE}")
    assert answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}
    assert SAFE not in answer.text


def test_who_reads_all_dags_sees_every_address(pages: RecoveryPages) -> None:
    for path in addresses(pages, SAFE):
        answer = pages.get(path, VIEWER)
        # No vault is here whose evidence could be read.
        wanted = {404} if "/evidence." in path else {200, 303}
        assert answer.status_code in wanted, (path, answer.text)
        assert "Nothing is known yet" not in answer.text, path


def test_each_answer_has_the_headers(pages: RecoveryPages) -> None:
    for path in (*addresses(pages, SAFE), "/recovery/nothing"):
        answer = pages.get(path)
        wanted = {name: value for name, value in HEADERS.items() if name != "Cache-Control"}
        assert {name: answer.headers.get(name) for name in wanted} == wanted, path
        assert answer.headers["Cache-Control"] == ("private, max-age=300" if "/static/" in path else "no-store")
        assert "set-cookie" not in answer.headers


def test_head_answers_as_get_does_without_a_body(pages: RecoveryPages) -> None:
    for path in addresses(pages, SAFE):
        answer = pages.get(path, method="HEAD")
        assert (answer.status_code, answer.content) == (pages.get(path).status_code, b""), path


def test_who_reads_one_firms_dags_sees_that_firm(pages: RecoveryPages) -> None:
    for path in addresses(pages, SAFE):
        assert pages.get(path, ONE_FIRM).status_code == pages.get(path, VIEWER).status_code, path


def test_another_firm_answers_as_one_that_does_not_exist(pages: RecoveryPages) -> None:
    pairs = zip(addresses(pages, AT_RISK), addresses(pages, NOBODYS), strict=True)
    named = [(hidden, absent) for hidden, absent in pairs if hidden != absent]
    assert any("/incident/" in hidden for hidden, _ in named)
    for hidden, absent in named:
        answer = told(pages.get(hidden, ONE_FIRM))
        assert answer == told(pages.get(absent, ONE_FIRM)), hidden
        assert answer[0] == httpx.codes.NOT_FOUND, hidden


def test_no_page_names_a_firm_that_may_not_be_seen(pages: RecoveryPages) -> None:
    hidden = [each.seen for each in shown_firms(pages.opened_at) if each.seen.firm != SAFE]
    needles = [*(each.firm for each in hidden), *(each.name for each in hidden)]
    for path in addresses(pages, SAFE):
        shown = pages.get(path, ONE_FIRM).text
        assert [needle for needle in needles if needle in shown] == [], path


def test_a_firm_without_dags_is_seen_by_who_reads_all(pages: RecoveryPages) -> None:
    without = next(each.seen.firm for each in shown_firms(pages.opened_at) if each.seen.firm not in {SAFE, AT_RISK})
    assert pages.get(f"/recovery/firm/{without}", VIEWER).status_code == httpx.codes.OK
    assert f"/recovery/firm/{without}" in pages.get("/recovery/", VIEWER).text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/recovery/firm/..%2F..%2Fetc", 404),
        ("/recovery/firm/%3Cscript%3E", 404),
        ("/recovery/firm/%00", 404),
        ("/recovery/firm/" + "a" * 2000, 404),
        (f"/recovery/firm/{SAFE}/", 404),
        (f"/recovery/firm/{SAFE}/drill/..%2F..%2Ffirm.json", 404),
        (f"/recovery/firm/{SAFE}/drill/%2e%2e", 404),
        (f"/recovery/firm/{SAFE}/at/nonsense", 400),
        (f"/recovery/firm/{SAFE}/at/9999-99-99T00:00:00Z", 400),
        (f"/recovery/firm/{SAFE}/at/now?side=third", 400),
        (f"/recovery/firm/{SAFE}/at?instant=yesterday", 400),
        (f"/recovery/firm/{SAFE}?from=nonsense", 400),
        ("/recovery/?sort=nonsense", 400),
        ("/recovery/?state=%3Cscript%3E", 400),
        ("/recovery/incident/..%2f..", 404),
        ("/recovery/static/..%2Fpages.py", 404),
        ("/recovery/docs", 404),
        ("/recovery/openapi.json", 404),
    ],
)
def test_nonsense_in_the_address_is_said_to_be_nonsense(pages: RecoveryPages, path: str, status: int) -> None:
    answer = pages.get(path)
    assert answer.status_code == status, answer.text
    assert "<script>" not in answer.text.replace('<script src="', "")


def test_files_are_asked_for_once(pages: RecoveryPages) -> None:
    path = "/recovery/static/page.css"
    tag = pages.get(path).headers["ETag"]
    with httpx.Client(trust_env=False, cookies={"_token": pages.tokens["admin"]}) as client:
        again = client.get(f"{pages.url}{path}", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (httpx.codes.NOT_MODIFIED, b"")
