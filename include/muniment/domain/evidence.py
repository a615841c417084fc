"""What a check found and what a step took: the same in a drill's evidence, a staging's and a restore's record."""

from collections import Counter
from collections.abc import Iterable
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
    passed: bool | None
    """``None``: it could not be judged, and ``found`` says why. That is no failure, and it proves nothing."""
    seconds: float = 0.0

    @property
    def verdict(self) -> Literal["passed", "failed", "not judged"]:
        if self.passed is None:
            return "not judged"
        return "passed" if self.passed else "failed"


def counted(checks: Iterable[Check]) -> str:
    """``7 checks passed, 1 failed, 2 not judged``."""
    verdicts = Counter(check.verdict for check in checks)
    told = [f"{verdicts['passed']} checks passed"]
    told += [f"{verdicts[each]} {each}" for each in ("failed", "not judged") if verdicts[each]]
    return ", ".join(told)


def of_verdict(checks: Iterable[Check], passed: bool | None) -> tuple[Check, ...]:
    return tuple(check for check in checks if check.passed is passed)


class TimedStep(Record):
    """``begins_s`` counts from the drill's start."""

    name: str
    begins_s: float
    seconds: float
    finished: bool = True
