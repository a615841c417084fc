"""One Airflow for this folder's tests, which one of pytest's workers runs (tests/conftest.py): a start is a minute."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from muniment.adapters.host.programs import PostgresPrograms
from tests.support.real_airflow import RealAirflow, real_airflow


@pytest.fixture(scope="package")
def running(run_dir: Path, programs17: PostgresPrograms) -> Iterator[RealAirflow]:
    with real_airflow(run_dir / "airflow", programs17) as running:
        yield running
