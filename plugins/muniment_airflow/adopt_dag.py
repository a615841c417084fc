"""``<firm>__adopt``: by hand, after pg_upgrade or a dump into a new cluster; with a second person's approval."""

from datetime import timedelta

from airflow.sdk import DAG, Param, chain

from muniment.domain.firm.firm import Firm
from muniment.domain.units import format_duration
from muniment_airflow import adopt_operators as steps
from muniment_airflow.dag_settings import HOURS, LIGHT_POOL, MINUTES, common_settings, of_step

_DOC = """\
### {name}: a new cluster under an old name

After `pg_upgrade`, or a dump into a new cluster, `check`, the nightly backup and `wal push` refuse the new one: it
might be another firm's. This shows both clusters, with what the control totals counted then and now, and asks another
person than who started it ({approvers}). No answer within {within} is a no.

The old cluster's recovery points stay restorable until retention lets them go; its WAL is refused from then on. The
next base backup is a full one: trigger `{firm}__backup` at once. Without Airflow: `muniment adopt {firm}`.
"""
_BODY = """\
**{{ dag_run.triggering_user_name }}** asks for it.

```text
{{ ti.xcom_pull(task_ids='plan')['page'] }}
```

Plan `{{ ti.xcom_pull(task_ids='plan')['sha256'] }}`
"""


def adopt_dag(firm: Firm) -> DAG:
    within, approvers = firm.restore.answer_within, (f"`{each.name}`" for each in firm.restore.approvers)
    with DAG(
        f"{firm.id}__adopt",
        schedule=None,
        dagrun_timeout=within + timedelta(days=1),
        params={"firm": Param(firm.id, type="string", const=firm.id, title="Firm", description="Cannot be changed.")},
        doc_md=_DOC.format(
            name=firm.name,
            firm=firm.id,
            approvers=", ".join(approvers) or "nobody: the firm's file names no restore.approvers",
            within=format_duration(within),
        ),
        **common_settings(firm, "adopt", LIGHT_POOL),
    ) as dag:
        _chain(firm, within)
    return dag


def _chain(firm: Firm, within: timedelta) -> None:
    plan = steps.PlanAdoption(task_id="plan", firm_id=firm.id, execution_timeout=HOURS)
    approve = steps.ApproveAdoption(
        task_id="approve",
        firm_id=firm.id,
        target=of_step("plan", "target"),
        plan_sha256=of_step("plan", "sha256"),
        subject=f"Shall {of_step('plan', 'target')} take the place of the cluster of {firm.name}?",
        body=_BODY,
        params={"comment": Param(None, type=["null", "string"], title="Comment", description="Goes on the record.")},
        response_timeout=within,
        execution_timeout=MINUTES,
        retry_delay=timedelta(seconds=5),
    )
    adopt = steps.AdoptCluster(
        task_id="adopt",
        firm_id=firm.id,
        plan=of_step("plan", "plan"),
        approval=of_step("approve", "approval"),
        execution_timeout=HOURS,
    )
    chain(plan, approve, adopt)
