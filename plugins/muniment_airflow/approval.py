"""The second person's answer: asked in Airflow, taken by a rule of ours (domain/approval.py)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk.exceptions import AirflowSkipException

from muniment.domain.approval import APPROVE, Answer, Approval, Request, approved, refusal, still_holds
from muniment.errors import NotApproved
from muniment.ports import utc_now
from muniment_airflow.failures import errors_as_airflow
from muniment_airflow.firms import registered_firm
from muniment_airflow.operators import point_id

if TYPE_CHECKING:
    from airflow.sdk import Context

    from muniment.adapters.site.site import Site

NOT_APPROVED_KEY = "not_approved"


class ApproveRestore(ApprovalOperator):
    """Parks until somebody else than who asked has answered. Only an approval lets the run go on.

    An answer within the first moments can get lost in Airflow 3.3: the scheduler takes the task for a failed one,
    before or after it has resumed, and starts it again. An approval goes into the vaults the moment it is taken, where
    whoever comes again finds it. Where it was lost before that, it is asked for again.
    """

    template_fields: Sequence[str] = (*ApprovalOperator.template_fields, "target", "plan_sha256")
    not_approved: type[NotApproved] = NotApproved

    def __init__(self, *, firm_id: str, target: str, plan_sha256: str, **kwargs: Any) -> None:
        super().__init__(defaults=ApprovalOperator.REJECT, **kwargs)
        self.firm_id = firm_id
        self.target = target
        self.plan_sha256 = plan_sha256

    def execute(self, context: "Context") -> Any:
        if needless := self._needless(context):
            raise AirflowSkipException(needless)
        request = self._request(context)
        if objection := request.objection():
            self._refuse(context, objection)
        if context["ti"].try_number > 1:
            if given := self._given_before(context, request):
                return given
            self.log.warning("asked for the %s. time: an answer came too soon and was lost", context["ti"].try_number)
        self.assigned_users = [{"id": name, "name": name} for each in request.may_answer for name in each.names]
        return super().execute(context)

    def execute_complete(self, context: "Context", event: dict[str, Any]) -> Any:
        """Not ApprovalOperator's own: it would only skip the next task where ours has to end the run."""
        told = HITLOperator.execute_complete(self, context, event)
        user = told["responded_by_user"] or {}
        answer = Answer(
            chosen=told["chosen_options"][0],
            names=tuple(dict.fromkeys(filter(None, (user.get("name"), user.get("id"))))),
            at=told["responded_at"],
            comment=str((told["params_input"] or {}).get("comment") or ""),
        )
        request = self._request(context)
        if reason := refusal(request, answer):
            self._refuse(context, reason)
        self.log.info("%s by %s", APPROVE, answer.names[0])
        return self._take(context, approved(request, answer))

    def _needless(self, context: "Context") -> str | None:
        """Why nobody has to be asked; ``None`` where somebody has."""
        return None if context["params"]["where"] == "live" else "this restore ends in staging"

    def _take(self, context: "Context", approval: Approval) -> dict[str, Any]:
        from muniment.adapters.restore.records import write_approval

        with errors_as_airflow():
            site = self._site()
            until = utc_now() + site.policy.audit_log
            taken = write_approval(site, point_id(context), approval, locked_until=until)
        return {"approval": taken.model_dump_json(), "times_asked": context["ti"].try_number}

    def _given_before(self, context: "Context", request: Request) -> dict[str, Any] | None:
        from muniment.adapters.restore.records import find_approval

        with errors_as_airflow():
            given = find_approval(self._site(), point_id(context), request.plan_sha256)
        if given is None or still_holds(given, request) is not None:
            return None
        self.log.info("%s by %s at %s, before this task was started again", APPROVE, given.by, given.at)
        return {"approval": given.model_dump_json(), "times_asked": context["ti"].try_number}

    def _site(self) -> "Site":
        from muniment_airflow.hooks import firm_site

        return firm_site(registered_firm(self.firm_id), application=f"muniment {self.task_id}"[:63])

    def _request(self, context: "Context") -> Request:
        return request_of(context, self.firm_id, self.plan_sha256)

    def _refuse(self, context: "Context", reason: str) -> None:
        context["ti"].xcom_push(key=NOT_APPROVED_KEY, value=reason)
        with errors_as_airflow():
            raise self.not_approved(firm=self.firm_id, target=self.target, reason=reason)


def request_of(context: "Context", firm_id: str, plan_sha256: str) -> Request:
    """From the run and from the firm's file as it is now. Whoever clears or retries a run has not asked for it."""
    asked_by = getattr(context["dag_run"], "triggering_user_name", None)
    return Request(plan_sha256, asked_by, registered_firm(firm_id).restore.approvers)
