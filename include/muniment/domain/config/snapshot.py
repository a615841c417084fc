"""A firm's configuration of one night: what a rebuilt server needs beside its data. Secrets all of it.

Its contents show in no ``repr``, no dump and no validation error; ``to_json``, which is sealed at once, is the way out.
"""

import base64
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BeforeValidator, ConfigDict, Field, JsonValue, PlainSerializer, SerializationInfo

from muniment.domain.record import Record
from muniment.domain.vault.incomplete import NotRead

REDACTED = "**redacted**"
_REVEALED = {"reveal": True}


@dataclass(frozen=True, slots=True)
class Confidential:
    """Bytes whose printed form is ``**redacted**``; ``reveal`` is the one way to them."""

    _value: bytes = field(repr=False)

    def reveal(self) -> bytes:
        return self._value

    def __str__(self) -> str:
        return REDACTED

    __repr__ = __str__


def _read(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"text"}:
        return Confidential(value["text"].encode())
    if isinstance(value, dict) and value.keys() == {"base64"}:
        return Confidential(base64.b64decode(value["base64"]))
    return value


def _write(value: Confidential, asked: SerializationInfo) -> Any:
    """``{"text": …}``, which a person can read by hand, or ``{"base64": …}`` for what is not UTF-8."""
    if asked.context != _REVEALED:
        return REDACTED
    try:
        return {"text": value.reveal().decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value.reveal()).decode()}


Content = Annotated[Confidential, BeforeValidator(_read), PlainSerializer(_write)]


class _Hidden(Record):
    model_config = ConfigDict(hide_input_in_errors=True)


class EnvFile(_Hidden):
    """``mode``: its permission bits."""

    path: str
    mode: int
    modified_at: AwareDatetime
    content: Content


class ServerFile(_Hidden):
    """One of the server's own settings files, certificates and keys that no base backup holds: a link, or elsewhere."""

    path: str
    content: Content


class StoredSecret(_Hidden):
    """One secret of Secrets Manager with its current version; ``metadata`` is what DescribeSecret tells beside it."""

    name: str
    arn: str
    version_id: str
    version_stages: tuple[str, ...]
    is_binary: bool
    value: Content
    metadata: Annotated[dict[str, JsonValue], Field(repr=False)]


class TableColumn(_Hidden):
    name: str
    type: str


class TableExport(_Hidden):
    """``rows`` is COPY's text format, in UTF-8: ``COPY table (columns) FROM STDIN`` reads it back."""

    table: str
    columns: tuple[TableColumn, ...]
    rows: Content


class ConfigSnapshot(_Hidden):
    """``config/<id>``. All tables were read in one transaction."""

    format: Literal[1] = 1
    id: str
    firm: str
    taken_at: AwareDatetime
    env_files: tuple[EnvFile, ...]
    secrets: tuple[StoredSecret, ...]
    tables: tuple[TableExport, ...]
    server_files: tuple[ServerFile, ...] = ()
    server_files_unread: tuple[str, ...] = ()
    """Those that the role may not read, and why: they are in no vault."""
    unread: tuple[NotRead, ...] = ()
    """Sources that the firm's file names and that could not be read."""

    def to_json(self) -> bytes:
        """With its contents in clear."""
        return self.model_dump_json(indent=1, context=_REVEALED).encode()
