"""What a night could not read, and so is in no point of that night: named, never passed over, and no damage of ours.

A document's name is in the sealed list of documents as often as it has to be; a register, which is plain and read with
every listing of points, names the first few and knows the whole set by its digest.
"""

import hashlib
from collections.abc import Iterable
from typing import Literal, Self

from pydantic import AwareDatetime

from muniment.domain.evidence import Told
from muniment.domain.record import Record

type What = Literal["relation file", "document", "file", "secret", "table"]

NAMED_AT_MOST = 50
SAID_AT_MOST = 3
"""In one sentence; the others are counted."""


class NotRead(Record):
    """One thing: a document ``bucket/key``; a file, secret or table of the firm's configuration; a file of the cluster
    in which PostgreSQL found a damaged page. ``reason`` quotes nothing of what is in it."""

    what: What
    name: Told
    reason: Told

    def __str__(self) -> str:
        """On one line: a key may hold a line's end."""
        return f"{self.what} {_spelled(self.name)}: {_spelled(self.reason)}"


class UnreadDocument(Record):
    """One version of a document that was there and could not be read. ``is_current``: at the snapshot's instant."""

    bucket: str
    key: str
    version_id: str
    size_bytes: int
    modified_at: AwareDatetime
    is_current: bool
    reason: Told

    def as_not_read(self) -> NotRead:
        return NotRead(what="document", name=f"{self.bucket}/{self.key}", reason=self.reason)


class Incomplete(Record):
    """All that one point lacks. ``count`` of them; ``named`` are the first; ``digest`` (hex) is of every kind and name:
    as long as it is the same, on-call knows."""

    count: int
    named: tuple[NotRead, ...]
    digest: str

    @classmethod
    def of(cls, lacking: Iterable[NotRead]) -> Self | None:
        """``None`` where nothing is lacking. What of the cluster is damaged comes first: it matters most.
        Documents, of which there can be a million, come last."""
        found = {(each.what, each.name): each for each in lacking}
        if not found:
            return None
        ordered = sorted(found, key=lambda each: (_ORDER.index(each[0]), each[1]))
        digest = hashlib.sha256("\0".join(f"{what}\n{name}" for what, name in ordered).encode()).hexdigest()
        return cls(count=len(found), named=tuple(found[each] for each in ordered[:NAMED_AT_MOST]), digest=digest)

    @classmethod
    def of_documents(cls, unread: Iterable[UnreadDocument]) -> Self | None:
        return cls.of(each.as_not_read() for each in unread)

    @property
    def damages(self) -> bool:
        """Whether a file of the cluster itself is among them."""
        return any(each.what == "relation file" for each in self.named)

    def lines(self, at_most: int = NAMED_AT_MOST) -> list[str]:
        """One each, and how many there are beside."""
        said = [str(each) for each in self.named[:at_most]]
        beside = self.count - len(said)
        return [*said, f"and {beside:,} more"] if beside else said

    def __str__(self) -> str:
        return "; ".join(self.lines(SAID_AT_MOST))


_ORDER: tuple[What, ...] = ("relation file", "file", "secret", "table", "document")


def _spelled(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode()
