"""One request: who asks, where links lead, which firms may be shown, and what the store says of them."""

import functools
from collections.abc import Callable, Iterable
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from airflow.configuration import conf
from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from muniment.adapters.fleet.pages import render
from muniment.domain.fleet.frame import Frame
from muniment.domain.fleet.sight import Sight
from muniment.ports import utc_now
from muniment_airflow.recovery_page.mount import PREFIX
from muniment_airflow.recovery_page.stored import Stored, Told

if TYPE_CHECKING:
    from muniment.domain.fleet.pictures import FleetSeen
    from muniment.runbooks.fleet.reader import FleetReader

USER = "muniment.user"
"""Where the guard leaves whom it let in."""
_OF_FIRM = "__backup"
# No firm's: a firm's id begins with a letter. Who may read a DAG that nobody can have been given by name reads all.
_OF_NOBODY = f"0{_OF_FIRM}"


def frame_of(request: Request, stale: str | None = None, now: datetime | None = None) -> Frame:
    root = str(request.scope.get("root_path", ""))
    return Frame(airflow=root.removesuffix(PREFIX), now=now or utc_now(), stale=stale)


class Visit:
    """What it shows is a matter of Airflow's own rights: a firm is seen by whoever may read its ``<firm>__backup``.

    They are asked before the store is: what may not be seen is not looked for.
    """

    def __init__(self, request: Request) -> None:
        self.now = utc_now()
        self._request = request
        self._stale: str | None = None

    @property
    def frame(self) -> Frame:
        """``stale`` once ``ask`` was answered with what was kept."""
        return frame_of(self._request, self._stale, self.now)

    def ask[T](self, key: object, read: Callable[["FleetReader"], T]) -> T:
        """As ``Stored.ask``. Raises ``MunimentError``."""
        stored: Stored = self._request.app.state.stored
        told: Told[T] = stored.ask(key, read)
        self._stale = self._stale or told.stale
        return told.what

    def fleet(self) -> "FleetSeen":
        return self.ask("fleet", lambda reader: reader.fleet())

    def show(self, template: str, **shown: Any) -> HTMLResponse:
        return HTMLResponse(render(template, self.frame, **shown))

    def require(self, firm: str) -> None:
        """Raises ``HTTPException`` 404 for a firm that may not be seen.

        By its name alone, so also of one that has no DAG, or is none. With teams a DAG belongs to one; one that is not
        there belongs to none, and nobody sees it.
        """
        dag_id = f"{firm}{_OF_FIRM}"
        may = dag_id in self._readable if _has_teams() else _may_read(self._user, dag_id)
        if not may:
            raise missing()

    def allowed(self, known: Iterable[str]) -> frozenset[str]:
        """Firms that may be shown. ``known``: of the store, which may have one whose DAG is not there any more."""
        readable = frozenset(each.removesuffix(_OF_FIRM) for each in self._readable if each.endswith(_OF_FIRM))
        return readable | (frozenset(known) if self._reads_every_dag else frozenset())

    def sight(self, among: Iterable[str] = ()) -> Sight:
        """``among``: firms that what is shown names."""
        if self._reads_every_dag:
            return Sight(frozenset(among), ())
        known = {row.firm for row in self.fleet().rows}
        return Sight(self.allowed(()), known | set(among))

    @property
    def _user(self) -> BaseUser:
        user: BaseUser = self._request.scope[USER]
        return user

    @functools.cached_property
    def _readable(self) -> frozenset[str]:
        return frozenset(get_auth_manager().get_authorized_dag_ids(user=self._user, method="GET"))

    @functools.cached_property
    def _reads_every_dag(self) -> bool:
        return not _has_teams() and _may_read(self._user, _OF_NOBODY)


def _may_read(user: BaseUser, dag_id: str) -> bool:
    may: bool = get_auth_manager().is_authorized_dag(method="GET", details=DagDetails(id=dag_id), user=user)
    return may


def _has_teams() -> bool:
    return bool(conf.getboolean("core", "multi_team", fallback=False))


def missing() -> HTTPException:
    return HTTPException(HTTPStatus.NOT_FOUND)


Visited = Annotated[Visit, Depends(Visit)]


def page(router: APIRouter, path: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A route that answers GET and HEAD alike."""
    return router.api_route(path, methods=["GET", "HEAD"])
