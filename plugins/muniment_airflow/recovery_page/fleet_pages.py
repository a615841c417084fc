"""All firms: how they stand, and what their recovery classes promise."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from muniment.domain.fleet.fleet_view import fleet_view
from muniment.domain.fleet.promises_view import promises_view
from muniment.domain.fleet.query import FleetQuery
from muniment_airflow.recovery_page.visit import Visited, page

router = APIRouter()


@page(router, "/")
def fleet(request: Request, visit: Visited) -> Response:
    query = FleetQuery.of(request.query_params.multi_items())
    seen = visit.fleet()
    allowed = visit.allowed(row.firm for row in seen.rows)
    return visit.show("fleet.html", view=fleet_view(seen, allowed, query, visit.now))


@page(router, "/promises")
def promises(request: Request, visit: Visited) -> Response:
    query = FleetQuery.of(request.query_params.multi_items())
    seen = visit.fleet()
    allowed = visit.allowed(row.firm for row in seen.rows)
    return visit.show("promises.html", view=promises_view(seen, allowed, query, visit.now))
