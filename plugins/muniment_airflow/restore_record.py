"""The last two steps of ``<firm>__restore``: the firm's contact is told, and the restore goes on the record."""

import re
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from muniment.domain import chain_steps as named
from muniment.domain.firm.firm import Firm
from muniment.domain.restore import record as restore_record
from muniment.domain.restore.cut_over import CutOver
from muniment.domain.restore.plan import RestorePlan
from muniment.ports import utc_now
from muniment_airflow.approval import NOT_APPROVED_KEY
from muniment_airflow.notifiers import Letter, OnCallNotifier, failed_tasks, tell_one_of
from muniment_airflow.operators import FirmOperator, Night, Result
from muniment_airflow.restore_operators import FAILURE_KEY, JOURNAL_KEY, RestoreStep, asked_by, plan_in, said
from muniment_airflow.task_log import ForeseenError, show_foreseen_errors_once

if TYPE_CHECKING:
    from airflow.sdk import Context

    from muniment.adapters.site.site import Site


class TellContact(RestoreStep):
    """The named person at the firm. Where nobody is reached, somebody has to call: the task fails."""

    def work(self, site: "Site", night: Night) -> Result:
        from muniment.adapters.restore.records import is_rolled_back

        plan, firm = plan_in(night), site.firm
        if is_rolled_back(site.primary, night.point):
            return {"contact": "not told of the restore: it was undone before, which is told instead"}
        letter = Letter(self.task_id, f"{firm.name}: your data was restored", _letter(firm, plan.target, night))
        told = tell_one_of(firm.contact.told_by, letter, night.context, firm)
        return {"contact": f"{firm.contact.name or 'contact'}: {told}"}


def _letter(firm: Firm, target: str, night: Night) -> str:
    journal = journal_in(night)
    at = journal.steps[-1].ended_at if journal else None
    when = f"{at:%Y-%m-%d %H:%M} UTC" if at else "today"
    target = re.sub(r"^timeline:\d+:", "", target)
    back = f"to {target}" if target not in ("latest", "immediate") else "to the newest state that the backups hold"
    return (
        f"Dear {firm.contact.name or firm.name},\n\n"
        f"at {when} we put the database of {firm.name} back {back}, from our backups.\n"
        "What was entered after that is not in it any more. The database as it was before is kept and has not been\n"
        "changed; it is deleted only after you have had time to look.\n\n"
        f"Asked for by {asked_by(night)}, approved by {journal.approval.by if journal else 'a second person'}.\n"
        f"Reference: restore {night.point}.\n"
    )


def journal_in(night: Night) -> CutOver | None:
    text = night.context["ti"].xcom_pull(task_ids=named.CUT_OVER, key=JOURNAL_KEY)
    return CutOver.from_json(text.encode()) if text else None


class RestoreEndedError(AirflowFailException, ForeseenError):
    """The restore did not do what was asked for; it is on the record, and the step that failed has told on-call."""


class OnCallOfRecord(OnCallNotifier):
    """Tells on-call only of a record that could not be kept."""

    def notify(self, context: Any) -> None:
        if not isinstance(context.get("exception"), RestoreEndedError):
            super().notify(context)


class KeepRecord(FirmOperator):
    """Whatever happened: into both vaults, locked for as long as the audit log is kept. Then the run ends as it went.

    A run ends as its last task does, so this one fails where a step before it has.
    """

    def execute(self, context: "Context") -> Result:
        kept = super().execute(context)
        if kept["failure"]:
            message = f"restore {kept['record']}: {kept['end']}; its record is kept"
            context["ti"].xcom_push(key="return_value", value=kept)
            show_foreseen_errors_once()
            raise RestoreEndedError(message)
        return kept

    def work(self, site: "Site", night: Night) -> Result:
        from muniment.adapters.restore.records import write_record

        record = write_record(site, record_of(site, night), locked_until=utc_now() + site.policy.audit_log)
        night.progress.note(f"restore {record.id}: {record.end}" + (f": {record.failure}" if record.failure else ""))
        return {"record": record.id, "end": record.end, "failure": record.failure}


def record_of(site: "Site", night: Night) -> restore_record.RestoreRecord:
    from muniment.domain.restore.staging import Staging

    journal, plan_text, staged = journal_in(night), said(night, named.PLAN, "plan"), said(night, named.STAGE, "staging")
    not_approved = _word(night, (named.APPROVE,), NOT_APPROVED_KEY)
    where = night.context["params"]["where"]
    plan = RestorePlan.from_json(plan_text.encode()) if plan_text else None
    record = restore_record.RestoreRecord(
        id=night.point,
        firm=site.firm.id,
        run=night.run,
        where=where,
        asked_by=asked_by(night),
        asked_at=night.context["dag_run"].run_after,
        plan=plan,
        plan_sha256=plan.sha256 if plan else None,
        not_approved=not_approved,
        times_asked=said(night, named.APPROVE, "times_asked") or 0,
        full_backup=said(night, named.FULL_BACKUP, "point_id"),
        contact=said(night, named.TELL_CONTACT, "contact"),
        end=restore_record.end_of(where=where, staged=bool(staged), journal=journal, not_approved=not_approved),
        failure=_failure(night, not_approved),
        finished_at=utc_now(),
    )
    if staged:
        record = restore_record.of_staging(record, Staging.from_json(staged.encode()))
    return restore_record.of_cut_over(record, journal) if journal else record


def _failure(night: Night, not_approved: str | None) -> str | None:
    """In the failed step's own words, where it had any: a killed worker has none."""
    failed = failed_tasks(night.context)
    if not failed:
        return None
    word = _word(night, named.RESTORE, FAILURE_KEY) or (f"{failed[0]}: {not_approved}" if not_approved else None)
    return word or f"{', '.join(failed)} ended without a word"


def _word(night: Night, tasks: tuple[str, ...], key: str) -> str | None:
    words = (night.context["ti"].xcom_pull(task_ids=task, key=key) for task in tasks)
    return next(filter(None, words), None)
