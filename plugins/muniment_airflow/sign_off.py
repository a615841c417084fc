"""A quarter's drill and its reviewer: found, asked about in Airflow, recorded in the vaults."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk.exceptions import AirflowSkipException

from muniment.domain.drill.sign_off import summary
from muniment.errors import NotAReviewer, SignOffOverdue
from muniment.ports import utc_now
from muniment_airflow.failures import errors_as_airflow
from muniment_airflow.firms import registered_firm
from muniment_airflow.operators import FirmOperator, Night, Result

if TYPE_CHECKING:
    from airflow.sdk import Context

    from muniment.adapters.site.site import Site

SIGN_OFF = "Sign off"


class FindAwaitedDrill(FirmOperator):
    """The oldest drill that waits for its quarter's sign-off, and what to tell its reviewer.

    Skips where none does; the task's log says why.
    """

    def work(self, site: "Site", night: Night) -> Result:
        from muniment.adapters.drill.records import find_drill, prove_evidence
        from muniment.runbooks.drill.sign_off import awaited_sign_offs, why_nobody_is_asked

        waiting = awaited_sign_offs(site.primary, site.firm, clock=utc_now)
        if not waiting:
            message = f"no drill waits for a sign-off: {why_nobody_is_asked(site.primary, site.firm)}"
            raise AirflowSkipException(message)
        first = waiting[0]
        prove_evidence(site.primary, first.drill)
        told = summary(find_drill(site.primary, first.drill), [vault.bucket for vault in site.vaults])
        return {"drill_id": first.drill, "quarter": first.quarter, "due": f"{first.due:%Y-%m-%d}", "summary": told}


class AskReviewer(HITLOperator):
    """Parks until one of the firm's reviewers has answered; whoever it was is on the record.

    An answer within the first moments can get lost in Airflow 3.3 (the scheduler takes the parked task for a failed
    one): then it is asked again. When the time is over it is not: on-call is told.
    """

    template_fields: Sequence[str] = (*HITLOperator.template_fields, "drill_id", "quarter")

    def __init__(self, *, firm_id: str, drill_id: str, quarter: str, **kwargs: Any) -> None:
        super().__init__(options=[SIGN_OFF], **kwargs)
        self.firm_id = firm_id
        self.drill_id = drill_id
        self.quarter = quarter

    def execute(self, context: "Context") -> Any:
        reviewers = registered_firm(self.firm_id).drill_reviewers
        self.assigned_users = [{"id": user, "name": user} for user in reviewers]
        return super().execute(context)

    def execute_complete(self, context: "Context", event: dict[str, Any]) -> Result:
        told = super().execute_complete(context, event)
        answered_at: datetime = told["responded_at"]
        note = str((told["params_input"] or {}).get("note") or "")
        return {"by": self._reviewer(told["responded_by_user"] or {}), "note": note, "at": answered_at.isoformat()}

    def _reviewer(self, user: dict[str, str]) -> str:
        """Airflow itself asks only the assigned ones, unless everybody on it is an administrator."""
        reviewers = registered_firm(self.firm_id).drill_reviewers
        names = [name for name in (user.get("id"), user.get("name")) if name]
        for name in names:
            if name in reviewers:
                return name
        reason = f"its drill_reviewers are {', '.join(reviewers)}"
        with errors_as_airflow():
            raise NotAReviewer(by=" ".join(names) or "nobody", firm=self.firm_id, reason=reason)

    def process_trigger_event_error(self, event: dict[str, Any]) -> None:
        if event["error_type"] != "timeout":
            super().process_trigger_event_error(event)
        firm = registered_firm(self.firm_id)
        facts = {"drill": self.drill_id, "firm": firm.id, "quarter": self.quarter, "due": f"{utc_now():%Y-%m-%d}"}
        with errors_as_airflow():
            raise SignOffOverdue(**facts, reviewers=", ".join(firm.drill_reviewers))


class RecordSignOff(FirmOperator):
    """Writes the reviewer's word into both vaults."""

    template_fields = (*FirmOperator.template_fields, "drill_id", "by", "note", "at")

    def __init__(self, *, drill_id: str, by: str, note: str, at: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.drill_id = drill_id
        self.by = by
        self.note = note
        self.at = at

    def work(self, site: "Site", night: Night) -> Result:
        from muniment.runbooks.drill.sign_off import sign_off_drill

        done = sign_off_drill(
            site,
            drill_id=self.drill_id,
            by=self.by,
            through=f"Airflow, {night.run}",
            note=self.note,
            signed_at=datetime.fromisoformat(self.at),
            clock=utc_now,
        )
        return {"drill_id": done.drill, "quarter": done.quarter, "by": done.by}
