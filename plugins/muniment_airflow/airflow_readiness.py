"""What check_firm says of Airflow's own settings, as the task's process sees them."""

from collections.abc import Iterator

from airflow.sdk.configuration import conf

from muniment.domain.finding import Finding

# Seen on a busy machine of two cores: answers after 5 to 20 seconds, and first tries that were lost to it.
_API_TIMEOUT_S = 30


def airflow_findings() -> Iterator[Finding]:
    timeout_s = conf.getfloat("workers", "execution_api_timeout")
    if timeout_s < _API_TIMEOUT_S:
        yield Finding(
            f"a task waits {timeout_s:g} s for Airflow's API server, and loses its try where it is busy for longer",
            "set AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT=60 for the workers.",
            "warning",
        )
