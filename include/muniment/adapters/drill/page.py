"""The page that a person reads: one HTML file from a drill's evidence, with its pictures inside and no script."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

from muniment.domain.drill.evidence import Drill
from muniment.domain.drill.sign_off import SignOff
from muniment.domain.drill.view import View

_TEMPLATE = Path(__file__).with_suffix(".html")
_CHART_HEIGHT, _CHART_WIDTH = 120.0, 640.0


def page_of(drill: Drill, sign_off: SignOff | None = None) -> str:
    view = View(drill, sign_off)
    return _template().render(drill=drill, view=view, chart=view.chart, width=_CHART_WIDTH, height=_CHART_HEIGHT)


@cache
def _template() -> Template:
    world = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return world.from_string(_TEMPLATE.read_text())
