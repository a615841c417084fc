"""What Airflow is told of the Recovery page. Every task's process imports this: the page itself comes with the first
request, in the API server alone.
"""

import functools
import gc
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf

from muniment.domain.fleet.host_address import NAV
from muniment.domain.fleet.restore_link import TAB

PREFIX = "/recovery"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# As gc.set_threshold takes them. Measured by `python -m tests.bench page`.
_OBJECTS_BETWEEN_COLLECTIONS = (50_000, 20, 20)


async def recovery_page(scope: Scope, receive: Receive, send: Send) -> None:
    """An ASGI application. Its imports are seconds, in which the API server has others to answer."""
    from starlette.concurrency import run_in_threadpool

    page = await run_in_threadpool(_page)
    await page(scope, receive, send)


@functools.cache
def _page() -> App:
    from muniment_airflow.recovery_page.app import recovery_app
    from muniment_airflow.recovery_page.guard import Guard

    page = Guard(recovery_app())
    settle()
    return page


def settle() -> None:
    """What is loaded by now lives as long as the process. To look through it for garbage takes a third of a second, in
    the midst of a page: Airflow alone has half a million objects. A page makes tens of thousands, and drops them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_OBJECTS_BETWEEN_COLLECTIONS)


def airflow_path() -> str:
    """Of Airflow's own pages, as ``Frame.airflow``: what ``[api] base_url`` has behind its host."""
    return urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")


def fastapi_apps() -> list[dict[str, Any]]:
    return [{"app": recovery_page, "url_prefix": PREFIX, "name": "Recovery"}]


def external_views() -> list[dict[str, Any]]:
    """An entry in the navigation, and a tab on each DAG and run: Airflow knows no tab of some DAGs only."""
    page = f"{airflow_path()}{PREFIX}"
    shown = {
        "name": "Recovery",
        "icon": f"{page}/static/recovery.svg",
        "icon_dark_mode": f"{page}/static/recovery-dark.svg",
    }
    of_dag = f"{page}/dag/{{DAG_ID}}"
    return [
        {**shown, "href": f"{page}/", "destination": "nav", "url_route": NAV, "nav_top_level": True},
        {**shown, "href": of_dag, "destination": "dag", "url_route": TAB},
        {**shown, "href": f"{of_dag}/run/{{RUN_ID}}", "destination": "dag_run", "url_route": "recovery-of-run"},
    ]
