"""What happens in a task is told to whom ``watch.yaml`` names: as an incident of the watch's store, and at once.

Where the store cannot be reached it is told all the same, by the same routes, and says so.
"""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from muniment.errors import MunimentError
from muniment.ports import utc_now

if TYPE_CHECKING:
    from muniment.adapters.watch.store import WatchStore
    from muniment.domain.incidents.incident import Delivery, Incident, Notice
    from muniment.domain.incidents.judged import Judged
    from muniment.domain.incidents.trouble import Trouble
    from muniment.domain.watch.settings import WatchSettings

log = logging.getLogger(__name__)
NOBODY = "NOBODY WAS TOLD"
_KEPT = "it is kept, and told with the next pass of the watch"


class NobodyToldError(Exception):
    """No channel took it; the message says why, and whether it is kept."""


def tell_on_call(trouble: "Trouble", *, only_kept: bool = False) -> str:
    """Opens an incident, or feeds the one that is open. Says who was told by which way, or why nobody had to be.
    ``only_kept``: where the store cannot be reached its error is raised, and nobody is told directly.

    Raises ``NobodyToldError``, and ``InvalidConfiguration`` where ``watch.yaml`` has a fault.
    """
    from muniment.registry.watch_file import load_watch_settings
    from muniment.runbooks.incidents.record_troubles import record_troubles
    from muniment.runbooks.incidents.tell import UNTOLD, tell

    settings = load_watch_settings()
    try:
        store = open_store(settings)
        notices = record_troubles(store, [trouble], _judged_nothing(), clock=utc_now)
    except MunimentError as error:
        if only_kept:
            raise
        log.warning("the watch's store keeps nothing of this", exc_info=True)
        return _directly(trouble, settings, error.what)
    try:
        deliveries = tell(store, settings, clock=utc_now)
    except MunimentError as error:
        return _directly(trouble, settings, error.what)
    own = [each for each in notices if each.cause == trouble.cause]
    return _told(own, deliveries) if own else _known(store, trouble, tuple(store.recall(*UNTOLD) or ()))


def tell_that_it_is_over(dag: str, run: str) -> str | None:
    """What a failed task had opened, once a run has succeeded: of this DAG; of this run, where a person asked for it.
    ``None``: nothing was open.

    Raises ``WatchStoreUnavailable``.
    """
    from muniment.domain.incidents.lifecycle import OPEN
    from muniment.domain.incidents.scoping import key_of
    from muniment.domain.watch.task_failure import CAUSE, scope_of
    from muniment.registry.watch_file import load_watch_settings
    from muniment.runbooks.incidents.answer import resolve
    from muniment.runbooks.incidents.tell import tell

    settings, scope = load_watch_settings(), scope_of(dag, run)
    store = open_store(settings)
    incident = store.find_incident(key_of(CAUSE, scope))
    if incident is None or incident.state not in OPEN:
        return None
    resolve(store, CAUSE, scope, why=f"a run of {dag} has succeeded", by="Airflow", clock=utc_now)
    tell(store, settings, clock=utc_now)
    return f"incident {incident.id} is over"


def open_store(settings: "WatchSettings") -> "WatchStore":
    """Raises ``WatchStoreUnavailable``, and ``InvalidConfiguration`` where Airflow has no such connection."""
    from muniment.adapters.watch.places import store_url_by
    from muniment.adapters.watch.store import WatchStore
    from muniment_airflow.hooks import login

    return WatchStore.open(store_url_by(settings.store, login))


def _told(notices: "Sequence[Notice]", deliveries: "Sequence[Delivery]") -> str:
    """Of this incident alone: a round may tell of others."""
    own = {each.id for each in notices}
    tried = [each for each in deliveries if each.notice in own]
    failures = [f"{each.channel}: {each.failure}" for each in tried if each.failure]
    took = [each.channel for each in tried if not each.failure]
    if took:
        return "; ".join((f"told by {', '.join(took)}", *(f"failed: {one}" for one in failures)))
    if not failures:
        return "kept: it waits for its route's quiet hours to end, or another process tells it now"
    raise NobodyToldError("; ".join((*failures, _KEPT)))


def _known(store: "WatchStore", trouble: "Trouble", untold: "Sequence[str]") -> str:
    """Nothing was to be told: somebody knows. Raises ``NobodyToldError`` where they still do not."""
    from muniment.domain.incidents.scoping import key_of, own_scope

    incident = store.find_incident(key_of(trouble.cause, own_scope(trouble)))
    if incident is None:
        return "part of an incident that is open"
    if incident.held_back_by is not None:
        return f"part of an incident that is open: {incident.held_back_by}"
    if any(notice.startswith(incident.id) for notice in untold):
        raise NobodyToldError(_KEPT)
    return f"{_state(incident)}: incident {incident.id}"


def _state(incident: "Incident") -> str:
    return "silenced by a person" if incident.was_silenced else "told before"


def _directly(trouble: "Trouble", settings: "WatchSettings", why: str) -> str:
    """Raises ``NobodyToldError``."""
    from muniment.domain.incidents.assess import Known, assess
    from muniment.runbooks.incidents.tell import tell_directly

    note = f"told without the watch's store: it may come twice, and nobody repeats it. {why}"
    outcome = assess([trouble], _judged_nothing(), Known((), (), ()), utc_now())
    (notice,) = outcome.notices
    deliveries = tell_directly(
        notice.model_copy(update={"message": f"{notice.message}\n{note}"}), settings, clock=utc_now
    )
    failures = [f"{each.channel}: {each.failure}" for each in deliveries if each.failure]
    took = [each.channel for each in deliveries if not each.failure]
    if not took:
        raise NobodyToldError("; ".join(failures) or "watch.yaml names no channel")
    return "; ".join((f"told by {took[0]}", note, *(f"failed: {one}" for one in failures)))


def _judged_nothing() -> "Judged":
    from muniment.domain.incidents.judged import Judged

    return Judged()
