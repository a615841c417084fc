"""The reviewer's task in Airflow: who is asked, whose answer counts, and what becomes of silence."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from muniment.adapters.drill.records import sign_offs
from muniment.adapters.site.site import Site
from muniment_airflow.failure_report import what_happened
from muniment_airflow.sign_off import SIGN_OFF, AskReviewer, FindAwaitedDrill, RecordSignOff
from muniment_demo.cloud import Cloud
from tests.fixtures.airflow import register
from tests.fixtures.sites import site_env, with_firm
from tests.support.drills import drilled
from tests.support.signing import with_signing_key

# The providers' own libraries, and a step that is called without Airflow around it.
pytestmark = pytest.mark.filterwarnings("default")
AT = datetime(2026, 12, 16, 9, 30, tzinfo=UTC)


@pytest.fixture
def firm(site17: Site, registry_folder: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Site:
    site = with_firm(with_signing_key(cloud, site17), drill_reviewers=("marlow", "lead"), time_zone="UTC")
    register(registry_folder, site.firm, drill_reviewers=["marlow", "lead"])
    for name, value in site_env(site).items():
        monkeypatch.setenv(name, value)
    return site


def context() -> Any:
    dag = SimpleNamespace(dag_id="acme__drill_sign_off", params={})
    run = SimpleNamespace(conf=None, run_after=AT)
    return {"dag": dag, "dag_run": run, "run_id": "manual__1", "params": dag.params}


def asking(firm: Site) -> AskReviewer:
    return AskReviewer(
        task_id="ask_reviewer", firm_id=firm.firm.id, drill_id="20261215T183000123Z", quarter="2026-Q4", subject="?"
    )


def answer(**user: str) -> dict[str, Any]:
    return {"chosen_options": [SIGN_OFF], "params_input": {}, "responded_at": AT, "responded_by_user": user}


def test_what_was_found_is_asked_about_and_the_answer_recorded(firm: Site) -> None:
    find = FindAwaitedDrill(task_id="find_drill", firm_id=firm.firm.id)
    with pytest.raises(AirflowSkipException) as skipped:
        find.execute(context())
    assert str(skipped.value) == "no drill waits for a sign-off: no drill has left evidence yet"
    # The last month of a quarter is not now in every test run: an earlier quarter's waits at any time.
    first = drilled(firm, finished_at=datetime(2026, 6, 20, tzinfo=UTC))
    found = find.execute(context())
    assert (found["drill_id"], found["quarter"]) == (first.id, "2026-Q2")
    assert "**failed**, 0 of 1 checks" in found["summary"]
    assert "* rows of <b>: expected 1, found <script>2" in found["summary"]
    told = asking(firm).execute_complete(context(), answer(id="7", name="marlow"))
    assert told == {"by": "marlow", "note": "", "at": AT.isoformat()}
    record = RecordSignOff(task_id="record_sign_off", firm_id=firm.firm.id, drill_id=first.id, **told)
    assert record.execute(context()) == record.execute(context())
    kept = sign_offs(firm.replica)[first.id]
    assert (kept.by, kept.signed_at, kept.through) == ("marlow", AT, "Airflow, acme__drill_sign_off/manual__1")
    with pytest.raises(AirflowSkipException) as skipped:
        find.execute(context())
    assert str(skipped.value) == f"no drill waits for a sign-off: drill {first.id} was signed off for 2026-Q2 by marlow"


@pytest.mark.parametrize("user", [{"id": "mallory", "name": "mallory"}, {}])
def test_an_answer_of_nobody_on_the_list_is_none(firm: Site, user: dict[str, str]) -> None:
    """Airflow does not hold an all-admins installation to the assigned users."""
    with pytest.raises(AirflowFailException, match="does not sign off drills of firm") as refused:
        asking(firm).execute_complete(context(), answer(**user))
    assert what_happened(refused.value, None) == str(refused.value)  # as on-call reads it


def test_silence_is_no_word_and_is_not_asked_for_again(firm: Site) -> None:
    late = {"error": "too late", "error_type": "timeout"}
    with pytest.raises(
        AirflowFailException, match=r"is not signed off for 2026-Q4; .*\n.*\n.*one of marlow, lead reads"
    ) as overdue:
        asking(firm).execute_complete(context(), late)
    assert what_happened(overdue.value, None) == str(overdue.value)
