"""The page for paper and archives (PDF/A-2u): typst sets it, with its own fonts and Noto's, and nothing of this
machine's.

A PDF/A has a glyph and a code point for every letter, so what no font has ends typst. It says which text that is, and
that text is set by its code points: a list of our own would have to know every font, and every rule of every script.
"""

import json
import re
from collections.abc import Collection
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import typst

from muniment.domain.drill.evidence import Drill
from muniment.domain.drill.sign_off import SignOff
from muniment.domain.drill.view import View
from muniment.domain.shown_text import code_points

_TEMPLATE = Path(__file__).with_suffix(".typ")
_FONT_PACKAGES = ("manimgx_fonts", "manimgx_fonts_cjk")
# Behind typst's own, in this order; of the rest typst takes the one that has the letter.
_FAMILIES = ("Noto Sans", "Noto Sans CJK SC", "Noto Sans Symbols", "Noto Emoji")
_LONGEST_WORD = 24
_MAY_BREAK = "\N{ZERO WIDTH SPACE}"
# Scripts whose letters neither join nor stack: a word of theirs may break anywhere.
_LONG_WORD = re.compile(rf"[!-\u02ff\u0370-\u0482\u048a-\u058f]{{{_LONGEST_WORD},}}")
_WITHOUT_GLYPH = re.compile(r'the text `"((?:[^"\\]|\\.)+)"` could not be displayed')
_ESCAPED = re.compile(r"\\(?:u\{([0-9a-f]+)\}|(.))")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}


def pdf_of(drill: Drill, sign_off: SignOff | None = None) -> bytes:
    """The same bytes for the same evidence: its own time is the document's. Raises ``typst.TypstError``."""
    made_at = (sign_off.signed_at if sign_off else drill.finished_at).astimezone(UTC)
    told = {**_told(View(drill, sign_off)), "made_at": _date(made_at)}
    spelled: set[str] = set()
    while True:
        try:
            return _typeset(_spelled(told, spelled), made_at)
        except typst.TypstError as refused:
            more = _without_glyph(refused.diagnostic) - spelled
            if not more:
                raise
            spelled |= more


def _typeset(told: Any, made_at: datetime) -> bytes:
    page: Any = typst.compile(
        _template(),
        format="pdf",
        pdf_standards="a-2u",
        font_paths=_fonts(),
        ignore_system_fonts=True,
        sys_inputs={"told": json.dumps(told, ensure_ascii=False)},
        timestamp=int(made_at.timestamp()),
    )
    return bytes(page)


@cache
def _fonts() -> typst.Fonts:
    places = [str(files(package)) for package in _FONT_PACKAGES]
    return typst.Fonts(include_system_fonts=False, font_paths=places)


def _without_glyph(diagnostic: str) -> set[str]:
    """The texts that typst names, which it quotes as Rust quotes strings. ASCII is what they are spelled with."""
    texts = {_ESCAPED.sub(_unescaped, quoted) for quoted in _WITHOUT_GLYPH.findall(diagnostic)}
    return {text for text in texts if not text.isascii()}


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else _ESCAPES.get(escape[2], escape[2])


def _spelled(told: Any, texts: Collection[str]) -> Any:
    """``told`` with these texts by their code points, wherever they are; the longest first, one may be part of
    another."""
    if isinstance(told, str):
        for text in sorted(texts, key=lambda text: (-len(text), text)):
            told = told.replace(text, code_points(text))
        return told
    if isinstance(told, dict):
        return {name: _spelled(value, texts) for name, value in told.items()}
    return [_spelled(each, texts) for each in told] if isinstance(told, (list, tuple)) else told


def _date(at: datetime) -> dict[str, int]:
    """typst's own ``datetime`` from parts: a PDF/A has to carry one."""
    return {
        "year": at.year,
        "month": at.month,
        "day": at.day,
        "hour": at.hour,
        "minute": at.minute,
        "second": at.second,
    }


@cache
def _template() -> bytes:
    return _TEMPLATE.read_bytes()


def _told(view: View) -> dict[str, Any]:
    """What drill_pdf.typ shows."""
    drill, chart = view.drill, view.chart
    return {
        "fonts": _FAMILIES,
        "title": view.title,
        "firm_name": view.firm_name,
        "subtitle": view.subtitle,
        "footer": f"{view.firm_name} · restore drill {drill.id}",
        "passed": drill.passed,
        "verdict": drill.verdict,
        "figures": [[figure.label, figure.value, figure.promised] for figure in view.figures],
        "sign_off": view.signed,
        "ended_in": view.ended_in,
        "failure": view.failure and _breakable(view.failure),
        "restored": [[label, _breakable(value)] for label, value in view.restored],
        "came_to_none": not drill.checks,
        "checks": [
            {
                "name": _breakable(line.name),
                "expected": _breakable(line.expected),
                "found": _breakable(line.found),
                "verdict": line.verdict,
            }
            for line in view.checks
        ],
        "bars": [
            {"name": bar.name, "left": bar.left, "width": bar.width, "label": bar.label, "finished": bar.finished}
            for bar in view.bars
        ],
        "chart": {
            "marks": [{"x": mark.x, "y": mark.y, "passed": mark.passed} for mark in chart.marks],
            "top": chart.top,
            "rto": chart.rto,
            "rto_label": chart.rto_label,
            "legend": chart.legend,
        },
        "verify": [[_breakable(text), "code" if is_typed else ""] for text, is_typed in view.verify],
    }


def _breakable(text: str) -> str:
    """Words that no line holds (a sha256, an ARN, a key) may end anywhere behind a sign, or every so many letters."""
    return _LONG_WORD.sub(lambda word: _MAY_BREAK.join(_pieces(word[0])), text)


def _pieces(word: str) -> list[str]:
    return re.findall(rf"[^/_.:-]{{1,{_LONGEST_WORD // 2}}}[/_.:-]?|[/_.:-]", word)
