"""ApproveRestore: what it makes of an answer that Airflow itself would take."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from muniment.adapters.restore.records import find_approval, records
from muniment.adapters.site.site import Site
from muniment.domain.approval import Approval
from muniment.domain.firm.firm import RestoreRules
from muniment.domain.record import new_id
from muniment_airflow.adopt_operators import ApproveAdoption
from muniment_airflow.approval import ApproveRestore
from muniment_airflow.failure_report import what_happened
from tests.fixtures.airflow import register
from tests.fixtures.sites import site_env
from tests.support.firms import paper_firm

pytestmark = pytest.mark.filterwarnings("default")

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
PLAN = "ab" * 32


@pytest.fixture
def step(registry_folder: Path) -> ApproveRestore:
    register(registry_folder, paper_firm().model_copy(update={"restore": RestoreRules(approvers=("lead", "engineer"))}))
    return ApproveRestore(task_id="approve", firm_id="acme", target="latest", plan_sha256=PLAN, subject="?")


class Told(SimpleNamespace):
    try_number = 1

    def xcom_push(self, key: str, value: Any) -> None:
        setattr(self, key, value)


def context(asked_by: str | None = "engineer", where: str = "live") -> Any:
    run = SimpleNamespace(triggering_user_name=asked_by, run_after=AT)
    return {"params": {"where": where}, "dag_run": run, "ti": Told(), "task_instance": Told()}


def event(user: str | None, chosen: str = "Approve") -> dict[str, Any]:
    by = {"id": f"{user}-id", "name": user} if user else None
    return {"chosen_options": [chosen], "params_input": {}, "responded_at": AT, "responded_by_user": by}


@pytest.fixture
def known(site17: Site, registry_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    approvers = RestoreRules(approvers=("lead", "partner", "engineer"))
    register(registry_folder, site17.firm.model_copy(update={"restore": approvers}))
    for name, value in site_env(site17).items():
        monkeypatch.setenv(name, value)
    return site17


def test_another_person_of_the_list_lets_it_go_on_and_the_first_answer_counts(known: Site) -> None:
    """Registered when it is taken: a task that Airflow starts again finds it, and so does whoever needs it later."""
    step = ApproveRestore(task_id="approve", firm_id=known.firm.id, target="latest", plan_sha256=PLAN, subject="?")
    said = step.execute_complete(context(), event("lead"))
    given = Approval(by="lead", at=AT, plan_sha256=PLAN)
    assert (Approval.from_json(said["approval"].encode()), said["times_asked"]) == (given, 1)
    assert find_approval(known, new_id(AT), PLAN) == given
    again = context()
    again["ti"].try_number = 2
    assert Approval.from_json(step.execute(again)["approval"].encode()) == given
    later = step.execute_complete(context(), event("partner"))
    assert Approval.from_json(later["approval"].encode()) == given
    assert find_approval(known, new_id(AT), "cd" * 32) is None
    assert records(known.primary) == ()


@pytest.mark.parametrize(
    ("answer", "asked_by", "why"),
    [
        (event("engineer"), "engineer", "engineer asked for it: somebody else has to approve"),
        (event("admin"), "engineer", "admin is not one of restore.approvers (lead, engineer)"),
        (event("lead", "Reject"), "engineer", "lead rejected it"),
        (event(None, "Reject"), "engineer", "nobody answered in time"),
        (event("lead"), None, "nobody knows who asked for it"),
    ],
)
def test_anything_else_ends_the_run_and_leaves_word(
    step: ApproveRestore, answer: dict[str, Any], asked_by: str | None, why: str
) -> None:
    """Also where Airflow lets everybody answer (``simple_auth_manager_all_admins``)."""
    around = context(asked_by)
    with pytest.raises(AirflowFailException) as refused:
        step.execute_complete(around, answer)
    assert str(refused.value).startswith(f"the restore of firm acme to latest does not go live: {why}\nKEPT: ")
    assert around["ti"].not_approved == why
    told = what_happened(refused.value, None)  # as on-call reads it
    assert (told.count("KEPT: "), told.count("HINT: ")) == (1, 1)


def test_a_restore_into_staging_asks_nobody(step: ApproveRestore) -> None:
    with pytest.raises(AirflowSkipException):
        step.execute(context(where="staging"))


def test_where_nobody_could_approve_nobody_is_asked(step: ApproveRestore) -> None:
    with pytest.raises(AirflowFailException, match="nobody knows who asked for it"):
        step.execute(context(asked_by=None))


def test_an_adoption_is_asked_of_another_person_in_its_own_words(step: ApproveRestore) -> None:
    assert step.firm_id == "acme"
    asked = ApproveAdoption(task_id="approve", firm_id="acme", target="cluster 7", plan_sha256=PLAN, subject="?")
    said = asked.execute_complete(context(where="anywhere"), event("lead"))
    assert Approval.from_json(said["approval"].encode()) == Approval(by="lead", at=AT, plan_sha256=PLAN)
    with pytest.raises(AirflowFailException) as refused:
        asked.execute_complete(context(), event("engineer"))
    assert str(refused.value) == (
        "firm acme does not adopt cluster 7: engineer asked for it: somebody else has to approve\n"
        "KEPT: everything: both vaults know the firm's cluster as before, and its recovery points\n"
        "HINT: ask one of restore.approvers, then start it again."
    )
