from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.domain.fleet.plot import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    Ground,
    Series,
    Unit,
    bar_plot,
    line_plot,
    said,
    scale_to,
)
from muniment.domain.fleet.span import Span
from tests.support.recovery_pictures import DAY, HOUR, NOW

SPAN = Span(NOW - 10 * DAY, NOW)
UNITS: list[Unit] = ["bytes", "seconds", "count"]


def ground(unit: Unit = "count", promise: float | None = None) -> Ground:
    return Ground("Plotted", SPAN, "UTC", unit, promise)


def daily(*values: float | None) -> tuple[tuple[datetime, float | None], ...]:
    return tuple((NOW - (len(values) - number) * DAY, value) for number, value in enumerate(values))


@settings(max_examples=50)
@given(st.floats(0, 1e15), st.sampled_from(UNITS))
def test_a_scale_reaches_its_most_in_few_round_steps(most: float, unit: Unit) -> None:
    scale = scale_to(most, unit)
    ticks = list(scale.ticks())
    assert scale.most >= most
    assert 2 <= len(ticks) <= 7
    assert (ticks[0].at, ticks[-1].at) == (BOTTOM, TOP)
    assert len({each.label for each in ticks}) == len(ticks)


@pytest.mark.parametrize(
    ("most", "unit", "labels"),
    [
        (2.5 * 2**30, "bytes", ["0 B", "512.0 MiB", "1.0 GiB", "1.5 GiB", "2.0 GiB", "2.5 GiB"]),
        (70, "seconds", ["0 s", "15.0 s", "30.0 s", "45.0 s", "1 min 00 s", "1 min 15 s"]),
        (7, "count", ["0", "2", "4", "6", "8"]),
        (0, "count", ["0", "1"]),
    ],
)
def test_labels_are_what_people_say(most: float, unit: Unit, labels: list[str]) -> None:
    assert [each.label for each in scale_to(most, unit).ticks()] == labels


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=9))
def test_stacked_bars_stand_on_each_other_and_to_scale(values: list[tuple[int, int]]) -> None:
    series = (Series("a", daily(*(a for a, _ in values))), Series("b", daily(*(b for _, b in values)), "soft"))
    plot = bar_plot(ground(), series, stacked=True)
    most = scale_to(max(a + b for a, b in values), "count").most
    for number, (a, b) in enumerate(values):
        lower, upper = plot.bars[2 * number], plot.bars[2 * number + 1]
        assert abs(upper.y + upper.height - lower.y) < 0.02
        for bar, value in ((lower, a), (upper, b)):
            assert abs(bar.height - value / most * (BOTTOM - TOP)) < 0.03
    assert {bar.css for bar in plot.bars} == {"bar", "bar soft"}


def test_the_lower_bar_stands_before_the_higher() -> None:
    plot = bar_plot(ground(), (Series("a", daily(1.0)), Series("b", daily(3.0), "soft")))
    assert [bar.told for bar in plot.bars] == ["b: 3", "a: 1"]


def test_what_is_unknown_or_lies_elsewhere_has_no_bar() -> None:
    elsewhere = ((NOW - 11 * DAY, 5.0), *daily(None, 2.0))
    plot = bar_plot(ground(promise=4.0), (Series("a", elsewhere),))
    assert len(plot.bars) == 1
    assert plot.promise_y is not None
    assert TOP <= plot.promise_y < plot.bars[0].y
    assert [cells for _, cells in plot.rows()] == [("2",), ("unknown",)]


def test_a_line_ends_where_nothing_is_known() -> None:
    values = daily(1.0, 2.0, None, 3.0, 4.0)
    plot = line_plot(ground("seconds"), (Series("a", values, "second"),), longest=25 * HOUR)
    assert [len(points.split()) for points, _ in plot.lines] == [2, 2]
    assert {css for _, css in plot.lines} == {"line second"}
    assert len(plot.gaps) == 2
    assert plot.gaps[0].x == LEFT
    assert plot.legend == (("line second", "a"),)


def test_a_look_that_was_not_made_breaks_the_line() -> None:
    values = tuple((NOW - minutes * timedelta(minutes=1), 1.0) for minutes in (60, 55, 50, 10, 5, 0))
    span = Span(NOW - HOUR, NOW)
    plot = line_plot(Ground("RPO", span, "UTC", "seconds"), (Series("a", values),), longest=timedelta(minutes=11))
    assert [len(points.split()) for points, _ in plot.lines] == [3, 3]
    assert [(gap.x, round(gap.x + gap.width)) for gap in plot.gaps] == [(LEFT + 150, round(LEFT + 750))]
    assert plot.x_ticks[-1].at <= RIGHT


def test_nothing_is_never_zero() -> None:
    assert said(None, "count") == "unknown"
    plot = line_plot(ground(), (), longest=DAY)
    assert (plot.lines, len(plot.gaps)) == ((), 1)
