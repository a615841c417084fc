"""Tells on-call what lasts for nights: once, from a task that goes on, and notes in the vault that they know."""

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from muniment.ports import utc_now
from muniment_airflow.notifiers import Letter, tell_one_of
from muniment_airflow.on_call import NobodyToldError

if TYPE_CHECKING:
    from muniment.adapters.site.site import Site
    from muniment.domain.incidents.alert import Notice


log = logging.getLogger(__name__)


def tell_once(site: "Site", notice: "Notice | None", context: Mapping[str, Any]) -> None:
    """Raises ``NobodyToldError`` where no notifier of the firm gets through: then it is not noted, and tried again.

    A firm that names no notifier has the log alone: that fails no step, for it would fail every night's.
    """
    if notice is None:
        return
    if not site.firm.on_call:
        log.critical("firm %s names no on_call notifier, so NOBODY WAS TOLD:\n%s", site.firm.id, notice.message)
        return
    from muniment.runbooks.incidents.alerts import remember

    ti = context["ti"]
    message = f"{notice.message}\n\nlog: {ti.log_url}"
    letter = Letter(ti.task_id, f"[muniment] {notice.subject}", message, ti.log_url)
    remember(site, notice, tell_one_of(site.firm.on_call, letter, context, site.firm), clock=utc_now)


def try_to_tell(site: "Site", notices: "Iterable[Notice]", context: Mapping[str, Any]) -> None:
    """In the middle of a night, which is worth more than a letter: the step that ends it tells what was not told."""
    for notice in notices:
        try:
            tell_once(site, notice, context)
        except NobodyToldError:
            log.exception("NOBODY WAS TOLD, and the night goes on:\n%s", notice.message)
