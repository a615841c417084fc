"""``page.js``: the time line by keyboard and by pointer."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browsing import focused, visit

AT = "/recovery/firm/x/at/"


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    with visit(chromium) as page:
        page.goto(f"{address}/recovery/")
        yield page


def test_tab_stops_once_at_the_newest_mark(page: Page) -> None:
    page.get_by_role("region", name="Time line").focus()
    page.keyboard.press("Tab")
    assert focused(page) == f"{AT}4"
    page.keyboard.press("Tab")
    assert not focused(page).startswith(AT)


def test_arrows_go_from_mark_to_mark_and_no_further(page: Page) -> None:
    page.get_by_role("region", name="Time line").focus()
    page.keyboard.press("Tab")
    gone = []
    for key in ("ArrowRight", "ArrowLeft", "ArrowLeft", "Home", "ArrowLeft", "ArrowRight", "End"):
        page.keyboard.press(key)
        gone.append(focused(page).removeprefix(AT))
    assert gone == ["4", "3", "2", "0", "0", "1", "4"]


def test_tab_comes_back_to_the_mark_that_was_left(page: Page) -> None:
    page.locator(f"a[href='{AT}2']").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    assert focused(page) == f"{AT}2"


def test_a_key_with_a_modifier_is_the_browsers(page: Page) -> None:
    page.locator(f"a[href='{AT}2']").focus()
    page.keyboard.press("Control+ArrowLeft")
    assert focused(page) == f"{AT}2"


def test_enter_follows_the_mark(page: Page) -> None:
    page.locator(f"a[href='{AT}2']").focus()
    with page.expect_request(f"**{AT}2"):
        page.keyboard.press("Enter")


@pytest.mark.parametrize("share", [0.15, 0.43, 0.95])
def test_a_click_asks_for_the_instant_under_it(page: Page, share: float) -> None:
    """In a window, in a hole, and where nothing is drawn: to the pixel, in whole seconds."""
    page.locator("[data-span]").scroll_into_view_if_needed()
    box = page.locator("[data-span]").bounding_box()
    assert box is not None
    with page.expect_request(f"**{AT}*") as asked:
        page.mouse.click(box["x"] + share * box["width"], box["y"] + 0.4 * box["height"])
    instant = datetime.strptime(unquote(asked.value.url).rpartition("/")[2], "%Y-%m-%dT%H:%M:%S%z")
    pointed = datetime(2026, 11, 1, tzinfo=UTC) + share * timedelta(days=10)
    assert abs(instant - pointed) <= timedelta(days=10) / box["width"]


def test_a_click_on_a_mark_follows_it(page: Page) -> None:
    with page.expect_request(f"**{AT}*") as asked:
        page.locator(f"a[href='{AT}2'] .mark").click()
    assert asked.value.url.endswith(f"{AT}2")
