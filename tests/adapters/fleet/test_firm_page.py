"""A firm's page and an instant's as a reader has them, drawn from a store of the watch."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from muniment.adapters.fleet.pages import render
from muniment.adapters.watch.store import WatchStore
from muniment.domain.fleet.firm_view import firm_view, samples_span, span_of
from muniment.domain.fleet.frame import Frame, in_address
from muniment.domain.fleet.instant_view import NOW as NEWEST
from muniment.domain.fleet.instant_view import instant_asked, instant_view
from muniment.domain.fleet.instants import in_zone
from muniment.domain.fleet.sight import Sight
from muniment.domain.fleet.time_line import LEFT, RIGHT
from muniment.runbooks.fleet.reader import FleetReader
from tests.support.browsing import Theme, axe_faults, focused, visit
from tests.support.html_pages import inlined, links_of, main_text, parsed, rows_of, text_of
from tests.support.page_server import served
from tests.support.recovery_firms import TAG_NAME
from tests.support.recovery_store import AT_RISK, LOST, SAFE, TAG, UNKNOWN, UNSEEN, fill

NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)
FRAME = Frame("", NOW)
DAY = timedelta(days=1)
THEMES: tuple[Theme, ...] = ("light", "dark")
ZONE = "America/New_York"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FleetReader]:
    path: Path = tmp_path_factory.mktemp("store") / "watch.sqlite"
    store = WatchStore.open(f"sqlite:///{path}")
    fill(store, NOW)
    yield FleetReader(store, None, lambda: NOW)


def firm_page(reader: FleetReader, firm: str, *, begin: str | None = None, nights: int | None = None) -> str:
    """``nights``: of the newest ones alone."""
    picture, frame = reader.firm(firm), FRAME
    assert picture is not None
    if nights is not None and picture.history is not None:
        few = picture.history.model_copy(update={"nights": picture.history.nights[-nights:]})
        picture = replace(picture, history=few)
    span = span_of(picture, begin, None, frame.now)
    wanted = samples_span(span)
    view = firm_view(
        picture,
        frame,
        span,
        samples=reader.samples(firm, wanted.begin, wanted.end),
        unwatched=reader.unwatched(firm, span.begin, span.end),
        sight=Sight(frozenset({firm}), (firm, SAFE, TAG)),
    )
    return render("firm.html", frame, view=view)


def instant_page(reader: FleetReader, firm: str, asked: str) -> str:
    picture, frame = reader.firm(firm), FRAME
    assert picture is not None
    at = instant_asked(picture, asked, frame.now)
    view = instant_view(picture, frame, at or frame.now, is_newest=asked == NEWEST)
    return render("at.html", frame, view=view)


def test_a_firm_shows_its_ninety_nights_drills_and_restores(reader: FleetReader) -> None:
    page = firm_page(reader, SAFE)
    picture = reader.firm(SAFE)
    assert picture is not None
    assert picture.history is not None
    (nights,) = parsed(page).xpath("//h2[@id='nights']/following::table[1]")
    rows = rows_of(nights)
    assert [row[0] for row in rows] == [each.point for each in reversed(picture.history.nights)]
    newest = picture.history.nights[-1]
    assert rows[0][6] == f"{newest.documents:,}"
    (drills,) = parsed(page).xpath("//h2[@id='drills']/following::table[1]")
    assert len(rows_of(drills)) == len(picture.history.drills)
    (restores,) = parsed(page).xpath("//h2[@id='restores']/following::table[1]")
    assert "by mara.ellis" in text_of(restores)
    assert "no: nobody answered in time" in text_of(restores)


def test_each_mark_of_the_time_line_is_a_link_in_order_and_in_the_table(reader: FleetReader) -> None:
    page = parsed(firm_page(reader, AT_RISK))
    marks = page.xpath("//*[@data-marks]//a[@href]")
    hrefs = [each.get("href") for each in marks]
    (table,) = page.xpath("//summary[contains(., 'time line as a table')]/following::table[1]")
    assert sorted(hrefs) == sorted(table.xpath(".//a/@href"))
    assert all(each.get("aria-label") for each in marks)
    places = [float(each.xpath("./path/@transform")[0].partition("(")[2].split()[0]) for each in marks]
    assert places == sorted(places)
    holes = page.xpath("//rect[@class='hole']")
    assert len(holes) == 4
    assert all(LEFT <= float(each.get("x")) <= RIGHT for each in holes)
    told = [row for row in rows_of(table) if row[3].startswith("a hole")]
    assert len(told) == 4


def test_what_a_firm_is_called_is_text(reader: FleetReader) -> None:
    for page in (firm_page(reader, TAG), instant_page(reader, TAG, NEWEST)):
        assert TAG_NAME not in page
        assert TAG_NAME in text_of(parsed(page).xpath("//main")[0])
        assert inlined(page) == []


def test_what_was_never_read_is_unknown_and_not_empty(reader: FleetReader) -> None:
    text = main_text(firm_page(reader, UNSEEN))
    assert "Can be recovered tounknown" in text
    assert "points, drills and restores are unknown, which does not mean that there are none" in text
    assert "No recovery point is registered" not in text
    assert "no route to host 10.0.0.7" in text
    told = main_text(instant_page(reader, UNSEEN, "2026-11-20T12:00Z"))
    assert "Unknown: nobody can say whether it can be restored." in told
    assert "The registers were never read" in told


def test_a_firm_whose_nights_left_nothing_says_so_with_its_age(reader: FleetReader) -> None:
    text = main_text(firm_page(reader, LOST))
    assert "not recoverable" in text
    assert "No recovery point is registered, as of 24 min 00 s ago." in text


def test_an_old_look_has_its_age_and_is_no_answer(reader: FleetReader) -> None:
    text = main_text(firm_page(reader, UNKNOWN))
    assert "as it was seen" in text
    told = main_text(instant_page(reader, UNKNOWN, in_address(NOW - 3 * DAY)))
    assert "Unknown: the look at the primary and the replica vault is old" in told
    assert "unknown now; when it was seen, yes" in told


def test_an_instant_says_what_comes_back_and_leads_to_the_form(reader: FleetReader) -> None:
    at = NOW - 3 * DAY
    page = instant_page(reader, SAFE, in_address(at))
    text = main_text(page)
    assert f"What would I get at {in_zone(at, ZONE)}" in text
    assert "It can be restored from the primary vault and from the replica vault." in text
    assert "Takes about" in text
    links = dict(links_of(page))
    form = links["Restore to here from the replica vault"]
    assert form.startswith("/dags/hartwell__restore/")
    assert "restore_side=replica" in form
    (link,) = parsed(page).xpath("//a[contains(., 'from the replica vault')]")
    assert link.get("data-out") is not None


def test_every_link_within_the_page_leads_somewhere(reader: FleetReader) -> None:
    page = parsed(firm_page(reader, SAFE))
    ids = set(page.xpath("//@id"))
    assert [href for href in page.xpath("//a/@href") if href.startswith("#") and href[1:] not in ids] == []
    assert len(page.xpath("//@id")) == len(ids)


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing(reader: FleetReader, chromium: Browser, theme: Theme) -> None:
    """On a day of the line, with each table open: ninety nights of the same take a minute."""
    day = in_address(NOW - DAY)
    pages = {
        "/recovery/firm": firm_page(reader, AT_RISK, begin=day, nights=3),
        "/recovery/at": instant_page(reader, AT_RISK, in_address(NOW - 3 * DAY)),
    }
    with served(pages) as address, visit(chromium, system=theme) as page:
        for path in pages:
            page.goto(f"{address}{path}")
            page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true; })")
            assert axe_faults(page) == []


def test_the_line_is_walked_by_keys(reader: FleetReader, chromium: Browser) -> None:
    pages = {"/recovery/firm": firm_page(reader, AT_RISK)}
    with served(pages) as address, visit(chromium) as page:
        page.goto(f"{address}/recovery/firm")
        marks = page.locator("[data-marks] a[href]")
        marks.last.focus()
        page.keyboard.press("Home")
        assert focused(page) == marks.first.get_attribute("href")
