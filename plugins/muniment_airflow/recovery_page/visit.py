"""One request: who asks, where links lead, and which firms may be shown."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from airflow.configuration import conf
from starlette.requests import Request

from muniment.domain.fleet.frame import Frame
from muniment.ports import utc_now
from muniment_airflow.recovery_page.mount import PREFIX

USER = "muniment.user"
"""Where the guard leaves whom it let in."""
_OF_FIRM = "__backup"
# No firm's: a firm's id begins with a letter. Who may read a DAG that nobody can have been given by name reads all.
_OF_NOBODY = f"0{_OF_FIRM}"


def frame_of(request: Request, stale: str | None = None, now: datetime | None = None) -> Frame:
    root = str(request.scope.get("root_path", ""))
    return Frame(airflow=root.removesuffix(PREFIX), now=now or utc_now(), stale=stale)


@dataclass(frozen=True)
class Visit:
    """What it shows is a matter of Airflow's own rights: a firm is seen by whoever may read its ``<firm>__backup``."""

    request: Request
    now: datetime

    @property
    def user(self) -> BaseUser:
        user: BaseUser = self.request.scope[USER]
        return user

    def frame(self, stale: str | None = None) -> Frame:
        return frame_of(self.request, stale, self.now)

    def may_see(self, firm: str) -> bool:
        """Also of one that has no DAG, or is none: by its name alone. With teams a DAG belongs to one, and one that is
        not there to none: nobody sees it."""
        dag_id = f"{firm}{_OF_FIRM}"
        if not _has_teams():
            return _may_read(self.user, dag_id)
        return dag_id in self._readable

    def allowed(self, known: Iterable[str]) -> frozenset[str]:
        """Firms that may be shown. ``known``: of the store, which may have one whose DAG is not there any more."""
        return self._readable_firms | (frozenset(known) if self._reads_every_dag else frozenset())

    @functools.cached_property
    def _readable_firms(self) -> frozenset[str]:
        return frozenset(each.removesuffix(_OF_FIRM) for each in self._readable if each.endswith(_OF_FIRM))

    @functools.cached_property
    def _readable(self) -> frozenset[str]:
        return frozenset(get_auth_manager().get_authorized_dag_ids(user=self.user, method="GET"))

    @functools.cached_property
    def _reads_every_dag(self) -> bool:
        return not _has_teams() and _may_read(self.user, _OF_NOBODY)


def _may_read(user: BaseUser, dag_id: str) -> bool:
    may: bool = get_auth_manager().is_authorized_dag(method="GET", details=DagDetails(id=dag_id), user=user)
    return may


def _has_teams() -> bool:
    return bool(conf.getboolean("core", "multi_team", fallback=False))


def visit(request: Request) -> Visit:
    """A dependency of every route."""
    return Visit(request, utc_now())
