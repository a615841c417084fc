"""Is the watch awake? Asked by somebody who does not depend on Airflow: a timer, a cron line, another machine.

What cannot be asked is late as well: a probe is green only when everything answered and was in time.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from muniment.adapters.site.logins import Login
from muniment.adapters.watch.store import WatchStore
from muniment.domain.record import Record
from muniment.domain.watch.airflow import AirflowSeen
from muniment.domain.watch.airflow_troubles import airflow_troubles
from muniment.domain.watch.awake import Late, late_passes, of_airflow, untold
from muniment.domain.watch.passes import Pass
from muniment.domain.watch.settings import WatchSettings
from muniment.errors import MunimentError
from muniment.ports import Clock
from muniment.runbooks.incidents.tell import UNTOLD
from muniment.runbooks.watch.check_airflow import look_at_airflow


class Probed(Record):
    checked_at: datetime
    late: tuple[Late, ...]
    passes: tuple[Pass, ...] = ()
    """The newest ended one of each queue."""
    is_airflow_asked: bool
    is_awaited_outside: bool
    """``heartbeat`` of watch.yaml: somebody notices even where this probe does not run any more."""


def probe(
    settings: WatchSettings,
    queues: Sequence[str],
    open_store: Callable[[], WatchStore],
    login: Callable[[str], Login],
    *,
    clock: Clock,
) -> Probed:
    """``queues``: those of the registry's firms; none is a fault, because then nothing would ever be late.

    Never raises: what does not answer is what is late.
    """
    late: list[Late] = []
    passes: tuple[Pass, ...] = ()
    before: AirflowSeen | None = None
    now = clock()
    if not queues:
        late.append(Late(kind="registry", what="the registry has no sound firm", hint="muniment firms check"))
    try:
        store = open_store()
        passes, before = store.last_passes(), store.airflow()
        late += [*late_passes(queues, passes, now), *untold(store.recall(*UNTOLD) or {}, now)]
    except MunimentError as error:
        late.append(Late(kind="store", what=error.what, hint=error.what_to_do.rstrip(".")))
    return Probed(
        checked_at=now,
        late=(*late, *_of_airflow(settings, login, before, clock)),
        passes=passes,
        is_airflow_asked=settings.airflow is not None,
        is_awaited_outside=settings.heartbeat is not None,
    )


def _of_airflow(
    settings: WatchSettings, login: Callable[[str], Login], before: AirflowSeen | None, clock: Clock
) -> Iterator[Late]:
    """Of the whole, not of any firm: that is the passes' own work."""
    airflow = look_at_airflow(settings, login, before=before, clock=clock)
    yield from of_airflow(list(airflow_troubles((), {}, airflow, (), clock())))
