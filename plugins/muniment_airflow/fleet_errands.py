"""What the watch does beside looking, since of all runs it comes by most often: it tells whom nobody else tells.

Airflow of points that the command took, a firm's contact of a restore that was undone, and this machine's stagings that
their keepers are gone. As in operators.py, what an errand needs is imported when it is run.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.sdk import AssetAlias

from muniment.domain.incidents.trouble import Scope, Trouble
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.errors import MunimentError, Transient, WatchStoreUnavailable
from muniment.ports import utc_now
from muniment_airflow.failure_report import what_happened
from muniment_airflow.firms import recovery_point_asset
from muniment_airflow.operators import Night, tend_stagings
from muniment_airflow.point_events import told_of
from muniment_airflow.progress import TaskLogProgress

if TYPE_CHECKING:
    from airflow.sdk import Asset, Context

    from muniment.adapters.site.site import Site
    from muniment.adapters.watch.store import WatchStore
    from muniment.domain.firm.firm import Firm

log = logging.getLogger(__name__)

POINTS_BY_COMMAND = AssetAlias("muniment://recovery-points-by-command")
"""The outlet of the task that runs the errands: it makes no event of its own, only those that are added to it."""

_NOBODYS = Scope(kind="watch", name="watch")
_TOLD = "point-told"
_ASKED_OF_AIRFLOW = 10


def site_with_own_rights(firm: "Firm") -> "Site":
    from muniment_airflow.hooks import firm_site

    return firm_site(firm, application="muniment fleet__watch")


def run_errands(
    firms: "Iterable[Firm]",
    context: "Context",
    store: "WatchStore",
    site_of: "Callable[[Firm], Site]" = site_with_own_rights,
) -> tuple[Trouble, ...]:
    """For ``firms`` whose evidence this pass has read: one LIST each, and more where there is news.

    Returns what could not be done; it is tried again with the firm's next evidence. Raises ``WatchStoreUnavailable``.
    """
    from muniment_airflow.roll_back_letter import tell_of_roll_backs

    night, seen = Night(context, TaskLogProgress(log)), store.firms()
    troubles: list[Trouble] = []
    with _noted(None, troubles):
        tend_stagings(night)
    for firm in firms:
        with _noted(firm, troubles):
            site = site_of(firm)
            tell_of_roll_backs(site, night)
            tell_of_point(site, seen.get(firm.id), night, store)
    return tuple(troubles)


def record_errands(store: "WatchStore", firms: "Iterable[str]", troubles: "Iterable[Trouble]") -> None:
    """What could not be done is an incident until the same firm's errands are done. Raises ``WatchStoreUnavailable``.

    ``firms``: whose errands were run; this machine's own always are.
    """
    from muniment.domain.incidents.judged import Judged
    from muniment.domain.incidents.scoping import own_scope
    from muniment.runbooks.incidents.answer import resolve
    from muniment.runbooks.incidents.record_troubles import record_troubles

    record_troubles(store, failed := tuple(troubles), Judged(), clock=utc_now)
    done = {_NOBODYS, *(Scope(kind="firm", name=firm) for firm in firms)} - {own_scope(each) for each in failed}
    for incident in store.incidents(open_only=True):
        if incident.cause == "task-failed" and incident.scope in done:
            resolve(store, "task-failed", incident.scope, why="the errands are done", by="the watch", clock=utc_now)


def tell_of_point(site: "Site", seen: FirmSeen | None, night: Night, store: "WatchStore") -> None:
    """An event of the newest point, where it is not one of the nightly chain, whose own task makes its event.

    Airflow makes an event when the task has succeeded, so what is told is believed when Airflow has it.
    """
    from muniment.adapters.vault import catalog

    newest = seen.evidence.last_point if seen and seen.evidence else None
    if newest is None or store.recall(_TOLD, site.firm.id) == {"point": newest}:
        return
    asset = recovery_point_asset(site.firm.id)
    point = catalog.find_point(site.primary, newest)
    if point.run.startswith(f"{site.firm.id}__backup/") or _has_event(asset, newest):
        store.remember(_TOLD, site.firm.id, {"point": newest}, utc_now())
        return
    night.context["outlet_events"][POINTS_BY_COMMAND].add(asset, extra=told_of(point))
    night.progress.note(f"recovery point {newest} was taken by the command: Airflow's assets know of it now")


def _has_event(asset: "Asset", point_id: str) -> bool:
    """Asked without the asset being an inlet of the task: a thousand firms would be a thousand inlets."""
    from airflow.sdk.execution_time.context import InletEventsAccessors

    events = InletEventsAccessors([asset])[asset].ascending(False).limit(_ASKED_OF_AIRFLOW)
    return any(event.extra.get("point_id") == point_id for event in events)


@contextmanager
def _noted(firm: "Firm | None", troubles: list[Trouble]) -> "Iterator[None]":
    """One firm's costs no other its own."""
    try:
        yield
    except WatchStoreUnavailable:
        raise
    except Exception as error:  # any library stands behind a notifier, and Airflow's own errors are many
        log.exception("errands of %s", firm.id if firm else "this machine")
        troubles.append(_trouble(firm, error))


def _trouble(firm: "Firm | None", error: Exception) -> Trouble:
    if isinstance(error, MunimentError):
        what, kept, hint = error.what, error.what_is_kept, error.what_to_do
    else:
        what, _, rest = what_happened(error, None).partition("\nKEPT: ")
        kept, _, hint = rest.rpartition("\nHINT: ")
    return Trouble(
        cause="task-failed",
        firm=firm.id if firm else None,
        tier=firm.tier if firm else None,
        severity="error",
        opens_at_once=not isinstance(error, Transient),  # which the next hour's may not meet
        subject="an errand of the watch failed",
        what=what,
        kept=kept,
        hint=hint,
        seen_at=utc_now(),
    )
