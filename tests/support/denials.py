"""The fault sweep's instrument: S3 denies every call from the n-th on, in this process, for one firm."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSResponse

from muniment.adapters.site.site import Site
from tests.support.s3 import s3_of


@contextmanager
def denied_from(site: Site, position: int, *, only: frozenset[str] | None = None) -> Iterator[list[str]]:
    """Yields the operations seen so far. Calls before ``position`` (from 1) reach the server.

    ``only``: operations that count and are denied; the others pass.
    """
    seen: list[str] = []
    lock = threading.Lock()

    def before_call(model: Any, **_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
        if only and model.name not in only:
            return None
        with lock:
            seen.append(model.name)
            if len(seen) < position:
                return None
        answer = {"Error": {"Code": "AccessDenied", "Message": "sweep"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        return AWSResponse("", 403, {}, None), answer

    clients = {id(s3_of(vault)): s3_of(vault) for vault in site.vaults}.values()
    for client in clients:
        client.meta.events.register("before-call.s3", before_call, unique_id="sweep")
    try:
        yield seen
    finally:
        for client in clients:
            client.meta.events.unregister("before-call.s3", before_call, unique_id="sweep")
