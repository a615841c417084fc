from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

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

INSTANTS = ("2026-11-02T12:00:00Z", "2026-11-05T07:12:00Z", "2026-11-10T12:00:00Z")
"""That a click asks for."""


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
    led_to = [*(f"x/at/{mark}" for mark in range(5)), *(f"x/at/{quote(instant)}" for instant in INSTANTS)]
    anywhere = {f"/recovery/firm/{each}": "<!doctype html><title>led to</title>" for each in led_to}
    with served({"/recovery/": every_class(), "/host": host, "/empty": "<!doctype html>", **anywhere}) as found:
        yield found
