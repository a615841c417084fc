"""What the registry's own queries answered: a ledger that balances, a smoke query that is true. One row, one value."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from muniment.domain.evidence import Check


@dataclass(frozen=True, slots=True)
class Answer:
    """``value``: the only value of the only row, as text; without one ``told`` says what came instead."""

    value: str | None
    told: str = ""


def balance_check(name: str, answer: Answer) -> Check:
    """A number is ``0``, ``0.00``, ``0E-8``. What is none is not zero, and is not shown: it may be a client's."""
    number = _number(answer.value)
    found = answer.told or (str(answer.value) if number is not None else "not a number")
    return Check(name=f"ledger: {name}", expected="0", found=found, passed=number is not None and number == 0)


def _number(text: str | None) -> Decimal | None:
    try:
        number = Decimal(text or "")
    except InvalidOperation:
        return None
    return None if number.is_nan() else number


def smoke_check(name: str, answer: Answer) -> Check:
    found = answer.told or (answer.value if answer.value in ("True", "False") else "neither true nor false")
    return Check(name=name, expected="True", found=found, passed=found == "True")
