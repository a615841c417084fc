"""``<firm>__drill_sign_off``: once a quarter, a reviewer's word on the drill; built for firms that name reviewers."""

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, Param, chain

from muniment.domain.drill.sign_off import sign_off_cron
from muniment.domain.firm.firm import Firm
from muniment.domain.units import format_duration
from muniment_airflow import sign_off as steps
from muniment_airflow.dag_settings import LIGHT_POOL, MINUTES, common_settings, of_step

_DOC = """\
### {name}: a reviewer's word on the quarter's drill

A day after the drill of March, June, September and December, this asks the firm's reviewers ({reviewers}) to read its
evidence: *Required actions*, above. Whoever answers, and what they note, is written into both vaults beside the
evidence, signed as it is. Nobody is asked when the quarter has its word already.

Within {within} somebody should have answered; then this fails, and the watch keeps an incident
open until somebody has. To be asked again, trigger a run. Without Airflow: `muniment sign-off {firm} DRILL --by NAME`.
"""


def drill_sign_off_dag(firm: Firm) -> DAG:
    within = firm.policy.drills.sign_off_within
    with DAG(
        f"{firm.id}__drill_sign_off",
        schedule=CronTriggerTimetable(sign_off_cron(firm), timezone=firm.time_zone),
        dagrun_timeout=within + timedelta(days=1),
        doc_md=_DOC.format(
            name=firm.name, firm=firm.id, reviewers=", ".join(firm.drill_reviewers), within=format_duration(within)
        ),
        **common_settings(firm, "drill_sign_off", LIGHT_POOL),
    ) as dag:
        _chain(firm, within)
    return dag


def _chain(firm: Firm, within: timedelta) -> None:
    drill_id = of_step("find_drill", "drill_id")
    find = steps.FindAwaitedDrill(task_id="find_drill", firm_id=firm.id, execution_timeout=MINUTES)
    ask = steps.AskReviewer(
        task_id="ask_reviewer",
        firm_id=firm.id,
        drill_id=drill_id,
        quarter=of_step("find_drill", "quarter"),
        subject=f"{firm.name}: sign off the restore drill of {of_step('find_drill', 'quarter')}",
        body=of_step("find_drill", "summary"),
        params={"note": Param("", type="string", title="Note", description="Stands on the page of the drill.")},
        response_timeout=within,
        execution_timeout=MINUTES,
        retry_delay=timedelta(seconds=5),
    )
    record = steps.RecordSignOff(
        task_id="record_sign_off",
        firm_id=firm.id,
        drill_id=drill_id,
        by=of_step("ask_reviewer", "by"),
        note=of_step("ask_reviewer", "note"),
        at=of_step("ask_reviewer", "at"),
        execution_timeout=MINUTES,
    )
    chain(find, ask, record)
