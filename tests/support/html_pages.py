"""A page as a reader has it: its text, its links, its tables; never its source as it is written."""

from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from lxml import html
from lxml.html import HtmlElement


def parsed(page: str) -> HtmlElement:
    return html.document_fromstring(page)


def text_of(element: HtmlElement) -> str:
    return " ".join(element.text_content().split())


def main_text(page: str) -> str:
    return text_of(parsed(page).get_element_by_id("main"))


def rows_of(table: HtmlElement) -> list[list[str]]:
    """Of its body."""
    return [[text_of(cell) for cell in row.xpath("./th|./td")] for row in table.xpath("./tbody/tr")]


def links_of(page: str) -> Iterator[tuple[str, str]]:
    """Text and address."""
    for link in parsed(page).xpath("//main//a[@href]"):
        yield text_of(link), link.get("href")


def parameters_of(address: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(address).query, keep_blank_values=True)


def inlined(page: str) -> list[str]:
    """What the page's Content-Security-Policy forbids: styles and scripts within it."""
    found = parsed(page).xpath("//style | //script[not(@src)] | //*[@style] | //@*[starts-with(name(), 'on')]/..")
    return [html.tostring(each, encoding="unicode")[:80] for each in found]
