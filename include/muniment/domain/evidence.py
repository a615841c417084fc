"""What a check found and what a step took: the same in a drill's evidence, a staging's and a restore's record."""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from muniment.domain.record import Record
from muniment.domain.shown_text import storable

Told = Annotated[str, BeforeValidator(lambda text: storable(text) if isinstance(text, str) else text)]
"""Words of the firm's data or of a program, which may hold what JSON cannot: evidence is stored whatever they are."""

type DrillSide = Literal["primary", "replica"]


class Check(Record):
    """One thing that had to be so, and was or was not. ``seconds`` is how long it took to find out."""

    name: Told
    expected: Told
    found: Told
    passed: bool
    seconds: float = 0.0


class TimedStep(Record):
    """``begins_s`` counts from the drill's start."""

    name: str
    begins_s: float
    seconds: float
    finished: bool = True
