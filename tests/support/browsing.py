"""A visit to a page in Chromium: what it asks for, what it says on the console, and what axe finds."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Frame, Page

type Theme = Literal["light", "dark"]

WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
HERE = "127.0.0.1"
_PATIENCE_MS = 120_000


@contextmanager
def visit(
    browser: Browser,
    *,
    system: Theme = "light",
    kept: str | None = None,
    token: tuple[str, str] | None = None,
    ignored: str = "",
    width: int = 1440,
    height: int = 900,
    **context: Any,
) -> Iterator[Page]:
    """A page of a person whose system and whose Airflow (``kept``) have these themes, signed in by ``token``: an
    address and what Airflow gave for it.

    Fails at the end where anything was said on the console that has not ``ignored`` in it, raised, or asked of another
    machine.
    """
    opened = browser.new_context(color_scheme=system, viewport={"width": width, "height": height}, **context)
    if kept is not None:
        # A page without an origin has no storage.
        opened.add_init_script(
            f"try {{ localStorage.getItem('theme') ?? localStorage.setItem('theme', '{kept}') }} catch {{}}"
        )
    opened.set_default_timeout(_PATIENCE_MS)
    if token is not None:
        opened.add_cookies([{"name": "_token", "url": token[0], "value": token[1]}])
    said: list[str] = []
    opened.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    opened.on("weberror", lambda error: said.append(f"{error.error}"))
    opened.on("request", lambda request: said.extend(_elsewhere(request.url)))
    try:
        yield opened.new_page()
    finally:
        opened.close()
    heard = [line for line in said if not ignored or ignored not in line]
    assert heard == [], heard


def _elsewhere(url: str) -> list[str]:
    parts = urlsplit(url)
    is_here = parts.scheme in {"data", "about", "blob"} or parts.hostname == HERE
    return [] if is_here else [f"asked {url}"]


def axe_faults(page: Page, tags: tuple[str, ...] = WCAG) -> list[str]:
    """A line for each element, with the rule that it breaks."""
    options = {"runOnly": {"type": "tag", "values": list(tags)}, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{rule['id']}: {' '.join(node['target'][:1])} {node['html'][:120]} {_why(node)}"
        for rule in found
        for node in rule["nodes"]
    ]


def _why(node: dict[str, Any]) -> str:
    return "; ".join(check["message"] for kind in ("any", "all", "none") for check in node[kind])[:200]


def sideways(page: Page | Frame) -> int:
    """By how many pixels the page is wider than its window."""
    found = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return int(found)


def focused(page: Page | Frame) -> str:
    """The address of the link that has the focus, or the name of what else has it."""
    return str(page.evaluate("document.activeElement.getAttribute('href') ?? document.activeElement.tagName"))
