"""The page for paper and archives (PDF/A-2): typst sets it, with its own fonts and nothing of this machine's."""

import json
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import typst

from include.muniment.adapters.drill_view import View
from include.muniment.domain.drill_evidence import Drill
from include.muniment.domain.sign_off import SignOff

_TEMPLATE = Path(__file__).with_suffix(".typ")
_LONGEST_WORD = 24
_MAY_BREAK = "\N{ZERO WIDTH SPACE}"


def pdf_of(drill: Drill, sign_off: SignOff | None = None) -> bytes:
    """The same bytes for the same evidence: its own time is the document's."""
    made_at = (sign_off.signed_at if sign_off else drill.finished_at).astimezone(UTC)
    told = json.dumps({**_told(View(drill, sign_off)), "made_at": _date(made_at)}, ensure_ascii=False)
    page: Any = typst.compile(
        _template(),
        format="pdf",
        pdf_standards="a-2u",
        ignore_system_fonts=True,
        sys_inputs={"told": told},
        timestamp=int(made_at.timestamp()),
    )
    return bytes(page)


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
        "title": view.title,
        "firm_name": drill.firm_name,
        "subtitle": view.subtitle,
        "footer": f"{drill.firm_name} · restore drill {drill.id}",
        "passed": drill.passed,
        "verdict": drill.verdict,
        "figures": [[figure.label, figure.value, figure.promised] for figure in view.figures],
        "sign_off": view.signed,
        "failure": drill.failure and _breakable(drill.failure),
        "restored": [[label, _breakable(value)] for label, value in view.restored],
        "checks": [
            {
                "name": _breakable(check.name),
                "expected": _breakable(check.expected),
                "found": _breakable(check.found),
                "passed": check.passed,
                "verdict": "passed" if check.passed else "failed",
            }
            for check in drill.checks
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
    return re.sub(rf"\S{{{_LONGEST_WORD},}}", lambda word: _MAY_BREAK.join(_pieces(word[0])), text)


def _pieces(word: str) -> list[str]:
    return re.findall(rf"[^/_.:-]{{1,{_LONGEST_WORD // 2}}}[/_.:-]?|[/_.:-]", word)
