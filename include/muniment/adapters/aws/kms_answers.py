"""KMS asked by the AWS Encryption SDK, whose errors keep what KMS has said and not its code."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

type Refusals = list[ClientError | BotoCoreError]

_ASKED = {"generate_data_key", "encrypt", "decrypt"}
_refusals: ContextVar[Refusals | None] = ContextVar("_refusals", default=None)


@contextmanager
def listening() -> Iterator[Refusals]:
    """What a KMS refuses in the block, as boto3 raised it, in this thread."""
    heard: Refusals = []
    token = _refusals.set(heard)
    try:
        yield heard
    finally:
        _refusals.reset(token)


@dataclass(frozen=True, slots=True)
class Overheard:
    """A KMS client for the SDK, whose refusals ``listening`` hears."""

    client: Any

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.client, name)
        return partial(_overhear, found) if name in _ASKED else found


def _overhear(ask: Callable[..., Any], **arguments: Any) -> Any:
    try:
        return ask(**arguments)
    except (ClientError, BotoCoreError) as refusal:
        if (heard := _refusals.get()) is not None:
            heard.append(refusal)
        raise
