"""What is wrong, or was: as far as it is a matter of firms that may be seen."""

from collections.abc import Iterable, Iterator

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from muniment.domain.fleet.incident_view import incident_view
from muniment.domain.fleet.incidents_view import incidents_view
from muniment.domain.fleet.pictures import IncidentPicture
from muniment.domain.fleet.sight import firms_of
from muniment.domain.incidents.incident import Incident
from muniment.errors import InvalidRequest
from muniment_airflow.recovery_page.visit import Visited, missing, page

router = APIRouter()


@page(router, "/incidents")
def incidents(request: Request, visit: Visited) -> Response:
    include_over = _asked_for_all(request)
    found = visit.ask(("incidents", include_over), lambda reader: reader.incidents(include_over=include_over))
    silences = visit.ask("silences", lambda reader: reader.silences())
    names = {row.firm: row.name for row in visit.fleet().rows}
    sight = visit.sight(firms_in(found))
    return visit.show("incidents.html", view=incidents_view(found, names, silences, sight, include_over=include_over))


@page(router, "/incident/{incident}")
def one_incident(incident: str, visit: Visited) -> Response:
    picture = visit.ask(("incident", incident), lambda reader: reader.incident(incident))
    sight = visit.sight(firms_in(_named(picture)) if picture else ())
    view = incident_view(picture, sight, visit.now) if picture else None
    if view is None:
        raise missing()
    return visit.show("incident.html", view=view)


def firms_in(incidents: Iterable[Incident]) -> frozenset[str]:
    return frozenset().union(*map(firms_of, incidents))


def _named(picture: IncidentPicture) -> Iterator[Incident]:
    yield picture.incident
    yield from picture.holds_back
    if picture.held_back_by is not None:
        yield picture.held_back_by


def _asked_for_all(request: Request) -> bool:
    """Raises ``InvalidRequest``."""
    given = request.query_params.multi_items()
    if unknown := [name for name, _ in given if name != "all"]:
        raise InvalidRequest(count=1, faults=f"{unknown[0]}: there is no such parameter: only all=1")
    values = {value for _, value in given} - {""}
    if values - {"1"}:
        raise InvalidRequest(count=1, faults="all: is 1, or left out")
    return bool(values)
