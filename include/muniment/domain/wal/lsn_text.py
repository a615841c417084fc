"""An LSN as records keep it: PostgreSQL's own text, ``16/B374D848``."""

from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

from muniment.domain.wal.names import Lsn

LsnText = Annotated[
    Lsn,
    BeforeValidator(lambda value: Lsn.parse(value) if isinstance(value, str) else value),
    PlainSerializer(str, return_type=str),
]
