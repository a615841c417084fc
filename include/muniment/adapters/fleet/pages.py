"""The pages as HTML: templates, and how instants, ages and sizes are written on all of them."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from muniment.domain.fleet.frame import Frame, in_address
from muniment.domain.fleet.instants import in_zone
from muniment.domain.shown_text import shown
from muniment.domain.units import human_duration, human_size

_TEMPLATES = Path(__file__).with_name("templates")
STATIC = Path(__file__).with_name("static")


def render(template: str, frame: Frame, **shown: object) -> str:
    """``template``: a file of ``templates/``, which extends ``base.html``."""
    return _world().get_template(template).render(frame=frame, **shown)


def instant(at: datetime | None, zone: str = "UTC") -> Markup:
    """In the firm's zone, with UTC in its title; a dash where there is none."""
    if at is None:
        return Markup('<span class="none">—</span>')
    utc = at.astimezone(UTC)
    there = utc.astimezone(ZoneInfo(zone))
    day, clock = utc.isoformat(" ", "seconds")[:19].split(" ")
    local = escape(f"{there.isoformat(' ', 'minutes')[:16]} {there.tzname()}")
    # Nothing but digits stands beside what is escaped, and Markup.format takes longer than all else here.
    return Markup(f'<time datetime="{day}T{clock}Z" title="{day} {clock} UTC">{local}</time>')


def age(at: datetime | None, now: datetime) -> str:
    """``4 min ago``; ``never``."""
    if at is None:
        return "never"
    seconds = (now - at).total_seconds()
    return f"{human_duration(seconds)} ago" if seconds >= 0 else f"in {human_duration(-seconds)}"


def lasting(seconds: float | None) -> str:
    return "unknown" if seconds is None else human_duration(seconds)


def commands(text: str) -> Markup:
    """What stands between backticks is something to type."""
    pieces = enumerate(shown(text).split("`"))
    return Markup("").join(Markup("<code>{}</code>").format(each) if n % 2 else escape(each) for n, each in pieces)


@cache
def _world() -> Environment:
    world = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    world.filters |= {"instant": instant, "age": age, "lasting": lasting, "size": human_size}
    world.filters |= {"iso": in_address, "spoken": in_zone, "shown": shown, "commands": commands}
    return world
