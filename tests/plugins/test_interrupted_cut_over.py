"""A run that was killed between the two renames: the next try goes on, and on-call hears that nobody was served."""

import multiprocessing
import socket
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG

from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.restore.records import write_approval
from muniment.domain.record import new_id
from muniment.domain.restore import cut_over
from muniment.ports import utc_now
from muniment.runbooks.cut_over.take_live import who_serves
from muniment_airflow.restore_operators import JOURNAL_KEY, CutOver
from tests.faults.cut_over_worker import Death, work
from tests.fixtures.airflow import register, tell_by
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.on_call import Pager, topic
from tests.fixtures.sites import SiteFactory, site_env
from tests.support.cut_overs import WAIVED, Portable, Staged, plan_of, staged_firm

pytestmark = [pytest.mark.timeout(720), pytest.mark.filterwarnings("default")]


class Task:
    """A task instance as far as the step sees it: what the steps before returned, and what this one leaves."""

    log_url = "http://127.0.0.1:8080/log"
    try_number = 2

    def __init__(self, said: dict[str, dict[str, str]]) -> None:
        self.said = said
        self.pushed: dict[str, str] = {}

    def xcom_pull(self, *, task_ids: str, key: str = "return_value") -> Any:
        return self.said.get(task_ids) if key == "return_value" else None

    def xcom_push(self, key: str, value: str) -> None:
        self.pushed[key] = value


def killed_between_the_renames(world: Staged, run_after: datetime, told: Path) -> Task:
    """What the first try, and the steps before it, have left."""
    plan = plan_of(world.site.firm).model_copy(update={"into": str(world.staged.data_dir)})
    order = world.order(id=new_id(run_after), plan=plan)
    approval = order.approval.model_copy(update={"plan_sha256": plan.sha256})
    write_approval(world.site, order.id, approval, locked_until=utc_now())
    order = world.order(id=order.id, plan=plan, approval=approval)
    context = multiprocessing.get_context("forkserver")
    death = Death("set aside", "after", ("set aside",), told)
    worker = context.Process(target=work, args=(Portable.of(world, order), "forward", death))
    worker.start()
    worker.join(240)
    assert worker.exitcode == -9
    return Task(
        {
            "plan": {"plan": plan.to_json().decode()},
            "stage": {"host": socket.gethostname()},
            "safety_backup": {"safety": WAIVED.model_dump_json()},
        }
    )


def test_on_call_hears_that_nobody_was_served_though_the_next_try_succeeds(
    cluster_factory: ClusterFactory,
    site_factory: SiteFactory,
    programs17: PostgresPrograms,
    registry_folder: Path,
    pager: Pager,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    world = staged_firm(cluster_factory, site_factory, programs17, tmp_path)
    firm = world.site.firm.id
    totals = {"control_totals": {"tables": ["public.matters"]}}
    register(registry_folder, world.site.firm, policy=totals)
    tell_by(registry_folder, topic(pager))
    for name, value in site_env(world.site).items():
        monkeypatch.setenv(name, value)
    run_after = utc_now()
    task = killed_between_the_renames(world, run_after, tmp_path / "deaths")
    assert (world.serves, who_serves(world.site)) == ("nobody", "nobody")

    run = SimpleNamespace(triggering_user_name="engineer", run_after=run_after, conf=None)
    with DAG(f"{firm}__restore", schedule=None) as dag:
        step = CutOver(task_id="cut_over", firm_id=firm)
    step.execute({"dag": dag, "dag_run": run, "run_id": "manual__1", "params": {}, "ti": task})
    assert world.serves == "new"
    [page] = pager.messages()
    assert page["Subject"] == f"[muniment] {firm}: nobody was served"
    assert (
        f"\ncut-over {new_id(run_after)} of firm {firm} was interrupted at step 'set aside': NOBODY" in page["Message"]
    )
    assert "\nKEPT: both clusters, whole\n" in page["Message"]
    assert f"`muniment live status {firm}` tells which cluster serves now.\n" in page["Message"]
    assert cut_over.CutOver.from_json(task.pushed[JOURNAL_KEY].encode()).outcome == "live"
