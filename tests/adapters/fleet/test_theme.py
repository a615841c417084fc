"""``theme.js``: the colours are those of the host before anything is painted."""

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browsing import Theme, visit

# What <html> says when <body> comes into being: nothing of the page was painted before.
_WATCH = """
window.before = new Promise(resolve => new MutationObserver((_, watch) => {
  if (document.body) { watch.disconnect(); resolve(document.documentElement.dataset.theme ?? "none"); }
}).observe(document, { childList: true, subtree: true }));
"""


def ground(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


@pytest.mark.parametrize(
    ("kept", "system", "shown"),
    [
        ("dark", "light", "dark"),
        ("light", "dark", "light"),
        ("system", "dark", "dark"),
        ("system", "light", "light"),
        (None, "dark", "dark"),
        (None, "light", "light"),
        ("nonsense", "dark", "light"),
    ],
)
def test_the_theme_is_there_before_the_first_paint(
    chromium: Browser, address: str, kept: str | None, system: Theme, shown: Theme
) -> None:
    with visit(chromium, kept=kept, system=system) as page:
        page.add_init_script(_WATCH)
        page.goto(f"{address}/recovery/")
        assert page.evaluate("window.before") == shown
        assert ground(page) == {"light": "rgb(255, 255, 255)", "dark": "rgb(15, 19, 23)"}[shown]


def test_a_framed_page_has_its_hosts_theme_where_nothing_is_kept(chromium: Browser, address: str) -> None:
    with visit(chromium, system="light") as page:
        page.goto(f"{address}/host")
        framed = page.frame_locator("iframe").locator("html[data-theme]")
        assert framed.get_attribute("data-theme") == "dark"


def test_it_changes_with_the_host(chromium: Browser, address: str) -> None:
    with visit(chromium, kept="light", system="light") as page:
        page.goto(f"{address}/recovery/")
        host = page.context.new_page()
        host.goto(f"{address}/empty")
        host.evaluate("localStorage.setItem('theme', 'dark')")
        page.wait_for_selector("html[data-theme=dark]")
        host.evaluate("localStorage.setItem('theme', 'system')")
        page.wait_for_selector("html[data-theme=light]")
        page.emulate_media(color_scheme="dark")
        page.wait_for_selector("html[data-theme=dark]")


def test_without_scripts_the_system_decides(chromium: Browser, address: str) -> None:
    with visit(chromium, kept="light", system="dark", java_script_enabled=False) as page:
        page.goto(f"{address}/recovery/")
        assert page.locator("html").get_attribute("data-theme") is None
        page.emulate_media(color_scheme="dark")
        dark = page.locator("body").screenshot()
        page.emulate_media(color_scheme="light")
        assert page.locator("body").screenshot() != dark
