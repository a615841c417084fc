"""One firm: how it stands over time, and what an instant of it would bring back."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from muniment.domain.fleet.firm_view import firm_view, samples_span, span_of
from muniment.domain.fleet.frame import in_address
from muniment.domain.fleet.instant_view import NOW, instant_asked, instant_view, side_asked
from muniment.domain.fleet.instants import parse_instant
from muniment.domain.fleet.pictures import FirmPicture
from muniment.domain.fleet.sight import firms_of
from muniment_airflow.recovery_page.visit import Visit, Visited, missing, page

router = APIRouter()


def picture_of(firm: str, visit: Visit) -> FirmPicture:
    """Raises ``HTTPException`` for a firm that is not there, or may not be seen."""
    visit.require(firm)
    picture = visit.ask(("firm", firm), lambda reader: reader.firm(firm))
    if picture is None:
        raise missing()
    return picture


@page(router, "/firm/{firm}")
def one_firm(
    firm: str,
    visit: Visited,
    begin: Annotated[str | None, Query(alias="from")] = None,
    end: Annotated[str | None, Query(alias="to")] = None,
) -> Response:
    picture = picture_of(firm, visit)
    span = span_of(picture, begin, end, visit.now)
    wanted = samples_span(span)
    samples = visit.ask(("samples", firm), lambda reader: reader.samples(firm, wanted.begin, wanted.end))
    asked, known = visit.ask(("unwatched", firm), lambda reader: (span, reader.unwatched(firm, span.begin, span.end)))
    unwatched = (*known, *span.outside(asked))
    sight = visit.sight({firm}.union(*map(firms_of, picture.incidents)))
    view = firm_view(
        picture,
        visit.frame,
        span,
        samples=samples,
        unwatched=unwatched,
        sight=sight,
    )
    return visit.show("firm.html", view=view)


@page(router, "/firm/{firm}/at")
def ask_instant(firm: str, visit: Visited, instant: str = "", side: str | None = None) -> Response:
    """The form's: leads to the address that the answer stays at."""
    picture = picture_of(firm, visit)
    at = NOW if instant in ("", NOW) else in_address(parse_instant(instant, picture.seen.time_zone))
    return RedirectResponse(visit.frame.page("firm", firm, "at", at, side=side_asked(side)), HTTPStatus.SEE_OTHER)


@page(router, "/firm/{firm}/at/{instant}")
def at_instant(firm: str, instant: str, visit: Visited, side: str | None = None) -> Response:
    picture = picture_of(firm, visit)
    vault = side_asked(side)
    at = instant_asked(picture, instant, visit.now)
    is_newest = instant == NOW and at is not None
    view = instant_view(picture, visit.frame, at or visit.now, side=vault, is_newest=is_newest)
    return visit.show("at.html", view=view)
