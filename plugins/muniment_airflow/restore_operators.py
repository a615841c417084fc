"""The steps of ``<firm>__restore``. XCom carries the plan and the answers; the work is in the runbooks."""

import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException, AirflowSkipException

from muniment.domain import chain_steps as named
from muniment.domain.approval import Approval, still_holds
from muniment.domain.evidence import counted
from muniment.domain.record import new_id
from muniment.domain.restore.cut_over import Safety
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.restore.plan_text import plan_lines
from muniment.domain.restore.request import RestoreRequest, faults
from muniment.errors import CutOverInterrupted, InvalidRequest, MunimentError, NotApproved
from muniment.ports import utc_now
from muniment_airflow.approval import request_of
from muniment_airflow.on_call import NobodyToldError, tell_on_call
from muniment_airflow.operators import FirmOperator, Night, Result, refuse_unknown_parameters
from muniment_airflow.run_notes import CONNECTION_KEY

if TYPE_CHECKING:
    from airflow.sdk import Context

    from muniment.adapters.site.site import Site
    from muniment.domain.firm.firm import Firm
FAILURE_KEY, JOURNAL_KEY = "failure", "journal"
_DOCUMENTS = (
    "documents in the live buckets are as they were: `muniment documents {firm} --prefix '' --at {at}` tells of each,"
    " and with `--plan FILE` begins to bring them back"
)
_PAGE_COLUMNS = 84  # what Airflow's page shows of code without scrolling


class RestoreStep(FirmOperator):
    """Leaves word of its failure for the record."""

    def execute(self, context: "Context") -> Result:
        try:
            return super().execute(context)
        except AirflowSkipException:
            raise
        except AirflowException as error:
            context["ti"].xcom_push(key=FAILURE_KEY, value=f"{self.task_id}: {str(error).splitlines()[0]}")
            raise


def request_in(night: Night, firm: "Firm") -> RestoreRequest:
    return RestoreRequest.of(night.context["params"], firm, asked_by(night))


def asked_by(night: Night) -> str | None:
    return getattr(night.context["dag_run"], "triggering_user_name", None)


def said(night: Night, task_id: str, name: str) -> Any:
    """What an earlier step returned under this name; ``None`` where it did not run."""
    return (night.context["ti"].xcom_pull(task_ids=task_id) or {}).get(name)


def plan_in(night: Night) -> RestorePlan:
    return RestorePlan.from_json(said(night, named.PLAN, "plan").encode())


class Validate(RestoreStep):
    """Refuses what nobody defined, and every contradiction of the form at once."""

    def work(self, site: "Site", night: Night) -> Result:
        refuse_unknown_parameters(night)
        if found := faults(night.context["params"], site.firm, asked_by(night)):
            raise InvalidRequest(count=len(found), faults="\n".join(found))
        target = request_in(night, site.firm).target
        return {"restore_id": night.point, "asked_by": asked_by(night), "target": str(target)}


class Plan(RestoreStep):
    """Decides what comes back, before anything is fetched; the plan is shown, kept, approved and executed."""

    def work(self, site: "Site", night: Night) -> Result:
        from muniment.runbooks.drill.restore import scratch_root
        from muniment.runbooks.leases.lease_point import lease_plan
        from muniment.runbooks.restore.plan_restore import plan_restore
        from muniment.runbooks.staging.stage_restore import staging_place

        request = request_in(night, site.firm)
        vault, other = site.vault(request.side), site.other(request.side)
        plan = plan_restore(
            vault,
            site.firm,
            request.target,
            side=request.side,
            into=staging_place(scratch_root(), site.firm.id, utc_now()),
            clock=utc_now,
            replaces=site.firm.cluster.live.data_directory if request.where == "live" else None,
            other=other,
        )
        plan = lease_plan((vault, other), plan, progress=night.progress)
        for line in plan_lines(plan):
            night.progress.note(line)
        page = "\n".join(plan_lines(plan, _PAGE_COLUMNS))
        return {"plan": plan.to_json().decode(), "sha256": plan.sha256, "page": page}


class Stage(RestoreStep):
    """Executes the plan beside the live cluster, on this worker, and proves what came back."""

    def work(self, site: "Site", night: Night) -> Result:
        from muniment.adapters.documents.source_bucket import source_buckets
        from muniment.runbooks.staging.stage_restore import Beside, stage_restore

        request, plan = request_in(night, site.firm), plan_in(night)
        self._same_machine(site, night)
        staging = stage_restore(
            site.vault(request.side),
            site.firm,
            plan,
            beside=Beside(other=site.other(request.side), live=source_buckets(site.firm, site.clients)),
            ttl=request.ttl,
            documents=request.with_documents,
            clock=utc_now,
            progress=night.progress,
        )
        for check in staging.checks:
            night.progress.note(f"{check.name}: {check.verdict}: {check.found}")
        connection = staging.connection.conninfo
        night.progress.note(f"connection: {connection}, until {staging.expires_at:%Y-%m-%d %H:%M} UTC")
        night.context["ti"].xcom_push(key=CONNECTION_KEY, value=f'{socket.gethostname()}: psql "{connection}"')
        told = {"passed": staging.passed, "checks": counted(staging.checks)}
        return {"staging": staging.to_json().decode(), "host": socket.gethostname(), **told}

    def _same_machine(self, site: "Site", night: Night) -> None:
        """A retry on another worker stages anew; the folder that is left goes when its keeper finds it over."""
        ti = night.context["ti"]
        before = ti.xcom_pull(task_ids=self.task_id, key="host")
        if before not in (None, socket.gethostname()):
            self.log.warning("an earlier try staged on %s; this one begins anew on %s", before, socket.gethostname())
        ti.xcom_push(key="host", value=socket.gethostname())


