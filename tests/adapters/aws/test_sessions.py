"""What sessions share is read as each one of botocore's own would read it."""

from typing import Any

import pytest
from botocore.utils import parse_timestamp

from muniment.adapters.aws.sessions import instant, new_session


@pytest.mark.parametrize(
    "told",
    [
        "2026-11-28T03:04:05.678Z",
        "2026-11-28T03:04:05Z",
        "2026-11-28T03:04:05+02:00",
        "Sat, 28 Nov 2026 03:04:05 GMT",
        "1795835045",
        1795835045.25,
        1795835045,
    ],
)
def test_times_are_read_as_botocore_reads_them(told: Any) -> None:
    assert instant(told) == parse_timestamp(told)


@pytest.mark.parametrize("told", ["2026-13-28T03:04:05Z", "soon"])
def test_what_is_no_time_is_refused_as_by_botocore(told: str) -> None:
    with pytest.raises(ValueError, match="Invalid timestamp"):
        instant(told)


def test_what_one_session_hears_no_other_does() -> None:
    heard: list[str] = []
    one, other = new_session(), new_session()
    one.register("muniment.heard", lambda **_: heard.append("one"))
    other.get_component("event_emitter").emit("muniment.heard")
    assert heard == []
    one.get_component("event_emitter").emit("muniment.heard")
    assert heard == ["one"]
