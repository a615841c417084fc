"""Anybody's text on a page: nothing unseen, nothing turned round, and what people really write left as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.evidence import Check
from muniment.domain.shown_text import first_lines, shown, storable


@pytest.mark.parametrize(("text", "expected"), [
    ("bell\a", "bell[U+0007]"),
    ("\N{RIGHT-TO-LEFT OVERRIDE}fdp.exe", "[U+202E]fdp.exe"),
    ("zero\N{ZERO WIDTH SPACE}width", "zero[U+200B]width"),
    ("soft\N{SOFT HYPHEN}hyphen", "soft[U+00AD]hyphen"),
    ("private \ue000, no character \U000e0fff", "private [U+E000], no character [U+E0FFF]"),
    ("half \udc80", "half [U+DC80]"),
    ("\N{WOMAN}\N{ZERO WIDTH JOINER}\N{SCALES}", "\N{WOMAN}[U+200D]\N{SCALES}"),
    ("a\N{VARIATION SELECTOR-17}\N{VARIATION SELECTOR-18}", "a\N{VARIATION SELECTOR-17}[U+E0101]"),
])  # fmt: skip
def test_what_cannot_be_seen_is_shown_by_its_code_point(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize("text", [
    "Müller & Søn: 2026.pdf", "契約書（東京）", "한국어", "สัญญา", "עברית العربية", "two\nlines\tand a tab",
    "❤\ufe0f", "葛\U000e0100",
    "می\N{ZERO WIDTH NON-JOINER}خواهم", "क\N{DEVANAGARI SIGN VIRAMA}\N{ZERO WIDTH JOINER}ष",
])  # fmt: skip
def test_what_people_write_is_left_as_it_is(text: str) -> None:
    assert shown(text) == text


@given(st.text(st.characters(codec=None)))
def test_evidence_can_be_stored_and_shown_whatever_was_said(text: str) -> None:
    check = Check(name=text, expected=text, found=text, passed=True)
    assert Check.from_json(check.to_json()) == check
    assert check.found == storable(text)
    assert shown(shown(text)) == shown(text)
    assert shown(text).encode() is not None


@pytest.mark.parametrize(
    ("count", "last"), [(0, []), (1, ["line 0"]), (3, ["line 2"]), (4, ["  and 1 more"]), (9, ["  and 6 more"])]
)
def test_the_first_lines_say_how_many_there_are_beside(count: int, last: list[str]) -> None:
    lines = [f"line {number}" for number in range(count)]
    told = first_lines(lines, 3)
    assert told[-1:] == last
    assert told[:3] == lines[:3]