class SafetyBackup(RestoreStep):
    """A recovery point of the cluster that is replaced, unless whoever asked has waived it."""

    def work(self, site: "Site", night: Night) -> Result:
        from muniment.runbooks.nightly.safety_backup import back_up_around

        waiver = request_in(night, site.firm).waiver
        if waiver is not None:
            night.progress.note(f"waived by {waiver.by}: {waiver.reason}")
            return {"safety": Safety(waiver=waiver).model_dump_json()}
        point = back_up_around(
            site,
            point_id=new_id(approval_in(site, night).at),
            run=night.run,
            full=False,
            clock=utc_now,
            progress=night.progress,
        )
        return {"safety": Safety(point=point.id).model_dump_json()}


def approval_in(site: "Site", night: Night) -> Approval:
    """As it was registered. Raises ``NotApproved`` where it was not, whatever state the tasks before are in."""
    from muniment.adapters.restore.records import find_approval

    plan = plan_in(night)
    approval = find_approval(site, night.point, plan.sha256)
    if approval is None:
        raise NotApproved(firm=plan.firm, target=plan.target, reason="nobody has approved it")
    return approval


class CutOver(RestoreStep):
    """The staged cluster takes the live one's place; the approval is asked once more, where it is used."""

    def work(self, site: "Site", night: Night) -> Result:
        from muniment.runbooks.cut_over.take_live import Takeover, find_cut_over, interruption_of, take_live

        plan, approval = plan_in(night), approval_in(site, night)
        request = request_of(night.context, site.firm.id, plan.sha256)
        if reason := still_holds(approval, request):
            raise NotApproved(firm=plan.firm, target=plan.target, reason=reason)
        wanted = Takeover(
            id=night.point,
            by=night.run,
            plan=plan,
            staged_on=said(night, named.STAGE, "host"),
            asked_by=request.asked_by or "",
            approval=approval,
            safety=Safety.from_json(said(night, named.SAFETY_BACKUP, "safety").encode()),
        )
        interruption = interruption_of(site, wanted.id, clock=utc_now)
        try:
            done = take_live(site, wanted, clock=utc_now, progress=night.progress)
        finally:
            if journal := find_cut_over(site, wanted.id):
                # A command line may hold what belongs to the host alone.
                told = journal.model_copy(update={"start_options": ()})
                night.context["ti"].xcom_push(key=JOURNAL_KEY, value=told.to_json().decode())
            if interruption is not None:  # not before: whoever is told does not bring the cluster back
                self._tell_on_call(site.firm, interruption, night)
        if plan.documents is not None:
            night.progress.note(_DOCUMENTS.format(firm=plan.firm, at=f"{plan.documents.at:%Y-%m-%dT%H:%M:%SZ}"))
        return {"live_at": new_id(done.steps[-1].ended_at or utc_now()), "set_aside": str(done.aside)}

    def _tell_on_call(self, firm: "Firm", interruption: CutOverInterrupted, night: Night) -> None:
        """Airflow goes on by itself after a lost worker, and calls nobody where the next try succeeds."""
        from muniment.domain.watch.task_failure import FailedTask, failure_trouble

        told = FailedTask(
            dag=self.dag.dag_id,
            run=night.context["run_id"],
            subject="nobody was served",
            what=interruption.what,
            kept=interruption.what_is_kept,
            hint=interruption.what_to_do,
            links={"log": getattr(night.context["ti"], "log_url", "")},
        )
        try:
            self.log.warning("%s\n%s", tell_on_call(failure_trouble(firm, told, utc_now())), interruption)
        except (NobodyToldError, MunimentError):
            self.log.exception("NOBODY WAS TOLD:\n%s", interruption)


class FullBackup(RestoreStep):
    """Of the restored cluster, at once: its timeline has none yet."""

    template_fields: Sequence[str] = (*RestoreStep.template_fields, "point_id")

    def __init__(self, *, point_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.point_id = point_id

    def work(self, site: "Site", night: Night) -> Result:
        from muniment.runbooks.nightly.safety_backup import back_up_around

        point = back_up_around(
            site, point_id=self.point_id, run=night.run, full=True, clock=utc_now, progress=night.progress
        )
        return {"point_id": point.id}
