"""The one place where an error of ours becomes Airflow's: retry with backoff, or fail now."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from muniment.errors import MunimentError, Permanent
from muniment_airflow.task_log import show_foreseen_errors_once

# Three retries wait 30 s, 1 min and 2 min or a little more: a failover or a throttled store is over by then, and what
# is not over should reach a person while the night is still young.
RETRIES: dict[str, Any] = {
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
}


@contextmanager
def errors_as_airflow() -> Iterator[None]:
    """Keeps the message whole: what happened, KEPT and HINT. What is not of our tree passes through and is retried."""
    try:
        yield
    except MunimentError as error:
        show_foreseen_errors_once()
        raise _as_airflow(error) from error


def _as_airflow(error: MunimentError) -> AirflowException:
    return AirflowFailException(str(error)) if isinstance(error, Permanent) else AirflowException(str(error))
