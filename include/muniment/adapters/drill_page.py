"""The page that a person reads: one HTML file from a drill's evidence, with its pictures inside and no script."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

from include.muniment.domain.drill_evidence import Drill, PastDrill
from include.muniment.domain.units import human_duration

_TEMPLATE = Path(__file__).with_suffix(".html")
_CHART_HEIGHT, _CHART_WIDTH = 120.0, 640.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One step in the time line, in per cent of the whole."""

    name: str
    left: float
    width: float
    label: str
    finished: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """One drill in the plot of the history."""

    x: float
    y: float
    passed: bool
    title: str


def page_of(drill: Drill) -> str:
    history = (*drill.history, drill.as_past())
    top_s = _top(history, drill.rto_s)
    return _template().render(
        drill=drill,
        bars=list(_bars(drill)),
        marks=list(_marks(history, top_s)),
        chart={"width": _CHART_WIDTH, "height": _CHART_HEIGHT, "rto_y": _y(drill.rto_s, top_s)},
        shows_rto=drill.rto_s <= top_s,
        top=human_duration(top_s),
    )


@cache
def _template() -> Template:
    world = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    world.filters["duration"] = _duration
    world.filters["instant"] = lambda at: f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return world.from_string(_TEMPLATE.read_text())


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "not known"
    return f"{seconds:.1f} s" if seconds < 60 else human_duration(seconds)


def _bars(drill: Drill) -> Iterator[Bar]:
    whole = max((step.begins_s + step.seconds for step in drill.steps), default=0.0) or 1.0
    for step in drill.steps:
        width = max(0.4, 100 * step.seconds / whole)
        left = min(100 * step.begins_s / whole, 100 - width)
        yield Bar(step.name, round(left, 2), round(width, 2), _duration(step.seconds), step.finished)


def _top(history: tuple[PastDrill, ...], rto_s: float) -> float:
    """The plot's upper edge: the slowest drill with some air; the RTO where it would not flatten everything else."""
    slowest = max((past.recover_s or 0.0 for past in history), default=0.0)
    return max(slowest * 1.25, rto_s * 1.1 if rto_s < slowest * 6 else 0.0, 1.0)


def _marks(history: tuple[PastDrill, ...], top_s: float) -> Iterator[Mark]:
    between = _CHART_WIDTH / (len(history) + 1)
    for place, past in enumerate(history, 1):
        title = f"{past.finished_at:%Y-%m-%d}: {'passed' if past.passed else 'failed'}, {_duration(past.recover_s)}"
        yield Mark(round(place * between, 1), _y(past.recover_s or 0.0, top_s), past.passed, title)


def _y(seconds: float, top_s: float) -> float:
    return round(_CHART_HEIGHT * (1 - min(seconds / top_s, 1.0)), 1)
