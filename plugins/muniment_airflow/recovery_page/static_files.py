"""Style sheet, scripts and icons: out of the package, and for those whom the guard let in."""

import functools
import hashlib
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from muniment.adapters.fleet.pages import STATIC
from muniment_airflow.recovery_page.visit import missing, page

router = APIRouter()
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_FRESH_S = 300


@dataclass(frozen=True)
class _File:
    content: bytes
    headers: dict[str, str]


@page(router, "/static/{name}")
def static(request: Request, name: str) -> Response:
    file = _files().get(name)
    if file is None:
        raise missing()
    if request.headers.get("if-none-match") == file.headers["ETag"]:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=file.headers)
    return Response(file.content, headers=file.headers)


@functools.cache
def _files() -> dict[str, _File]:
    """By name. They do not change while the process lives."""
    return {
        file.name: _file(file.read_bytes(), _TYPES[file.suffix]) for file in STATIC.iterdir() if file.suffix in _TYPES
    }


def _file(content: bytes, kind: str) -> _File:
    tag = hashlib.sha256(content).hexdigest()[:16]
    told = {"Content-Type": kind, "ETag": f'"{tag}"', "Cache-Control": f"private, max-age={_FRESH_S}"}
    return _File(content, told)
