"""Lists the fixtures, each of which lives in the file that its name says; in which order the files run, and where."""

import signal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

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
    "tests.fixtures.stored",
    "tests.fixtures.chromium",
]

# Several workers take a file each, the next one that nobody has: what takes minutes first, or all wait for it at last.
_LONGEST_FIRST = (
    "demo/test_commands",
    "dags/running/",
    "plugins/recovery_page/running/",
    "runbooks/drill/test_run_drill.",
    "runbooks/restore/test_long_chain",
    "faults/test_killed_",
    "faults/",
    "dags/",
    "cli/",
    "runbooks/",
    "restore_kit/",
)


# The files of each share one Airflow, so one worker takes them all.
_ONE_AIRFLOW = ("tests/dags/running/", "tests/plugins/recovery_page/running/")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    if config.getvalue("dist") != "loadfile":
        return None
    return FilesAndOneFolder(config, log)


class FilesAndOneFolder(LoadFileScheduling):
    def _split_scope(self, nodeid: str) -> str:
        shared = next((folder for folder in _ONE_AIRFLOW if nodeid.startswith(folder)), None)
        return shared or str(super()._split_scope(nodeid))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _rank(item.nodeid.removeprefix("tests/")))


def _rank(name: str) -> int:
    found = (rank for rank, start in enumerate(_LONGEST_FIRST) if name.startswith(start))
    return next(found, len(_LONGEST_FIRST))
