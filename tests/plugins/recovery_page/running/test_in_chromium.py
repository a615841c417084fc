"""Every page as Airflow serves it, in Chromium: nothing for axe to find, nothing asked elsewhere, a keyboard suffices,
and what is shown is what the watch's store has.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from muniment.adapters.watch.store import WatchStore
from muniment.domain.fleet.open_incidents import open_by_firm
from muniment.domain.fleet.standing import recoverable_to, standing_of
from tests.fixtures.clusters import ROOT
from tests.support.browsing import WCAG, Theme, axe_faults, focused, sideways, visit
from tests.support.recovery_pages import PASSWORD, RecoveryPages
from tests.support.recovery_store import AT_RISK, HALF, NEW, SAFE, UNSEEN, shown_firms

_NARROW = 320
"""Pixels: WCAG 2.2, 1.4.10."""
# A page that says that something is missing is one, and Chromium says of each that its address gave no 200.
_FAULT = "the server responded with a status of 40"
_MOST_STOPS = 300
_MOST_S = 600


def addresses(pages: RecoveryPages) -> Iterator[str]:
    history = next(each.history for each in shown_firms(pages.opened_at) if each.seen.firm == AT_RISK)
    assert history is not None
    whole = history.nights[20].taken_at + timedelta(hours=5)
    lost = history.holes[0].start_at + timedelta(hours=1)
    yield from ("", "?state=risk&sort=rpo", "?q=nobody", "promises", "incidents", "incidents?all=1")
    yield from (f"firm/{firm}" for firm in (AT_RISK, UNSEEN, NEW))
    yield from (f"firm/{AT_RISK}/at/{at:%Y-%m-%dT%H:%M:%SZ}" for at in (whole, lost))
    yield from (f"firm/{AT_RISK}/drill/{drill.id}" for drill in (history.drills[3], history.drills[-1]))
    yield from (f"incident/{each.id}" for each in _store(pages).incidents(open_only=True))
    yield from ("firm/no-such-firm", "firm/harbor-lane/at/yesterday", "?sort=nonsense")


def _store(pages: RecoveryPages) -> WatchStore:
    return WatchStore.open(str(pages.store), read_only=True)


@contextmanager
def looking(pages: RecoveryPages, browser: Browser, **how: Any) -> Iterator[Page]:
    with visit(browser, token=(pages.url, pages.tokens["admin"]), ignored=_FAULT, **how) as page:
        yield page


# What is on a page is the same in both themes: in the second one, only its colours are looked at again.
@pytest.mark.parametrize(("theme", "tags"), [("light", WCAG), ("dark", ("cat.color",))])
def test_axe_finds_nothing_on_any_page(
    pages: RecoveryPages, chromium: Browser, theme: Theme, tags: tuple[str, ...]
) -> None:
    faults, narrow = {}, {}
    with looking(pages, chromium, kept=theme, width=_NARROW) as page:
        for path in addresses(pages):
            page.set_viewport_size({"width": _NARROW, "height": 800})
            page.goto(f"{pages.url}/recovery/{path}")
            narrow[path] = sideways(page)
            page.set_viewport_size({"width": 1440, "height": 900})
            faults[path] = axe_faults(page, tags)
            assert page.locator("html").get_attribute("data-theme") == theme
    assert {path: found for path, found in faults.items() if found} == {}
    assert {path: pixels for path, pixels in narrow.items() if pixels} == {}


def test_axe_finds_nothing_in_forced_colours(pages: RecoveryPages, chromium: Browser) -> None:
    with looking(pages, chromium, forced_colors="active") as page:
        for path in ("", f"firm/{AT_RISK}", "promises"):
            page.goto(f"{pages.url}/recovery/{path}")
            assert axe_faults(page, ("cat.color",)) == [], path


def test_a_keyboard_leads_from_the_fleet_to_the_restore(pages: RecoveryPages, chromium: Browser) -> None:
    with looking(pages, chromium) as page:
        page.goto(f"{pages.url}/recovery/")
        tab_to(page, f"/recovery/firm/{AT_RISK}")
        follow(page, "**/recovery/firm/*")
        tab_to(page, "/recovery/", within="[data-marks]")
        last = focused(page)
        page.keyboard.press("Home")
        oldest = focused(page)
        page.keyboard.press("ArrowRight")
        second = focused(page)
        assert len({last, oldest, second}) == 3
        follow(page, "**/at/*")
        assert page.url.endswith(second)
        tab_to(page, f"/dags/{AT_RISK}__restore")
        assert "Restore" in page.locator(":focus").inner_text()


def tab_to(page: Page, start: str, within: str = "body") -> None:
    """By Tab alone, to a link whose address has ``start`` in it."""
    for _ in range(_MOST_STOPS):
        page.keyboard.press("Tab")
        if start in focused(page) and page.locator(f"{within} :focus").count():
            return
    pytest.fail(f"no stop of Tab leads to {start}")


def follow(page: Page, to: str) -> None:
    page.keyboard.press("Enter")
    page.wait_for_url(to)


def test_the_fleet_shows_what_the_store_has(pages: RecoveryPages, chromium: Browser) -> None:
    store = _store(pages)
    rows, incidents = store.fleet_rows(), open_by_firm(store.incidents(open_only=True))
    with looking(pages, chromium) as page:
        page.goto(f"{pages.url}/recovery/")
        lines = page.locator("table.fleet tbody tr").evaluate_all(_LINES)
        shown_at = instants(page.locator("footer time").evaluate_all(_TIMES))[0]
    found = {urlsplit(line["href"]).path.rpartition("/")[2]: line for line in lines}
    assert set(found) == {row.firm for row in rows}
    for row in rows:
        line, told = found[row.firm], set(instants(found[row.firm]["times"]))
        open_ones = incidents.get(row.firm, ())
        assert line["name"] == row.name
        assert line["state"] == standing_of(row, open_ones, shown_at).state
        known = (recoverable_to(row), row.last_point_at, row.last_drill_at, row.window_start_at, row.next_night_at)
        assert {to_the_minute(at) for at in known if at} - told == set(), row.firm
        assert (f"{len(open_ones)} open" in line["text"]) == bool(open_ones)
    assert "0 s" not in found[UNSEEN]["text"]
    assert found[UNSEEN]["times"] == []
    assert "unknown" in found[HALF]["text"]


_TIMES = "all => all.map(time => time.dateTime)"
_LINES = """all => all.map(line => ({
    href: line.querySelector("th a").getAttribute("href"),
    name: line.querySelector("th a").textContent,
    state: line.querySelector(".state").textContent.trim(),
    times: [...line.querySelectorAll("time")].map(time => time.dateTime),
    text: line.innerText,
}))"""


def instants(times: list[str]) -> list[datetime]:
    return [datetime.fromisoformat(each) for each in times]


def to_the_minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def test_the_time_line_is_drawn_to_scale(pages: RecoveryPages, chromium: Browser) -> None:
    history = _store(pages).history(AT_RISK)
    assert history is not None
    with looking(pages, chromium) as page:
        page.goto(f"{pages.url}/recovery/firm/{AT_RISK}")
        line = page.locator("[data-timeline]")
        begin, end = instants([str(line.get_attribute("data-from")), str(line.get_attribute("data-to"))])
        span = line.locator("[data-span]").bounding_box()
        holes = line.locator(".hole").evaluate_all("all => all.map(hole => hole.getBoundingClientRect().toJSON())")
        points = line.locator("a[href*='/at/']").evaluate_all("all => all.map(mark => mark.getAttribute('href'))")
    assert span is not None
    pixel = (end - begin) / span["width"]
    drawn = [(begin + (h["left"] - span["x"]) * pixel, begin + (h["right"] - span["x"]) * pixel) for h in holes]
    # Behind a hole nothing comes back until the next point.
    lost = [(before.end_at, after.start_at) for before, after in pairwise(history.windows)]
    assert len(drawn) == 2 * len(lost)
    for (left, right), (start, end_) in zip(drawn, [*lost, *lost], strict=True):
        assert start is not None
        assert max(abs(left - start), abs(right - end_)) <= 2 * pixel
    assert len([each for each in points if "/at/" in each]) >= len(history.nights)


def test_pictures_are_taken(pages: RecoveryPages, tmp_path: Path) -> None:
    up = tmp_path / "up"
    up.mkdir()
    known = {"airflow_url": pages.url, "firms": [{"id": SAFE}], "passwords": {"admin": PASSWORD.reveal()}}
    (up / "world.json").write_text(json.dumps(known))
    argv = [sys.executable, "-m", "muniment_demo.pictures", "--in", str(up), "--into", str(tmp_path)]
    subprocess.run(argv, cwd=ROOT / "include", check=True, timeout=_MOST_S)
    taken = sorted(tmp_path.glob("*.png"))
    names = ("recovery-firm.png", "recovery-fleet-dark.png", "recovery-fleet-light.png", "recovery-instant.png")
    assert tuple(file.name for file in taken) == names
    sizes = [file.stat().st_size for file in taken]
    assert min(sizes) > 20_000
    assert max(sizes) < 250_000
