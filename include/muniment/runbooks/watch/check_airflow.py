"""Airflow is asked what it has, where watch.yaml says how."""

from collections.abc import Callable

from muniment.adapters.airflow_api.client import AirflowApi, base_url
from muniment.adapters.airflow_api.look import look_at
from muniment.adapters.site.logins import Login
from muniment.domain.watch.airflow import AirflowSeen
from muniment.domain.watch.settings import WatchSettings
from muniment.errors import MunimentError
from muniment.ports import Clock


def look_at_airflow(
    settings: WatchSettings, login: Callable[[str], Login], *, before: AirflowSeen | None = None, clock: Clock
) -> AirflowSeen:
    """Never raises. ``before``: the look before this one, which spares most requests."""
    now = clock()
    if settings.airflow is None:
        return AirflowSeen(seen_at=now, unseen="watch.yaml names no connection `airflow`", is_asked=False)
    try:
        found = login(settings.airflow)
    except MunimentError as error:
        return AirflowSeen(seen_at=now, unseen=error.what)
    try:
        url = base_url(found.host, found.port, found.schema)
    except ValueError:
        return AirflowSeen(seen_at=now, unseen=f"connection {settings.airflow}: its host is no address")
    return look_at(AirflowApi(url, found.user, found.password), before, now)
