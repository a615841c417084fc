"""Tells on-call what lasts for nights: once, from a task that goes on, and notes in the vault that they know."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.muniment.ports import utc_now
from muniment_airflow.notifiers import tell_one_of

if TYPE_CHECKING:
    from include.muniment.adapters.site import Site
    from include.muniment.domain.alert import Notice


@dataclass(frozen=True, slots=True)
class _Letter:
    task: str
    subject: str
    message: str
    log_url: str


def tell_once(site: "Site", notice: "Notice | None", context: Mapping[str, Any]) -> None:
    """Raises ``NobodyToldError`` where no notifier of the firm gets through: then it is not noted, and tried again."""
    if notice is None:
        return
    from include.muniment.runbooks.alerts import remember

    ti = context["ti"]
    message = f"{notice.message}\n\nlog: {ti.log_url}"
    letter = _Letter(ti.task_id, f"[muniment] {notice.subject}", message, ti.log_url)
    remember(site, notice, tell_one_of(site.firm.on_call, letter, context, site.firm), clock=utc_now)
