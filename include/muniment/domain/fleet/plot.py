"""Plots as numbers: bars and lines on an axis of time, with ticks that people can read. The page only draws them.

Units are those of the drawing, ``WIDTH`` by ``HEIGHT``; the value axis goes up, so a larger value has a smaller ``y``.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil, floor, log2, log10
from typing import Literal

from muniment.domain.fleet.span import Span
from muniment.domain.fleet.ticks import time_ticks
from muniment.domain.units import human_duration, human_size

WIDTH, HEIGHT = 1000.0, 180.0
LEFT, RIGHT, TOP, BOTTOM = 90.0, 990.0, 12.0, 150.0

type Unit = Literal["bytes", "seconds", "count"]
_MOST_TICKS = 5
_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Series:
    """``values`` by instant, in order; ``None``: unknown. ``css`` goes with its class."""

    name: str
    values: tuple[tuple[datetime, float | None], ...]
    css: str = ""


@dataclass(frozen=True, slots=True)
class PlotTick:
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Rect:
    x: float
    y: float
    width: float
    height: float
    css: str
    told: str


@dataclass(frozen=True, slots=True)
class Plot:
    title: str
    span: Span
    unit: Unit
    series: tuple[Series, ...]
    """What is drawn, for the table that says the same."""
    x_ticks: tuple[PlotTick, ...]
    y_ticks: tuple[PlotTick, ...]
    bars: tuple[Rect, ...] = ()
    lines: tuple[tuple[str, str], ...] = ()
    """Points of a polyline, and its class."""
    gaps: tuple[Rect, ...] = ()
    """When nothing is known."""
    promise_y: float | None = None
    promise: str | None = None
    legend: tuple[tuple[str, str], ...] = ()
    """Class and name."""

    def rows(self) -> Iterator[tuple[datetime, tuple[str, ...]]]:
        """Of the table: an instant, and what each series says of it; newest first."""
        by_instant = [{at: value for at, value in each.values if self.span.has(at)} for each in self.series]
        for at in sorted({at for values in by_instant for at in values}, reverse=True):
            yield at, tuple(said(values[at], self.unit) if at in values else "—" for values in by_instant)


@dataclass(frozen=True, slots=True)
class Scale:
    """``most``: the value at ``TOP``; 0 is at ``BOTTOM``."""

    most: float
    step: float
    unit: Unit

    def y(self, value: float) -> float:
        return round(BOTTOM - value / self.most * (BOTTOM - TOP), 2)

    def ticks(self) -> Iterator[PlotTick]:
        for number in range(round(self.most / self.step) + 1):
            yield PlotTick(self.y(number * self.step), said(number * self.step, self.unit))


def said(value: float | None, unit: Unit) -> str:
    if value is None:
        return "unknown"
    if unit == "bytes":
        return human_size(value)
    return (human_duration(value) if value else "0 s") if unit == "seconds" else f"{value:,.0f}"


def scale_to(most: float, unit: Unit) -> Scale:
    """From 0 to a round number that is not below ``most``, in five steps at most."""
    most = max(most, 1.0)
    step = _step(most / _MOST_TICKS, unit)
    return Scale(ceil(most / step) * step, step, unit)


def _step(least: float, unit: Unit) -> float:
    if unit == "bytes":
        return 2.0 ** ceil(log2(max(least, 1.0)))
    if unit == "seconds":
        return next((float(each) for each in _SECONDS if each >= least), 86400.0 * _round(least / 86400.0))
    return max(1.0, _round(least))


def _round(least: float) -> float:
    """1, 2 or 5 times a power of ten, not below ``least``."""
    power = 10.0 ** floor(log10(least)) if least > 0 else 1.0
    return next((each * power for each in (1, 2, 5) if each * power >= least * (1 - 1e-9)), 10 * power)


@dataclass(frozen=True, slots=True)
class Ground:
    """What is plotted on. ``promise``: a value that is drawn over the whole width."""

    title: str
    span: Span
    time_zone: str
    unit: Unit
    promise: float | None = None


def bar_plot(ground: Ground, series: Sequence[Series], *, stacked: bool = False) -> Plot:
    """The bars of one instant stand on each other, or the lower one before the higher."""
    columns = _columns(series, ground.span)
    tops = [(sum if stacked else max)(value for _, value in column) for column in columns.values()]
    scale = scale_to(max([*tops, ground.promise or 0.0]), ground.unit)
    width = min(24.0, round((RIGHT - LEFT) / max(1, len(columns)) * 0.7, 2))
    bars = (
        bar
        for at, column in columns.items()
        for bar in _bars(x_of(at, ground.span), column, scale, width, stacked=stacked)
    )
    return replace(_plot(ground, series, scale, "bar"), bars=tuple(bars))


def line_plot(ground: Ground, series: Sequence[Series], *, longest: timedelta) -> Plot:
    """A line ends where a value is unknown, and where there is none for more than ``longest``: there is a gap."""
    known = [value for each in series for _, value in each.values if value is not None]
    scale = scale_to(max([*known, ground.promise or 0.0]), ground.unit)
    lines = ((points, _css("line", each)) for each in series for points in _lines(each, ground.span, scale, longest))
    gaps = tuple(_gaps(series, ground.span, longest))
    return replace(_plot(ground, series, scale, "line"), lines=tuple(lines), gaps=gaps)


def _plot(ground: Ground, series: Sequence[Series], scale: Scale, kind: str) -> Plot:
    ticks = time_ticks(ground.span, ground.time_zone)
    return Plot(
        title=ground.title,
        span=ground.span,
        unit=ground.unit,
        series=tuple(series),
        x_ticks=tuple(PlotTick(x_of(each.at, ground.span), each.label) for each in ticks),
        y_ticks=tuple(scale.ticks()),
        promise_y=None if ground.promise is None else scale.y(ground.promise),
        promise=None if ground.promise is None else said(ground.promise, ground.unit),
        legend=tuple((_css(kind, each), each.name) for each in series),
    )


def _css(kind: str, series: Series) -> str:
    return f"{kind} {series.css}".strip()


def x_of(at: datetime, span: Span) -> float:
    return round(LEFT + span.share(at) * (RIGHT - LEFT), 2)


type _Column = list[tuple[Series, float]]


def _columns(series: Iterable[Series], span: Span) -> dict[datetime, _Column]:
    """What is known, by instant."""
    columns: dict[datetime, _Column] = {}
    for each in series:
        for at, value in each.values:
            if value is not None and span.has(at):
                columns.setdefault(at, []).append((each, value))
    return columns


def _bars(x: float, column: _Column, scale: Scale, width: float, *, stacked: bool) -> Iterator[Rect]:
    bottom = 0.0
    for series, value in column if stacked else sorted(column, key=lambda each: -each[1]):
        top = scale.y(bottom + value)
        height = round(scale.y(bottom) - top, 2)
        told = f"{series.name}: {said(value, scale.unit)}"
        left = min(max(x - width / 2, LEFT), RIGHT - width)  # beside the labels of the axis, not over them
        yield Rect(round(left, 2), top, width, height, _css("bar", series), told)
        bottom += value if stacked else 0.0


def _lines(series: Series, span: Span, scale: Scale, longest: timedelta) -> Iterator[str]:
    points: list[str] = []
    last: datetime | None = None
    for at, value in series.values:
        if points and (value is None or (last is not None and at - last > longest)):
            yield " ".join(points)
            points = []
        if value is not None and span.has(at):
            points.append(f"{x_of(at, span)},{scale.y(value)}")
            last = at
    if points:
        yield " ".join(points)


def _gaps(series: Iterable[Series], span: Span, longest: timedelta) -> Iterator[Rect]:
    """Where no series knows anything."""
    known = sorted({at for each in series for at, value in each.values if value is not None and span.has(at)})
    for earlier, later in pairwise((span.begin, *known, span.end)):
        if later - earlier > longest:
            x = x_of(earlier, span)
            yield Rect(x, TOP, round(x_of(later, span) - x, 2), BOTTOM - TOP, "gap", "unknown")
