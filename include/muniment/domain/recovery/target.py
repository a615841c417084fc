"""Which instant a restore is to reach, from the text of ``--to`` to PostgreSQL's ``recovery_target_*`` settings.

Formats: PostgreSQL 17 documentation, "Recovery Target". At most one ``recovery_target_*`` may be set.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, Self

from muniment.domain.wal.names import Lsn, TimelineId

type Kind = Literal["latest", "immediate", "point", "time", "lsn", "xid", "name"]

_POINT = re.compile(r"\d{8}T\d{9}Z", re.ASCII)
_XID = re.compile(r"\d{1,10}", re.ASCII)
_NAME_BYTES = 63  # MAXFNAMELEN - 1: what pg_create_restore_point takes
_TIMELINE = re.compile(r"timeline:(\d{1,10}):(.+)", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class RecoveryTarget:
    """Time, LSN and xid are inclusive: what committed exactly there is restored. A name ends just behind its record."""

    kind: Kind
    value: str = ""
    """As PostgreSQL reads it; a recovery point's id for a point."""
    timeline: TimelineId | None = None
    """In whose history it is looked up; ``None``: in that of the timeline which serves."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """``latest``, ``immediate``, a point's id, ISO 8601 with its zone, an LSN, ``xid:731``, ``name:before-import``.

        ``timeline:2:`` before any of them but a point's id asks for another timeline than the one that serves.
        Raises ``ValueError`` for anything else, and for a time without zone: nobody can know whose clock it means.
        """
        elsewhere = _TIMELINE.fullmatch(text)
        return cls._on_timeline(int(elsewhere[1]), elsewhere[2]) if elsewhere else cls._parse(text)

    @classmethod
    def _parse(cls, text: str) -> Self:
        prefix, _, rest = text.partition(":")
        if text in ("latest", "immediate"):
            return cls("latest" if text == "latest" else "immediate")
        if _POINT.fullmatch(text):
            return cls("point", text)
        if prefix == "xid" and _XID.fullmatch(rest) and 3 <= int(rest) < 2**32:
            return cls("xid", rest)
        if prefix == "name" and rest and len(rest.encode()) <= _NAME_BYTES and rest.isprintable():
            return cls("name", rest)
        if "/" in text:
            return cls("lsn", str(Lsn.parse(text)))
        return cls("time", _instant(text).isoformat(" ", "microseconds"))

    @classmethod
    def _on_timeline(cls, timeline: TimelineId, text: str) -> Self:
        target = cls.parse(text)
        if target.kind == "point" or target.timeline is not None or timeline < 1:
            message = f"timeline:{timeline}:{text}: a timeline goes before a target that names none itself"
            raise ValueError(message)
        return replace(target, timeline=timeline)

    def settings(self) -> dict[str, str]:
        """For postgresql.auto.conf. A point has none: whoever reads the vault makes it an LSN first."""
        match self.kind:
            case "latest":
                return {}
            case "immediate":
                return {"recovery_target": "immediate"}
            case "point":
                message = f"point {self.value} is not resolved into an LSN yet"
                raise ValueError(message)
            case "name":
                return {"recovery_target_name": self.value}
            case kind:
                return {f"recovery_target_{kind}": self.value, "recovery_target_inclusive": "on"}

    @property
    def at(self) -> datetime:
        """Of a time."""
        return datetime.fromisoformat(self.value)

    def __str__(self) -> str:
        text = f"{self.kind}:{self.value}" if self.kind in ("xid", "name") else self.value or self.kind
        return text if self.timeline is None else f"timeline:{self.timeline}:{text}"


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        message = (
            f"{text!r} is no target: latest, immediate, a point's id, a time with zone, an LSN, xid:N or name:TEXT,"
            " or timeline:N: and one of these"
        )
        raise ValueError(message) from None
    if at.tzinfo is None:
        message = f"{text!r} has no time zone: write {text}Z or {text}-06:00"
        raise ValueError(message)
    return at.astimezone(UTC)
