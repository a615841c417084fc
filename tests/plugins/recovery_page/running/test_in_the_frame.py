"""Inside of Airflow's frame, in Chromium: its sandbox lets nothing open a window or navigate the top one."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, Request, Route, expect

from muniment.domain.fleet.frame import Frame, in_address
from muniment.domain.fleet.restore_link import restore_form
from tests.support.recovery_pages import BASE, RecoveryPages
from tests.support.recovery_store import SAFE

PATIENCE_MS = 90_000
FORM = '[role="dialog"][aria-modal="true"][data-state="open"]'
_DOCUMENTS = "https://docs.example.com/"


@pytest.fixture
def context(pages: RecoveryPages, chromium: Browser) -> Iterator[BrowserContext]:
    with pages.signed_in(chromium, viewport={"width": 1400, "height": 1000}) as context:
        context.set_default_timeout(PATIENCE_MS)
        # Nothing is asked of another machine.
        context.route(f"{_DOCUMENTS}**", lambda route: route.fulfill(body="<h1>The runbook</h1>"))
        context.route("https://github.com/**", lambda route: route.fulfill(body="<h1>The runbook</h1>"))
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def shown_in(page: Page) -> FrameLocator:
    """What is in the frame of ours."""
    return page.frame_locator('iframe[title="Recovery"]')


def heading(page: Page) -> str:
    return shown_in(page).locator("h1").inner_text()


def asked_of(page: Page) -> list[dict[str, object]]:
    """What the form sends once it is sent: nothing of it reaches Airflow."""
    asked: list[dict[str, object]] = []

    def keep(request: Request) -> None:
        asked.append(json.loads(request.post_data or "{}"))

    page.route("**/dagRuns", lambda route: (keep(route.request), route.abort()))
    return asked


def sent(page: Page) -> dict[str, object]:
    asked = asked_of(page)
    with page.expect_request("**/dagRuns"):
        page.locator(FORM).get_by_test_id("trigger-dag-submit").click()
    conf = asked[0]["conf"]
    assert isinstance(conf, dict)
    return conf


def filled_in(page: Page, field: str, value: str) -> None:
    page.wait_for_function(
        "([form, field, value]) => document.querySelector(`${form} input[name=element_${field}]`)?.value === value",
        arg=[FORM, field, value],
    )


def test_restore_to_here_opens_the_form_filled_in(pages: RecoveryPages, page: Page) -> None:
    at = (pages.opened_at - timedelta(hours=2)).replace(microsecond=123456)
    page.goto(pages.framed(f"firm/{SAFE}/at/{in_address(at)}"))
    link = shown_in(page).locator('a[data-out][href*="restore_side=replica"]').first
    wanted = {
        name.removeprefix("restore_"): value
        for name, [value] in parse_qs(urlsplit(str(link.get_attribute("href"))).query).items()
    }
    link.click()
    filled_in(page, "side", "replica")
    assert urlsplit(page.url).path == f"{BASE}/dags/{SAFE}__restore/plugin/recovery-of-dag"
    conf = sent(page)
    assert {name: conf[name] for name in wanted} == wanted
    assert (conf["where"], conf["firm"]) == ("staging", SAFE)


def test_the_forms_address_survives_paste_and_reload(pages: RecoveryPages, page: Page) -> None:
    frame = Frame(BASE, pages.opened_at)
    page.goto(pages.origin + restore_form(frame, SAFE, instant=None, point="20261127T020000000Z", side="primary"))
    filled_in(page, "target", "point")
    page.reload()
    filled_in(page, "target", "point")
    assert sent(page)["position"] == "20261127T020000000Z"


def test_whoever_closes_the_form_reads_on(pages: RecoveryPages, page: Page) -> None:
    frame = Frame(BASE, pages.opened_at)
    page.goto(pages.origin + restore_form(frame, SAFE, instant=None, point=None, side="replica"))
    filled_in(page, "side", "replica")
    page.locator(FORM).locator('[data-part="close-trigger"]').click()
    expect(page.locator(FORM)).to_have_count(0)
    shown_in(page).get_by_role("link", name="What would I get").first.click()
    expect(shown_in(page).locator("h1")).to_contain_text("What would I get")
    expect(page.locator(FORM)).to_have_count(0)


def test_a_form_that_cannot_be_filled_in_is_closed_and_says_so(pages: RecoveryPages, page: Page) -> None:
    """Wrong values in a form that looks filled in would be worse than none."""

    def hurries(route: Route) -> None:
        fetched = route.fetch()
        route.fulfill(response=fetched, body=fetched.text().replace("WAIT_MS = 30_000", "WAIT_MS = 1_500"))

    page.route("**/static/open.js", hurries)
    address = f"{pages.url}/dags/{SAFE}__restore/plugin/recovery-of-dag?restore_no_such_field=x&restore_side=replica"
    page.goto(address)
    said = shown_in(page).get_by_role("alert")
    expect(said).to_contain_text("no_such_field: x, side: replica")
    expect(page.locator(FORM)).to_have_count(0)


def test_a_link_to_airflow_leaves_the_frame(pages: RecoveryPages, page: Page) -> None:
    page.goto(pages.framed(f"firm/{SAFE}"))
    shown_in(page).get_by_role("link", name="Nightly backup").first.click()
    page.wait_for_url(f"**{BASE}/dags/{SAFE}__backup")


def test_the_runbook_opens_beside_airflow(pages: RecoveryPages, context: BrowserContext, page: Page) -> None:
    page.goto(pages.framed("incidents"))
    shown_in(page).locator("table a").first.click()
    runbook = shown_in(page).locator('a[data-out][href^="https://"]').first
    with context.expect_page() as opened:
        runbook.click()
    assert opened.value.url == runbook.get_attribute("href")
    assert urlsplit(page.url).path.startswith(f"{BASE}/plugin/recovery")


def test_with_the_control_key_a_link_opens_beside(pages: RecoveryPages, context: BrowserContext, page: Page) -> None:
    page.goto(pages.framed(f"firm/{SAFE}"))
    with context.expect_page() as opened:
        shown_in(page).get_by_role("link", name="Nightly backup").first.click(modifiers=["Control"])
    opened.value.wait_for_url(f"**{BASE}/dags/{SAFE}__backup")
    assert heading(page)


def test_opened_alone_a_link_is_a_plain_one(pages: RecoveryPages, page: Page) -> None:
    page.goto(f"{pages.url}/recovery/firm/{SAFE}")
    page.get_by_role("link", name="Nightly backup").first.click()
    page.wait_for_url(f"**{BASE}/dags/{SAFE}__backup")


def test_each_page_has_an_address_in_the_navigation(pages: RecoveryPages, page: Page) -> None:
    page.goto(f"{pages.url}/")
    page.get_by_role("link", name="Recovery", exact=True).first.click()
    shown_in(page).get_by_role("link", name="Incidents").first.click()
    page.wait_for_url(f"**{BASE}/plugin/recovery{BASE}/recovery/incidents")
    page.reload()
    expect(shown_in(page).locator("h1")).to_have_text("Incidents")


def test_a_filter_survives_paste(pages: RecoveryPages, page: Page) -> None:
    page.goto(pages.framed("?sort=-firm&q=hart"))
    expect(shown_in(page).locator("tbody tr")).to_have_count(1)
    assert page.url.endswith("?sort=-firm&q=hart")


@pytest.mark.parametrize(
    "place", ["plugin/recovery-of-dag", "runs/manual__2026-11-28T06:32:27+00:00/plugin/recovery-of-run"]
)
def test_beside_a_dag_and_its_runs_stands_its_firm(pages: RecoveryPages, page: Page, place: str) -> None:
    page.goto(f"{pages.url}/dags/{SAFE}__backup/{place}")
    expect(shown_in(page).locator("h1")).to_have_text("Hartwell & Associates LLP")


def test_the_icon_is_shown(pages: RecoveryPages, page: Page) -> None:
    page.goto(f"{pages.url}/")
    icon = page.locator('img[src*="/recovery/static/recovery"]').first
    icon.wait_for()
    page.wait_for_function("icon => icon.complete && icon.naturalWidth > 0", arg=icon.element_handle())


def test_home_says_that_something_is_wrong_and_leads_there(
    pages: RecoveryPages, context: BrowserContext, page: Page
) -> None:
    page.goto(f"{pages.url}/")
    line = page.get_by_test_id("dashboard-alerts")
    expect(line).to_contain_text(re.compile(r"Recovery: [0-9]+ firms? .*, [0-9]+ open incidents[.]"))
    with context.expect_page() as opened:
        line.get_by_role("link", name="Recovery page").click()
    expect(shown_in(opened.value).locator("h1")).to_have_text("Fleet")


def test_dags_have_names_that_people_read(pages: RecoveryPages, page: Page) -> None:
    page.goto(f"{pages.url}/dags/{SAFE}__restore")
    expect(page.get_by_text("Acme & Sons: restore", exact=True).first).to_be_visible()
