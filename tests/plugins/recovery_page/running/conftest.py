"""One API server for this folder's tests, which one of pytest's workers runs (tests/conftest.py)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.recovery_pages import RecoveryPages, recovery_pages

# On a busy machine Airflow's own page takes its time.
expect.set_options(timeout=90_000)


@pytest.fixture(scope="package")
def pages(tmp_path_factory: pytest.TempPathFactory, airflow_home: Path) -> Iterator[RecoveryPages]:
    with recovery_pages(tmp_path_factory.mktemp("pages") / "home", airflow_home / "airflow.db") as running:
        yield running
