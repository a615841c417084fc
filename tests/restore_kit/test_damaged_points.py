"""Which point `latest` is, where a person had taken one with damaged pages."""

from typing import Any

import pytest

from muniment.restore_kit import restore


def point(name: str, *, damaged: bool = False, system: int = 1) -> dict[str, Any]:
    named = [{"what": "relation file", "name": "base/5/1", "reason": "damaged"}] if damaged else []
    lacking = {"count": len(named), "named": named, "digest": ""} if damaged else None
    return {"id": name, "system_identifier": system, "incomplete": lacking}


@pytest.mark.parametrize(
    ("those", "taken"),
    [
        ([point("a"), point("b")], "b"),
        ([point("a"), point("b", damaged=True)], "a"),
        ([point("a", damaged=True), point("b", damaged=True)], "b"),
        ([point("a", system=7), point("b", damaged=True)], "b"),  # of a cluster that was replaced
    ],
)
def test_latest_is_a_sound_one_where_there_is_one(those: list[dict[str, Any]], taken: str) -> None:
    assert restore.newest_sound(those)["id"] == taken


def test_a_point_of_before_it_was_kept_is_sound() -> None:
    assert not restore.is_damaged({"id": "a", "system_identifier": 1})
