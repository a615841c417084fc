"""Default deny: nothing behind this answers anybody whom Airflow does not know, not even that there is nothing."""

import logging
import secrets
from collections.abc import MutableMapping
from typing import Any

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
from fastapi import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from muniment.adapters.fleet.pages import render
from muniment_airflow.recovery_page.faults import Fault, fault_page
from muniment_airflow.recovery_page.mount import App, Receive, Scope, Send
from muniment_airflow.recovery_page.visit import USER, frame_of

log = logging.getLogger(__name__)

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self'; script-src 'self'; img-src 'self' data:;"
    " frame-ancestors 'self'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer; one that sets a header itself keeps its own."""
_POLICY_VIOLATION = 1008  # RFC 6455, 7.4.1


class Guard:
    def __init__(self, page: App) -> None:
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        if scope["type"] != "http":
            return
        answer = _Answer(send)
        try:
            await self._answer(scope, receive, answer)
        except Exception:
            number = secrets.token_hex(4)
            log.exception("Recovery page: error %s", number)
            if not answer.began:
                await _broken(scope, number)(scope, receive, answer)

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        request = Request(scope)
        try:
            user = await _who(request)
        except HTTPException as refused:
            await _not_signed_in(request, refused.status_code)(scope, receive, answer)
            return
        if request.method not in ("GET", "HEAD"):
            await fault_page(request, Fault.METHOD)(scope, receive, answer)
            return
        if not request.scope["path"].isprintable():  # no database takes a NUL
            await fault_page(request, Fault.MISSING)(scope, receive, answer)
            return
        await self._page({**scope, USER: user}, receive, answer)


async def _who(request: Request) -> BaseUser:
    """As Airflow's own API finds it. Raises ``HTTPException``."""
    return await get_user(request, None, await bearer_scheme(request))


class _Answer:
    """``send`` with our headers on what it sends."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.began = False

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.began = True
            own = {name.lower() for name, _ in message["headers"]}
            more = [(n.lower().encode(), v.encode()) for n, v in HEADERS.items() if n.lower().encode() not in own]
            message = {**message, "headers": [*message["headers"], *more]}
        await self._send(message)


def _not_signed_in(request: Request, status: int) -> Response:
    """Without a style sheet, which a stranger is not given either."""
    return HTMLResponse(render("stranger.html", frame_of(request)), status)


def _broken(scope: Scope, number: str) -> Response:
    return fault_page(
        Request(scope), Fault.BROKEN, f"Airflow's API server has written why into its log: error {number}."
    )
