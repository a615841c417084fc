"""``<firm>__restore``: by hand. Into staging; from there into live only with a second person's approval."""

from datetime import timedelta

from airflow.sdk import DAG, Param, chain

from muniment.domain import chain_steps as named
from muniment.domain.firm.firm import LONGEST_STAGING, SHORTEST_STAGING, Firm
from muniment.domain.restore.form_target import KINDS
from muniment.domain.units import format_duration
from muniment_airflow import restore_operators as steps
from muniment_airflow.approval import ApproveRestore
from muniment_airflow.dag_settings import BULK, HOURS, LIGHT_POOL, MINUTES, RESTORE_POOL, common_settings, of_step
from muniment_airflow.restore_doc import BODY, SUBJECT, restore_doc
from muniment_airflow.restore_record import KeepRecord, OnCallOfRecord, TellContact

# Before drills, which share the pool.
_FIRST = 100
_AT_ONCE = 4
_SHORTEST, _LONGEST = format_duration(SHORTEST_STAGING), format_duration(LONGEST_STAGING)


def restore_dag(firm: Firm) -> DAG:
    """Its tasks share a worker's disk: where the firm's file names a queue, that worker is on the cluster's host."""
    common = common_settings(firm, "restore", RESTORE_POOL)
    queue = firm.cluster.live.queue or firm.queue
    common["default_args"] |= {"queue": queue, "priority_weight": _FIRST}
    common["max_active_runs"] = _AT_ONCE
    with DAG(
        f"{firm.id}__restore",
        schedule=None,
        dagrun_timeout=3 * BULK + firm.restore.answer_within,
        params=_form(firm),
        doc_md=restore_doc(firm),
        **common,
    ) as dag:
        _chain(firm)
    return dag


def _chain(firm: Firm) -> None:
    light = {"firm_id": firm.id, "pool": LIGHT_POOL}
    validate = steps.Validate(task_id=named.VALIDATE, execution_timeout=MINUTES, **light)
    plan = steps.Plan(task_id=named.PLAN, execution_timeout=HOURS, **light)
    stage = steps.Stage(task_id=named.STAGE, firm_id=firm.id, execution_timeout=BULK)
    approve = ApproveRestore(
        task_id=named.APPROVE,
        target=of_step(named.VALIDATE, "target"),
        plan_sha256=of_step(named.PLAN, "sha256"),
        subject=SUBJECT.format(firm=firm.name),
        body=BODY,
        params={"comment": Param(None, type=["null", "string"], title="Comment", description="Goes on the record.")},
        response_timeout=firm.restore.answer_within,
        execution_timeout=MINUTES,
        retry_delay=timedelta(seconds=5),
        **light,
    )
    safety = steps.SafetyBackup(task_id=named.SAFETY_BACKUP, firm_id=firm.id, execution_timeout=BULK)
    cut_over = steps.CutOver(task_id=named.CUT_OVER, firm_id=firm.id, execution_timeout=BULK)
    backup = steps.FullBackup(
        task_id=named.FULL_BACKUP, firm_id=firm.id, point_id=of_step(named.CUT_OVER, "live_at"), execution_timeout=BULK
    )
    contact = TellContact(task_id=named.TELL_CONTACT, execution_timeout=MINUTES, **light)
    record = KeepRecord(
        task_id=named.KEEP_RECORD,
        trigger_rule="all_done",
        execution_timeout=MINUTES,
        on_failure_callback=OnCallOfRecord(firm=firm),
        **light,
    )
    chain(validate, plan, stage, approve, safety, cut_over, backup, contact, record)


def _form(firm: Firm) -> dict[str, Param]:
    vaults = {"primary": firm.vaults.primary, "replica": firm.vaults.replica}
    return {
        "firm": Param(
            firm.id, type="string", const=firm.id, title="Firm", description=f"{firm.name}. Cannot be changed."
        ),
        **_target_fields(firm),
        "side": Param(
            "primary",
            type="string",
            enum=["primary", "replica"],
            values_display={side: f"{side} vault, {place.region}" for side, place in vaults.items()},
            title="From",
            description="Which vault. The replica's where the primary region is lost.",
        ),
        "where": Param("staging", type="string", enum=["staging", "live"], title="Where to", description=_WHERE),
        "ttl": Param(
            format_duration(firm.policy.staging.ttl),
            type="string",
            title="Staging stands for",
            description=f"{_SHORTEST} to {_LONGEST}, such as 24 hours; then it is destroyed. For live at least"
            f" {format_duration(firm.restore.answer_within)} (restore.answer_within).",
        ),
        "documents": Param(True, type="boolean", title="Documents", description="Those of the same instant, as well."),
        "waive_safety_backup": Param(
            False,
            type="boolean",
            title="Without a safety backup",
            description="Only for live, and only where the live server does not start any more. Goes on the record.",
        ),
        "reason": Param(
            None, type=["null", "string"], title="Why without", description="Asked for with the line above."
        ),
    }


def _target_fields(firm: Firm) -> dict[str, Param]:
    return {
        "target": Param(
            "latest",
            type="string",
            enum=list(KINDS),
            values_display=dict(KINDS),
            title="To",
            description="Which instant. Latest and immediate need nothing more.",
        ),
        "time": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Time",
            description="For a time. Picked in the zone of Airflow's own clock, at the top of its page; written"
            f" without an offset it is the wall clock of {firm.name}, {firm.time_zone}.",
        ),
        "position": Param(
            None,
            type=["null", "string"],
            title="Which one",
            description=f"For the others: the id of a recovery point, as `muniment points {firm.id}` and the assets'"
            " events list them; an LSN such as 16/B374D848; a transaction's number; the name of a restore point.",
        ),
        "timeline": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Timeline",
            description="Empty: the one that serves. Otherwise the target is looked for in that one's history.",
        ),
    }


# No Markdown: the form sets code and bold over the lines above and below.
_WHERE = (
    "Staging stands beside the live cluster and hurts nobody. Live: after staging, another person is asked, a safety"
    " backup is taken, and the live cluster is replaced."
)
