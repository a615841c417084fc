"""The Recovery page: addresses, each of which reads and shows one thing. ``Guard`` stands before all of it."""

import logging

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from muniment.errors import InvalidRequest, MunimentError
from muniment_airflow.recovery_page import (
    beside_dags,
    drill_pages,
    firm_pages,
    fleet_pages,
    incident_pages,
    static_files,
)
from muniment_airflow.recovery_page.faults import Fault, fault_page
from muniment_airflow.recovery_page.stored import Stored, stored

log = logging.getLogger(__name__)


def recovery_app(reads: Stored | None = None) -> FastAPI:
    """Without pages of its own making: whoever reads them would be told of every route."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.stored = reads or stored()
    for part in (static_files, fleet_pages, firm_pages, drill_pages, incident_pages, beside_dags):
        app.include_router(part.router)
    app.add_exception_handler(HTTPException, _missing)
    app.add_exception_handler(RequestValidationError, _wrong)
    app.add_exception_handler(InvalidRequest, _wrong)
    app.add_exception_handler(MunimentError, _unread)
    return app


def _missing(request: Request, error: Exception) -> Response:
    return fault_page(request, Fault.MISSING)


def _wrong(request: Request, error: Exception) -> Response:
    faults = str(error.facts["faults"]).splitlines() if isinstance(error, InvalidRequest) else ()
    return fault_page(request, Fault.WRONG, *faults)


def _unread(request: Request, error: Exception) -> Response:
    assert isinstance(error, MunimentError)
    log.warning("Recovery page: nothing was ever read that could be shown", exc_info=error)
    return fault_page(request, Fault.UNREAD, error.what, error.hint)
