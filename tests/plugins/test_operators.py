"""Operators: the point's id, and how a step is stopped. What they do otherwise is tests/dags/test_chain.py."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from muniment.adapters.site.site import Site
from muniment.domain.vault import keys
from muniment_airflow.hooks import firm_site
from muniment_airflow.operators import BaseBackup, CheckFirm, point_id
from muniment_airflow.wal_operators import ReplicateWal
from tests.fixtures.airflow import register
from tests.fixtures.sites import site_env

# The providers' own libraries, and a step that is called without Airflow around it.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def known(site17: Site, registry_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    register(registry_folder, site17.firm)
    for name, value in site_env(site17).items():
        monkeypatch.setenv(name, value)
    return site17


def context(conf: dict[str, Any] | None = None, **run: Any) -> Any:
    dag = SimpleNamespace(dag_id="acme__backup", params={"full": False, "accept_shrink": False})
    return {"dag": dag, "dag_run": SimpleNamespace(conf=conf, **run), "run_id": "manual__1", "params": dag.params}


def test_the_points_id_is_the_runs_own_in_every_try() -> None:
    made = datetime(2026, 11, 20, 8, 14, 0, 123456, tzinfo=UTC)
    first = context(run_after=made, start_date=made, logical_date=None)
    cleared = context(run_after=made, start_date=made + timedelta(days=1), logical_date=None)
    other = context(run_after=made + timedelta(milliseconds=1), start_date=made)
    assert point_id(first) == point_id(cleared) == "20261120T081400123Z"
    assert point_id(other) != point_id(first)


def test_wal_goes_to_the_replica_with_airflows_connections(known: Site) -> None:
    system, name = known.postgres.system_identifier(), "000000010000000000000001"
    known.primary.put_sealed(keys.wal(system, name), b"segment", locked_until=None, metadata={"sha256": "0" * 64})
    step = ReplicateWal(task_id="replicate_wal", firm_id=known.firm.id)
    assert step.execute(context()) == {"segments": 1}
    assert step.execute(context()) == {"segments": 0}
    assert known.replica.head(keys.wal(system, name)) is not None


def test_a_stopped_step_ends_its_own_sessions_alone(known: Site) -> None:
    step = BaseBackup(task_id="base_backup", firm_id=known.firm.id)
    with (
        firm_site(known.firm, "muniment base_backup").postgres.exclusively(),
        known.postgres.connect() as other,
    ):
        count = "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'muniment base_backup'"
        assert other.execute(count).fetchone() == {"n": 1}
        step.on_kill()
        with known.postgres.exclusively():
            assert other.execute(count).fetchone() == {"n": 0}


def test_a_firm_that_is_not_registered_fails_at_once(registry_folder: Path) -> None:
    with pytest.raises(AirflowFailException, match=r"firms/nobody\.yaml: there is no such file"):
        CheckFirm(task_id="check_firm", firm_id="nobody").execute(context())
