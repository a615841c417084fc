from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from jinja2 import FileSystemLoader

from muniment.adapters.fleet import pages
from muniment.domain.fleet.frame import Frame
from tests.support.page_server import served
from tests.support.recovery_firms import LONG_NAME, TAG_NAME

STANDINGS = {
    "lost": "not recoverable",
    "risk": "at risk",
    "unknown": "unknown",
    "suspended": "suspended",
    "new": "new",
    "safe": "safe",
}


def every_class(name: str = f"{TAG_NAME} {LONG_NAME}") -> str:
    """A page with whatever ``page.css`` has a class for."""
    world = pages._world().overlay(loader=FileSystemLoader([pages._TEMPLATES, Path(__file__).parent]))
    world.cache = None
    standings = [SimpleNamespace(shape=shape, state=word) for shape, word in STANDINGS.items()]
    frame = Frame(airflow="", now=datetime(2026, 11, 28, 9, tzinfo=UTC))
    return world.get_template("every_class.html").render(frame=frame, name=name, standings=standings)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of the page with every class, of a host that frames it, and of any page that a link leads to."""
    host = (
        '<!doctype html><html lang="en" class="dark"><title>Airflow</title><iframe src="/recovery/" title="x"></iframe>'
    )
    pages = {"/recovery/": every_class(), "/host": host, "/empty": "<!doctype html>"}
    with served(pages, anywhere="<!doctype html><title>led to</title>") as found:
        yield found
