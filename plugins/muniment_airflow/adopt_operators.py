"""The steps of ``<firm>__adopt``: a new cluster takes the firm's name, when a second person has said yes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from muniment.domain.approval import Approval
from muniment.errors import AdoptionNotApproved
from muniment.ports import utc_now
from muniment_airflow.approval import ApproveRestore
from muniment_airflow.operators import FirmOperator, Night, Result, refuse_unknown_parameters
from muniment_airflow.restore_operators import asked_by

if TYPE_CHECKING:
    from airflow.sdk import Context

    from muniment.adapters.site.site import Site


class PlanAdoption(FirmOperator):
    """Both clusters, for two people to look at; skipped where the connection leads to the firm's cluster already."""

    def work(self, site: "Site", night: Night) -> Result:
        from muniment.runbooks.vault.adopt_cluster import plan_adoption

        refuse_unknown_parameters(night)
        plan = plan_adoption(site, requested_by=asked_by(night) or "", clock=utc_now)
        if plan is None:
            message = "the connection leads to the firm's cluster: there is nothing to adopt"
            raise AirflowSkipException(message)
        for line in plan.lines():
            night.progress.note(line)
        told = {"plan": plan.to_json().decode(), "sha256": plan.sha256, "page": "\n".join(plan.lines())}
        return {**told, "target": f"cluster {plan.new.system_identifier}"}


class ApproveAdoption(ApproveRestore):
    """As for a restore that goes live. The answer goes on record with the adoption; one that got lost is asked for
    again."""

    not_approved = AdoptionNotApproved

    def _needless(self, context: "Context") -> str | None:
        return None

    def _given_before(self, context: "Context", request: Any) -> None:
        return None

    def _take(self, context: "Context", approval: Approval) -> dict[str, Any]:
        return {"approval": approval.model_dump_json(), "times_asked": context["ti"].try_number}


class AdoptCluster(FirmOperator):
    """Carries the approved plan out. Safe to run again."""

    template_fields: Sequence[str] = (*FirmOperator.template_fields, "plan", "approval")

    def __init__(self, *, plan: str, approval: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan = plan
        self.approval = approval

    def work(self, site: "Site", night: Night) -> Result:
        from muniment.domain.vault.adoption import AdoptionPlan
        from muniment.runbooks.vault.adopt_cluster import adopt_cluster

        plan, approval = AdoptionPlan.from_json(self.plan.encode()), Approval.from_json(self.approval.encode())
        mark = adopt_cluster(site, plan, approval=approval, by=night.run, clock=utc_now, progress=night.progress)
        return {"adopted": str(mark.system_identifier)}
