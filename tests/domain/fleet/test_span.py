from datetime import timedelta

import pytest

from muniment.domain.fleet.frame import in_address
from muniment.domain.fleet.span import LONGEST, Span, span_asked, whole_span, zooms
from muniment.errors import InvalidRequest
from tests.support.recovery_pictures import DAY, HOUR, NOW

WHOLE = Span(NOW - 60 * DAY, NOW)


def asked(begin: str | None, end: str | None) -> Span:
    return span_asked(begin, end, "Europe/Berlin", WHOLE)


def test_the_whole_begins_with_the_oldest_thing_there_is() -> None:
    assert whole_span(NOW - 60 * DAY, NOW) == WHOLE
    assert whole_span(NOW - 300 * DAY, NOW).begin == NOW - LONGEST
    assert whole_span(NOW - timedelta(seconds=1), NOW).lasts == HOUR
    assert whole_span(None, NOW).lasts == DAY


def test_what_is_asked_for_is_shown() -> None:
    assert asked(None, None) == WHOLE
    begin, end = NOW - 3 * DAY, NOW - 2 * DAY
    assert asked(in_address(begin), in_address(end)) == Span(begin, end)
    assert asked(in_address(begin), in_address(NOW + DAY)) == Span(begin, NOW)
    assert asked(in_address(begin), None) == Span(begin, NOW)
    assert asked(None, in_address(end)) == Span(WHOLE.begin, end)
    assert asked(None, in_address(NOW - 70 * DAY)).lasts == DAY


@pytest.mark.parametrize(
    ("begin", "end", "why"),
    [
        (in_address(NOW - DAY), in_address(NOW - 2 * DAY), "is not ten minutes of the past"),
        (in_address(NOW + DAY), None, "is not ten minutes of the past"),
        (in_address(NOW - 91 * DAY), None, "more than 90 days"),
        ("tomorrow", None, "from: 'tomorrow' is no time"),
        (None, "<script>", "to: '<script>' is no time"),
    ],
)
def test_what_cannot_be_shown_is_refused(begin: str | None, end: str | None, why: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        asked(begin, end)
    assert why in refused.value.facts["faults"]


def test_each_way_to_look_elsewhere_is_a_span_that_can_be_asked_for() -> None:
    shown = Span(NOW - 20 * DAY, NOW - 10 * DAY)
    spans = {each.label: each.span for each in zooms(shown, WHOLE)}
    assert list(spans) == ["Whole", "30 days", "Week", "Day", "In", "Out", "Earlier", "Later"]
    assert spans["In"] == Span(NOW - 17.5 * DAY, NOW - 12.5 * DAY)
    assert spans["Out"] == Span(NOW - 25 * DAY, NOW - 5 * DAY)
    assert spans["Earlier"] == Span(NOW - 25 * DAY, NOW - 15 * DAY)
    assert spans["Later"] == Span(NOW - 15 * DAY, NOW - 5 * DAY)
    for span in filter(None, spans.values()):
        assert asked(in_address(span.begin), in_address(span.end)) == span
    assert [each.label for each in zooms(WHOLE, WHOLE)] == ["Whole", "30 days", "Week", "Day", "In"]
    assert {each.label: each.span for each in zooms(Span(NOW - 4 * DAY, NOW), WHOLE)}["Out"] == Span(NOW - 8 * DAY, NOW)


def test_what_another_one_has_not() -> None:
    day = Span(NOW - timedelta(days=1), NOW)
    hour = timedelta(hours=1)
    inner = Span(day.begin + hour, NOW - hour)
    assert list(day.outside(inner)) == [(day.begin, inner.begin), (inner.end, NOW)]
    assert list(inner.outside(day)) == list(day.outside(day)) == []
    earlier = Span(day.begin - 2 * hour, day.begin - hour)
    assert list(day.outside(earlier)) == [(day.begin, NOW)]
