"""What a task's log shows of an error of ours: its three parts, once, without a stack.

Airflow logs each failure with its exception, its cause and every frame of Airflow's own between. Of an error that was
raised on purpose that says nothing; where and why is in its text.
"""

import sys
from typing import Any

import structlog
from airflow.sdk.exceptions import AirflowException

from muniment.errors import MunimentError


class ForeseenError(AirflowException):
    """It has said all that there is to know."""


def show_foreseen_errors_once() -> None:
    """For the rest of this process. By the list that structlog reads at each line; a task's logger has no other."""
    processors = structlog.get_config()["processors"]
    if _without_stack not in processors:
        processors.insert(0, _without_stack)


def _without_stack(_: Any, __: str, event: Any) -> Any:
    error = sys.exc_info()[1]
    if event.get("exc_info") and is_foreseen(error):
        event["event"] = str(error)
        del event["exc_info"]
    return event


def is_foreseen(error: BaseException | None) -> bool:
    return isinstance(error, ForeseenError) or (
        isinstance(error, AirflowException) and isinstance(error.__cause__, MunimentError)
    )
