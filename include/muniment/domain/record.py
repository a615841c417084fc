"""What is kept as JSON: plans, registers, evidence. The vault's format is that of these models' fields."""

import hashlib
from datetime import UTC, datetime
from typing import Self

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Immutable, refuses unknown fields, and knows its way to JSON and back."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    def to_json(self) -> bytes:
        return self.model_dump_json(indent=1).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        return cls.model_validate_json(text)


class HashedRecord(Record):
    """A record that another one names by its bytes: an approval a plan, a signature a drill."""

    @property
    def sha256(self) -> str:
        """Of the JSON as it is stored (hex)."""
        return hashlib.sha256(self.to_json()).hexdigest()


def new_id(now: datetime) -> str:
    """Named after an instant, ``20261120T083000123Z`` (UTC, milliseconds), for people: nothing is ordered by it."""
    return f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}Z"


def instant_of(record_id: str) -> datetime:
    """What ``new_id`` was told, to the millisecond. Raises ``ValueError`` for what it has not made."""
    return datetime.strptime(record_id, "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)
