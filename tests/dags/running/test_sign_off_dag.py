"""`<firm>__drill_sign_off` on a real Airflow: only a reviewer's answer counts, and it ends up in both vaults."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from muniment.adapters.drill.records import prove_sign_off, sign_offs
from muniment.adapters.site.site import Site
from muniment_demo.cloud import Cloud
from tests.fixtures.airflow import register
from tests.fixtures.sites import site_env, with_firm
from tests.support.drills import drilled
from tests.support.real_airflow import RealAirflow
from tests.support.signing import with_signing_key

pytestmark = pytest.mark.timeout(1800)

DAG_FILE = """
# Airflow looks for the words dag and airflow.
from muniment.registry import load_firm
from muniment_airflow.sign_off_dag import drill_sign_off_dag
dag = drill_sign_off_dag(load_firm(None, {firm!r}))
"""
NOTE = "Seen with the managing partner."


@pytest.fixture
def firm(site17: Site, cloud: Cloud) -> Site:
    return with_firm(with_signing_key(cloud, site17), drill_reviewers=("lead",), time_zone="UTC")


@pytest.fixture
def asking(firm: Site, running: RealAirflow) -> RealAirflow:
    register(running.registry, firm.firm)
    running.connect(site_env(firm))
    running.add_dags("sign_off.py", DAG_FILE.format(firm=firm.firm.id))
    running.await_dag(f"{firm.firm.id}__drill_sign_off")
    return running


def test_the_reviewers_word_goes_on_the_record_and_nobody_elses(firm: Site, asking: RealAirflow) -> None:
    waiting = drilled(firm, finished_at=datetime(2026, 6, 20, tzinfo=UTC))
    dag = f"/api/v2/dags/{firm.firm.id}__drill_sign_off/dagRuns"

    def begin() -> str:
        return str(asking.signed_in("engineer")._post(dag, {"logical_date": None, "conf": {}})["dag_run_id"])

    def task(run: str, name: str) -> dict[str, Any]:
        return dict(asking.api._get(f"{dag}/{run}/taskInstances/{name}"))

    def answer(run: str, user: str) -> int:
        body = {"chosen_options": ["Sign off"], "params_input": {"note": NOTE}}
        try:
            asking.signed_in(user).patch(f"{dag}/{run}/taskInstances/ask_reviewer/-1/hitlDetails", body)
        except httpx.HTTPStatusError as refused:
            return refused.response.status_code
        return 200

    def recorded(run: str) -> bool:
        """An answer in the first moments can get lost in Airflow; then it is asked again."""
        if task(run, "ask_reviewer")["state"] == "awaiting_input":
            assert answer(run, "lead") in {200, 409}
        return asking.api._get(f"{dag}/{run}")["state"] in {"success", "failed"}

    run = begin()
    asking.eventually("the question", lambda: task(run, "ask_reviewer")["state"] == "awaiting_input")
    asked = asking.api._get(f"{dag}/{run}/taskInstances/ask_reviewer/-1/hitlDetails")
    assert "of 2026-Q2" in asked["subject"]
    assert f"drills/{waiting.id}.pdf" in asked["body"]
    assert answer(run, "engineer") == answer(run, "admin") == 403
    assert not sign_offs(firm.primary)
    asking.eventually("the sign-off", lambda: recorded(run))
    assert asking.api._get(f"{dag}/{run}")["state"] == "success"
    record = sign_offs(firm.replica)[waiting.id]
    assert (record.by, record.note, record.quarter) == ("lead", NOTE, "2026-Q2")
    assert record.through == f"Airflow, {firm.firm.id}__drill_sign_off/{run}"
    for vault in firm.vaults:
        prove_sign_off(vault, waiting.id)

    again = begin()
    asking.eventually("the second run's end", lambda: asking.api._get(f"{dag}/{again}")["state"] == "success")
    assert [task(again, name)["state"] for name in ("find_drill", "ask_reviewer", "record_sign_off")] == ["skipped"] * 3
