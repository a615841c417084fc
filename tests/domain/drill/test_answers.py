"""What a query of the registry's has to answer."""

import pytest

from muniment.domain.drill.answers import Answer, balance_check, smoke_check


@pytest.mark.parametrize(
    ("found", "passes"),
    [
        *((nought, True) for nought in ("0", "0.00", "-0", "0E-8")),
        *((other, False) for other in ("-0.01", "100", "1E-8", "", "-", ".", "-.0-", "NaN", "sNaN", "f", "False")),
    ],
)
def test_a_ledger_balances_to_the_cent(found: str, passes: bool) -> None:
    assert balance_check("trust", Answer(found)).passed is passes


@pytest.mark.parametrize("told", ["NULL", "no row", "several rows", "2 columns", "several answers"])
def test_without_one_value_nothing_is_proven(told: str) -> None:
    for check in (balance_check("trust", Answer(None, told)), smoke_check("matters", Answer(None, told))):
        assert (check.passed, check.found) == (False, told)


def test_what_is_no_number_is_not_shown() -> None:
    assert balance_check("trust", Answer("Hale v. Voss")).found == "not a number"
    assert smoke_check("matters", Answer("Hale v. Voss")).found == "neither true nor false"
    assert [smoke_check("matters", Answer(value)).passed for value in ("True", "False", "1")] == [True, False, False]
