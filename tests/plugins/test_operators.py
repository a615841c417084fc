"""Operators: the point's id, and how a step is stopped. What they do otherwise is tests/dags/test_chain.py."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from muniment.adapters.site.site import Site
from muniment.domain.vault import keys
from muniment_airflow.hooks import firm_site
from muniment_airflow.operators import BaseBackup, CheckFirm, RestoreTest, point_id
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
    dag = SimpleNamespace(dag_id="acme__backup", params={"full": False, "accept_shrink": False, "accept_damage": False})
    return {"dag": dag, "dag_run": SimpleNamespace(conf=conf, **run), "run_id": "manual__1", "params": dag.params}


def test_the_points_id_is_the_runs_own_in_every_try() -> None:
    made = datetime(2026, 11, 20, 8, 14, 0, 123456, tzinfo=UTC)
    first = context(run_after=made, start_date=made, logical_date=None)
    cleared = context(run_after=made, start_date=made + timedelta(days=1), logical_date=None)
    other = context(run_after=made + timedelta(milliseconds=1), start_date=made)
    assert point_id(first) == point_id(cleared) == "20261120T081400123Z"
    assert point_id(other) != point_id(first)


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


def scheduled(*succeeded: str) -> Any:
    """A run of a schedule's, of a firm whose nightly chain has got that far in some earlier night."""
    found = context(run_type="scheduled", run_after=datetime(2026, 11, 20, tzinfo=UTC))
    ti = SimpleNamespace(get_ti_count=lambda dag_id, task_ids, states: len({*task_ids} & {*succeeded}))
    return {**found, "ti": ti, "params": {"seed": None, "side": "", "by": "", **found["params"]}}


@pytest.fixture
def announced(site17: Site, registry_folder: Path) -> Site:
    """A firm whose file is there, and none of its connections."""
    register(registry_folder, site17.firm)
    return site17


def test_a_firm_whose_file_is_there_first_is_skipped_until_its_first_check(announced: Site) -> None:
    """Airflow starts the night and the drill that it takes for missed the moment it sees the file."""
    firm = announced.firm.id
    for step in (CheckFirm(task_id="check_firm", firm_id=firm), RestoreTest(task_id="drill", firm_id=firm)):
        with pytest.raises(AirflowSkipException, match=f"^firm {firm} is onboarding: no .* of {firm}__backup has"):
            step.execute(scheduled())
    with pytest.raises(AirflowFailException, match="Airflow has none of this id"):
        CheckFirm(task_id="check_firm", firm_id=firm).execute(scheduled("check_firm"))


def test_a_firm_that_has_recovery_points_is_not_onboarding(known: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An Airflow that was set up anew knows of no check: what keeps that firm from its night is nobody's to skip."""
    login = f"AIRFLOW_CONN_{known.firm.cluster.connection.upper()}"
    monkeypatch.delenv(login)
    step = CheckFirm(task_id="check_firm", firm_id=known.firm.id)
    with pytest.raises(AirflowSkipException, match="is onboarding"):
        step.execute(scheduled())
    known.replica.put(keys.point("20261120T080000000Z"), b"{}", locked_until=None)
    with pytest.raises(AirflowFailException, match="Airflow has none of this id"):
        step.execute(scheduled())


def test_what_a_person_triggers_fails_as_ever(announced: Site) -> None:
    with pytest.raises(AirflowFailException, match="Airflow has none of this id"):
        CheckFirm(task_id="check_firm", firm_id=announced.firm.id).execute(context(run_type="manual"))


def test_a_drill_before_the_first_night_is_skipped(known: Site) -> None:
    drill = RestoreTest(task_id="drill", firm_id=known.firm.id)
    with pytest.raises(AirflowSkipException, match="no register_recovery_point of"):
        drill.execute(scheduled("check_firm"))
    with pytest.raises(AirflowFailException, match="has no registered recovery point"):
        drill.execute(scheduled("check_firm", "register_recovery_point"))
