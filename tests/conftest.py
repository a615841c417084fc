"""Lists the fixtures, each of which lives in the file that its name says; and the order that the files run in."""

import signal

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes is the machine's affair, and it may have other things to do.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# A run that a shell has put into the background ignores Ctrl-C, and so would every process that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = [
    "tests.fixtures.cloud",
    "tests.fixtures.clusters",
    "tests.fixtures.sites",
    "tests.fixtures.faults",
    "tests.fixtures.airflow",
    "tests.fixtures.on_call",
    "tests.fixtures.slowest_files",
]

# Several workers take a file each, the next one that nobody has: what takes minutes first, or all wait for it at last.
_LONGEST_FIRST = (
    "demo/test_commands",
    "dags/test_restore_dag",
    "runbooks/drill/test_run_drill.",
    "runbooks/restore/test_long_chain",
    "faults/test_killed_",
    "faults/",
    "dags/",
    "cli/",
    "runbooks/",
    "restore_kit/",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _rank(item.nodeid.removeprefix("tests/")))


def _rank(name: str) -> int:
    found = (rank for rank, start in enumerate(_LONGEST_FIRST) if name.startswith(start))
    return next(found, len(_LONGEST_FIRST))
