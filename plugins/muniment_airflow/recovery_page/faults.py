"""Pages that say what could not be shown. They say nothing of what was asked for: who may not see a firm must not learn
from one whether there is such a firm.
"""

from enum import Enum
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import HTMLResponse

from muniment.adapters.fleet.pages import render
from muniment_airflow.recovery_page.visit import frame_of


class Fault(Enum):
    """Status, title, what it means."""

    MISSING = (
        HTTPStatus.NOT_FOUND,
        "Not found",
        "There is nothing at this address, or nothing that your rights in Airflow let you see.",
    )
    WRONG = (HTTPStatus.BAD_REQUEST, "Not understood", "The address asks for what cannot be.")
    METHOD = (HTTPStatus.METHOD_NOT_ALLOWED, "Not allowed", "This page is read, and changes nothing.")
    UNREAD = (
        HTTPStatus.OK,
        "Nothing is known yet",
        "What the watch saw cannot be read. This says nothing of the backups, good or bad.",
    )
    BROKEN = (
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "An error of the page",
        "The page could not be made. This says nothing of the backups, good or bad.",
    )


def fault_page(request: Request, fault: Fault, *details: str) -> HTMLResponse:
    status, title, what = fault.value
    shown = render("fault.html", frame_of(request), title=title, what=what, details=details)
    headers = {"Allow": "GET, HEAD"} if fault is Fault.METHOD else None
    return HTMLResponse(shown, status, headers)
