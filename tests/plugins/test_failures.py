"""Which error is retried and which fails at once, class by class."""

import re
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowTaskTimeout

from muniment import errors
from muniment_airflow import failures
from muniment_airflow.failure_report import what_happened
from muniment_airflow.failures import RETRIES, errors_as_airflow
from tests.support.errors import every_error, with_facts


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_transient_errors_are_retried_and_permanent_ones_fail_at_once(kind: type[errors.MunimentError]) -> None:
    error = with_facts(kind)
    with pytest.raises((AirflowException, errors.MunimentError)) as raised, errors_as_airflow():
        raise error
    fails_now = isinstance(raised.value, AirflowFailException)
    assert fails_now is issubclass(kind, errors.Permanent)
    assert str(raised.value) == str(error)
    if raised.value is not error:
        assert what_happened(raised.value, None) == str(error)  # on-call reads nothing beside it


def test_nobody_else_makes_airflows_errors_of_ours() -> None:
    """Whoever does forgets their cause, and on-call reads a second, wrong HINT."""
    made = re.compile(r"Airflow(?:Fail)?Exception\((?!AirflowFailException\))")
    plugins = Path(failures.__file__).parent
    assert [path.name for path in sorted(plugins.glob("*.py")) if made.search(path.read_text())] == ["failures.py"]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), AirflowTaskTimeout("too long")])
def test_what_is_not_ours_passes_through(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised, errors_as_airflow():
        raise error
    assert raised.value is error


def test_retries_back_off() -> None:
    assert RETRIES["retries"] == 3
    assert RETRIES["retry_exponential_backoff"]
