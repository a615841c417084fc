"""The watch's store is away: what was shown last is shown, and says how old it is."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.support.recovery_pages import RecoveryPages
from tests.support.recovery_store import HALF, SAFE


@contextmanager
def away(pages: RecoveryPages) -> Iterator[None]:
    elsewhere = pages.store.parent.with_name("watch-elsewhere")
    pages.store.parent.rename(elsewhere)
    try:
        yield
    finally:
        elsewhere.rename(pages.store.parent)
        until = time.monotonic() + 60
        while "Shown as it was " in pages.get("/recovery/").text:  # nobody asks again for some seconds
            assert time.monotonic() < until
            time.sleep(0.2)


def test_the_last_state_is_shown_with_its_age(pages: RecoveryPages) -> None:
    asked = ("/recovery/", "/recovery/promises", "/recovery/incidents", f"/recovery/firm/{SAFE}")
    before = {path: pages.get(path) for path in asked}
    with away(pages):
        for path in asked:
            answer = pages.get(path)
            assert answer.status_code == httpx.codes.OK, path
            assert 'class="stale" role="status">Shown as it was ' in answer.text, path
            assert title(answer) == title(before[path])
        assert f"/recovery/firm/{SAFE}" in pages.get("/recovery/").text
    assert "Shown as it was " not in pages.get("/recovery/").text


def test_what_was_never_read_is_said_to_be_unread(pages: RecoveryPages) -> None:
    with away(pages):
        answer = pages.get(f"/recovery/firm/{HALF}")
    assert answer.status_code == httpx.codes.OK
    assert "Nothing is known yet" in answer.text
    assert "the watch's store" in answer.text.replace("&#39;", "'")


def test_who_may_not_see_a_firm_learns_nothing_of_the_store(pages: RecoveryPages) -> None:
    with away(pages):
        assert pages.get(f"/recovery/firm/{HALF}", "engineer").status_code == httpx.codes.NOT_FOUND


def title(answer: httpx.Response) -> str:
    return answer.text.partition("<title>")[2].partition("</title>")[0]
