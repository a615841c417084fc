"""The second person's answer: asked in Airflow, taken by a rule of ours (domain/approval.py)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from include.muniment.domain.approval import APPROVE, Answer, Request, approved, refusal
from include.muniment.errors import NotApproved
from muniment_airflow.firms import registered_firm

if TYPE_CHECKING:
    from airflow.sdk import Context

NOT_APPROVED_KEY = "not_approved"


class ApproveRestore(ApprovalOperator):
    """Parks until somebody else than who asked has answered. Only an approval lets the run go on.

    An answer within the first moments can get lost in Airflow 3.3 (the scheduler takes the parked task for a failed
    one): then it is asked again, and what was answered first counts for nothing.
    """

    template_fields: Sequence[str] = (*ApprovalOperator.template_fields, "target", "plan_sha256")

    def __init__(self, *, firm_id: str, target: str, plan_sha256: str, **kwargs: Any) -> None:
        super().__init__(defaults=ApprovalOperator.REJECT, **kwargs)
        self.firm_id = firm_id
        self.target = target
        self.plan_sha256 = plan_sha256

    def execute(self, context: "Context") -> Any:
        if context["params"]["where"] != "live":
            message = "this restore ends in staging"
            raise AirflowSkipException(message)
        request = self._request(context)
        if objection := request.objection():
            self._refuse(context, objection)
        if context["ti"].try_number > 1:
            self.log.warning("asked for the %s. time: an answer came too soon and was lost", context["ti"].try_number)
        self.assigned_users = [{"id": user, "name": user} for user in request.may_answer]
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
        return {"approval": approved(request, answer).model_dump_json(), "times_asked": context["ti"].try_number}

    def _request(self, context: "Context") -> Request:
        return request_of(context, self.firm_id, self.plan_sha256)

    def _refuse(self, context: "Context", reason: str) -> None:
        context["ti"].xcom_push(key=NOT_APPROVED_KEY, value=reason)
        raise AirflowFailException(str(NotApproved(firm=self.firm_id, target=self.target, reason=reason)))


def request_of(context: "Context", firm_id: str, plan_sha256: str) -> Request:
    """From the run and from the firm's file as it is now. Whoever clears or retries a run has not asked for it."""
    asked_by = getattr(context["dag_run"], "triggering_user_name", None)
    return Request(plan_sha256, asked_by, registered_firm(firm_id).restore.approvers)
