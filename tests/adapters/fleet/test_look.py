"""What ``page.css`` promises, by Chromium and axe, on a page that has whatever it has a class for."""

import re

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browsing import Theme, axe_faults, sideways, visit

# Class → what draws it.
DRAWN = {
    ".line": "stroke",
    ".promise-line": "stroke",
    ".bar": "fill",
    ".window": "stroke",
    ".hole": "stroke",
    ".mark": "stroke",
    ".axis": "stroke",
    "tr.s-lost .shape": "color",
    "tr.s-risk .shape": "color",
    "tr.s-unknown .shape": "color",
    "tr.s-suspended .shape": "color",
    "tr.s-new .shape": "color",
    "tr.s-safe .shape": "color",
    "input": "border-top-color",
    "button": "border-top-color",
}
THEMES: tuple[Theme, ...] = ("light", "dark")


def luminance(colour: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    shares = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def style(page: Page, selector: str, what: str) -> str:
    return str(page.locator(selector).first.evaluate(f"each => getComputedStyle(each).getPropertyValue('{what}')"))


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing(chromium: Browser, address: str, theme: Theme) -> None:
    with visit(chromium, system=theme) as page:
        page.goto(f"{address}/recovery/")
        assert axe_faults(page) == []
        assert axe_faults(page, ("best-practice",)) == []


def test_axe_finds_nothing_in_forced_colours(chromium: Browser, address: str) -> None:
    with visit(chromium, forced_colors="active") as page:
        page.goto(f"{address}/recovery/")
        assert axe_faults(page) == []


@pytest.mark.parametrize("theme", THEMES)
def test_a_drawing_stands_out_from_its_ground(chromium: Browser, address: str, theme: Theme) -> None:
    """WCAG 2.2, 1.4.11: three to one, which axe does not measure."""
    with visit(chromium, system=theme) as page:
        page.goto(f"{address}/recovery/")
        grounds = [style(page, "body", "background-color"), style(page, "thead th", "background-color")]
        found = {
            f"{name} on {ground}": contrast(style(page, name, what), ground)
            for name, what in DRAWN.items()
            for ground in grounds
        }
    assert {name: ratio for name, ratio in found.items() if ratio < 3} == {}


def test_each_state_has_another_form(chromium: Browser, address: str) -> None:
    with visit(chromium) as page:
        page.goto(f"{address}/recovery/")
        used = page.locator("tbody .state use").evaluate_all("all => all.map(use => use.getAttribute('href'))")
        forms = {page.locator(each).inner_html() for each in used}
        sizes = page.locator("tbody .state .shape").evaluate_all("all => all.map(x => x.getBoundingClientRect().width)")
    assert len(forms) == len(used) == 6
    assert set(sizes) == {14}


@pytest.mark.parametrize("width", [320, 390, 1024, 1440])
def test_nothing_is_wider_than_the_window(chromium: Browser, address: str, width: int) -> None:
    """WCAG 2.2, 1.4.10. What needs two dimensions scrolls in a region of its own, which has the keyboard's focus."""
    with visit(chromium, width=width) as page:
        page.goto(f"{address}/recovery/")
        assert sideways(page) == 0
        regions = page.get_by_role("region").evaluate_all("all => all.map(x => [x.tabIndex, x.ariaLabel])")
    assert regions == [[0, "Firms"], [0, "Time line"]]


@pytest.mark.parametrize("target", ["nav a", "tbody th a", "svg a", "button", ".scroll"])
def test_the_focus_shows(chromium: Browser, address: str, target: str) -> None:
    with visit(chromium) as page:
        page.goto(f"{address}/recovery/")
        before = page.screenshot()
        page.keyboard.press("Tab")  # so that the browser knows that a keyboard is in use
        page.locator(target).first.focus()
        drawn = page.locator(target).first.evaluate(
            "each => { const style = getComputedStyle(each.querySelector('.mark') ?? each);"
            " return style.outlineStyle !== 'none' ? style.outlineWidth : style.strokeWidth; }"
        )
        assert page.screenshot() != before
    assert float(drawn.removesuffix("px")) >= 2


def test_the_head_of_a_table_stays_in_sight(chromium: Browser, address: str) -> None:
    with visit(chromium, height=300) as page:
        page.goto(f"{address}/recovery/")
        page.mouse.wheel(0, 500)
        page.wait_for_function("window.scrollY > 400")
        assert page.locator("thead").first.evaluate("each => each.rows[0].cells[0].getBoundingClientRect().top") == 0


def test_the_first_stop_leads_past_the_navigation(chromium: Browser, address: str) -> None:
    with visit(chromium) as page:
        page.goto(f"{address}/recovery/")
        page.keyboard.press("Tab")
        assert page.locator(":focus").inner_text() == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


def test_print_has_no_navigation_and_is_light(chromium: Browser, address: str) -> None:
    with visit(chromium, system="dark", kept="dark") as page:
        page.goto(f"{address}/recovery/")
        page.emulate_media(media="print")
        assert not page.locator("body > header nav").is_visible()
        assert luminance(style(page, "body", "background-color")) == pytest.approx(1)


def test_a_name_that_is_a_script_is_text(chromium: Browser, address: str) -> None:
    with visit(chromium) as page:
        page.goto(f"{address}/recovery/")
        assert "<script>alert(1)</script>" in page.locator("h1").inner_text()
        assert page.title().startswith("<script>alert(1)</script>")
