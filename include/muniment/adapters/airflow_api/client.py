"""Airflow's REST API, asked as briefly as may be: one user's token, a few answers, and no secret in what is told.

The standard library's HTTP: a base install has no other. A redirect is not followed, because the login would go along,
and the environment's proxy is not used, which knows nothing of the hosts in here.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from muniment.domain.secret import Secret

TOTAL_S, CALL_S = 45.0, 10.0
"""An API server that is busy answers within seconds. The list of 4,500 DAGs took 45 s where fourteen processes fought
for two cores, a look that spares it 4 s; both a seventh of that alone."""

PAGE = 100
"""The API gives no more at once ([api] maximum_page_limit)."""

_READ_BYTES, _MOST_BYTES = 2**16, 32 * 2**20
_LONGEST_REASON = 200


class NotAnsweredError(Exception):
    """``str``: why, without the password, the token and the body of the answer."""


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def base_url(host: str, port: int | None, schema: str) -> str:
    """Of an Airflow connection: ``host`` may be a whole address; else ``schema`` is its scheme, as Airflow's own HTTP
    connections have it."""
    parts = urlsplit(host if "://" in host else f"{schema or 'http'}://{host}")
    name = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
    found = parts.port or port
    return f"{parts.scheme}://{name}{f':{found}' if found else ''}{parts.path.rstrip('/')}"


@dataclass(slots=True)
class AirflowApi:
    """For one look: it ends ``TOTAL_S`` seconds after its first call, whatever has been answered by then."""

    url: str
    user: str
    password: Secret = field(repr=False)
    total_s: float = TOTAL_S
    calls: int = field(default=0, init=False)
    _token: str | None = field(default=None, init=False, repr=False)
    _deadline: float | None = field(default=None, init=False)
    _opener: OpenerDirector = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._opener = build_opener(ProxyHandler({}), _NoRedirect())

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Raises ``NotAnsweredError``."""
        if self._token is None:
            self._sign_in()
        asked = f"{path}?{urlencode(query, doseq=True)}" if query else path
        return self._call(Request(self.url + asked, headers={"Authorization": f"Bearer {self._token}"}), path)

    def public(self, path: str) -> dict[str, Any]:
        """What it answers to whoever asks. Raises ``NotAnsweredError``."""
        return self._call(Request(self.url + path), path)

    def pages(self, path: str, items: str, **query: Any) -> Iterator[Mapping[str, Any]]:
        """All of them. Raises ``NotAnsweredError``."""
        offset = 0
        while True:
            found = self.get(path, limit=PAGE, offset=offset, **query)
            yield from found[items]
            offset += len(found[items])
            if not found[items] or offset >= found["total_entries"]:
                return

    def _sign_in(self) -> None:
        body = json.dumps({"username": self.user, "password": self.password.reveal()}).encode()
        request = Request(f"{self.url}/auth/token", body, {"Content-Type": "application/json"}, method="POST")
        self._token = str(self._call(request, f"/auth/token for user {self.user}")["access_token"])

    def _call(self, request: Request, what: str) -> dict[str, Any]:
        now = time.monotonic()
        self._deadline = self._deadline or now + self.total_s
        if now >= self._deadline:
            message = f"{self.url} did not answer within {self.total_s:g} s"
            raise NotAnsweredError(message)
        self.calls += 1
        try:
            with self._opener.open(request, timeout=min(CALL_S, self._deadline - now)) as answer:
                told = json.loads(_read(answer, self._deadline))
        except (OSError, HTTPException, ValueError) as error:
            # Not chained: a traceback may show the request, and with it the login.
            message = f"{self.url}{what}: {_reason(error)}"
            raise NotAnsweredError(message) from None
        return dict(told)


def _read(answer: HTTPResponse, deadline: float) -> bytes:
    """Each wait has a time-out of its own: who sends a byte a second would never run into one."""
    body = bytearray()
    while part := answer.read1(_READ_BYTES):
        body += part
        if time.monotonic() > deadline or len(body) > _MOST_BYTES:
            raise TimeoutError
    return bytes(body)


def _reason(error: BaseException) -> str:
    if isinstance(error, HTTPError):
        return f"it answered {error.code}"
    if isinstance(error, ValueError):
        return "its answer is not JSON"
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    told = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return " ".join(told.split())[:_LONGEST_REASON]
