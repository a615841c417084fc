"""`python -m muniment_demo.pictures`: docs/images/recovery-*.png, of what `make up` shows, by Chromium.

The addresses of the pages are in the pages: from the fleet to a firm, from its time line to an instant.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from muniment.domain.secret import Secret
from muniment.errors import MunimentError
from muniment_demo.airflow_api import AirflowApi
from muniment_demo.errors import CannotTakePictures
from muniment_demo.world import PROJECT, World

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

IMAGES = PROJECT / "docs" / "images"
_USER = "admin"
_WINDOW = (1440, 900)
_PATIENCE_MS = 60_000.0
_FIRM = "tbody th[scope=row] a"
_INSTANT = "[data-marks] a[href*='/at/']"

type Theme = Literal["light", "dark"]


def take_pictures(world: World, into: Path = IMAGES) -> tuple[Path, ...]:
    """Of the fleet in both themes, of its first firm, and of the newest mark of that one's time line.

    Raises ``CannotTakePictures`` where nothing is up, or where there is no Chromium or no playwright.
    """
    facts = world.description()
    if facts is None:
        raise CannotTakePictures(why=f"nothing is up in {world.root}", way="make up")
    into.mkdir(parents=True, exist_ok=True)
    with _chromium() as browser:
        host = Host(facts["airflow_url"], facts["firms"][0]["id"], _token(facts))
        return tuple(_all(browser, host, into))


class Host:
    """Airflow with the page in its frame."""

    def __init__(self, url: str, firm: str, token: str) -> None:
        self.url, self.firm, self.token = url, firm, token

    def framed(self, path: str) -> str:
        """``path``: of a page of ours, from its host on."""
        return f"{self.url}/plugin/recovery{path}"

    @property
    def page(self) -> str:
        return f"{urlsplit(self.url).path.rstrip('/')}/recovery/"


def _token(facts: dict[str, object]) -> str:
    passwords = facts["passwords"]
    assert isinstance(passwords, dict)
    return AirflowApi(str(facts["airflow_url"]), _USER, Secret(passwords[_USER])).sign_in()


@contextmanager
def _chromium() -> Iterator["Browser"]:
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only those who run the tests have it
    except ImportError:
        raise CannotTakePictures(
            why="playwright is not installed", way="pip install -r tests/requirements.txt"
        ) from None
    program = shutil.which("chromium")
    if program is None:
        raise CannotTakePictures(why="there is no chromium", way="apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        try:
            yield browser
        finally:
            browser.close()


def _all(browser: "Browser", host: Host, into: Path) -> Iterator[Path]:
    with _visit(browser, host, "dark") as page:
        _open(page, host, host.page, _FIRM)
        yield _taken(page, into / "recovery-fleet-dark.png")
    with _visit(browser, host, "light") as page:
        _open(page, host, host.page, _FIRM)
        yield _taken(page, into / "recovery-fleet-light.png")
        instant = _open(page, host, f"{host.page}firm/{host.firm}", _INSTANT)
        yield _taken(page, into / "recovery-firm.png")
        _open(page, host, str(instant.get_attribute("href")), "h1")
        yield _taken(page, into / "recovery-instant.png")


@contextmanager
def _visit(browser: "Browser", host: Host, theme: Theme) -> Iterator["Page"]:
    width, height = _WINDOW
    context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": height})
    context.set_default_timeout(_PATIENCE_MS)
    context.add_cookies([{"name": "_token", "value": host.token, "url": host.url}])
    try:
        yield context.new_page()
    finally:
        context.close()


def _open(page: "Page", host: Host, path: str, shown: str) -> "Locator":
    """The last of what is to be seen on the page in the frame."""
    page.goto(host.framed(path))
    frame = page.locator("iframe").element_handle().content_frame()
    assert frame is not None
    frame.wait_for_load_state("load")
    found = frame.locator(shown).last
    found.wait_for(state="attached")
    return found


def _taken(page: "Page", file: Path) -> Path:
    page.screenshot(path=file)
    return file


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m muniment_demo.pictures", description=__doc__)
    parser.add_argument("--in", dest="folder", type=Path, metavar="FOLDER", help="of `make up`; default .muniment/up")
    parser.add_argument("--into", type=Path, default=IMAGES, metavar="FOLDER", help="default docs/images")
    asked = parser.parse_args()
    world = World(asked.folder.absolute()) if asked.folder else World.named("up")
    try:
        for file in take_pictures(world, asked.into):
            print(f"{file}: {file.stat().st_size // 1024} KiB")
    except MunimentError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
