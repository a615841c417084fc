"""Which documents a restore to an instant brings, as far as the nights' registers tell: the rules are those of
``domain/documents/recovery.py``, the lists themselves lie in the vault.

A night's list is taken behind its base backup and before its point is registered; when exactly, only the list says.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from muniment.domain.fleet.history import NightSeen
from muniment.domain.units import human_duration, human_size


@dataclass(frozen=True, slots=True)
class DocumentsThen:
    """``count`` and ``size_bytes`` are of ``night``'s list; ``None``: no list is as old."""

    night: str | None
    count: int | None
    size_bytes: int | None
    told: str
    """What comes back, in a sentence."""
    is_exact: bool
    """As they were at that instant, or nobody can say."""


def documents_of_night(night: NightSeen) -> DocumentsThen:
    """Of a restore to the recovery point itself."""
    told = f"those of the night's own list, {_amount(night)}"
    return DocumentsThen(night.point, night.documents, night.document_bytes, told, is_exact=True)


def documents_then(nights: Sequence[NightSeen], at: datetime) -> DocumentsThen:
    """Of a restore to an instant. ``nights``: all of the vault, oldest first."""
    before = next((each for each in reversed(nights) if each.registered_at <= at), None)
    after = next((each for each in nights if each.registered_at > at), None)
    if after is not None and after.taken_at <= at:
        return _while_listed(before, after)
    if before is None:
        return DocumentsThen(None, None, None, "none: no list of documents in this vault is as old", is_exact=False)
    known = (before.point, before.documents, before.document_bytes)
    if after is None:
        older = human_duration((at - before.registered_at).total_seconds())
        told = f"those of the list of night {before.point}, {_amount(before)}: up to {older} older than the database"
        return DocumentsThen(*known, told, is_exact=False)
    if not follows(before, after):
        told = (
            f"those of the list of night {before.point}, {_amount(before)}, or as they were at that instant: it is not"
            f" certain that the list of {after.point} goes on from it"
        )
        return DocumentsThen(*known, told, is_exact=False)
    told = (
        f"as they were at that instant, by the lists of the nights {before.point} ({_amount(before)}) and"
        f" {after.point} ({_amount(after)})"
    )
    return DocumentsThen(*known, told, is_exact=True)


def follows(earlier: NightSeen, later: NightSeen) -> bool:
    """Whether the later list says what became of the earlier one's documents, by their numbers."""
    if later.added is None or later.vanished is None:
        return False
    return later.documents - later.added + later.vanished == earlier.documents


def changed_since(nights: Sequence[NightSeen], at: datetime) -> Iterator[str]:
    """What a restore to ``at`` takes back, or leaves as it is."""
    since = [each for each in nights if each.registered_at > at]
    if not since:
        yield "documents: no night has listed them since; what changed is unknown"
        return
    known = [each for each in since if None not in (each.added, each.overwritten, each.vanished)]
    last = since[-1]
    if len(known) < len(since):
        yield f"documents: of {len(since) - len(known)} of {len(since)} nights since, nobody knows what changed"
    if known:
        yield (
            f"documents, by {_nights(known)} since: {_sum(each.overwritten for each in known):,} overwritten and"
            f" {_sum(each.vanished for each in known):,} vanished, of which the older contents come back;"
            f" {_sum(each.added for each in known):,} added, which a restore leaves as they are"
        )
    yield f"documents, after the list of night {last.point}: what changed is unknown"


def _while_listed(before: NightSeen | None, after: NightSeen) -> DocumentsThen:
    if before is None:
        told = f"those of the list of night {after.point}, {_amount(after)}, if it had been taken by then; else none"
        return DocumentsThen(after.point, after.documents, after.document_bytes, told, is_exact=False)
    told = (
        f"by the lists of the nights {before.point} ({_amount(before)}) and {after.point} ({_amount(after)}): at that"
        " instant the second one was being taken"
    )
    return DocumentsThen(after.point, after.documents, after.document_bytes, told, is_exact=follows(before, after))


def _amount(night: NightSeen) -> str:
    return f"{night.documents:,} documents ({human_size(night.document_bytes)})"


def _nights(nights: Sequence[NightSeen]) -> str:
    return "the one night" if len(nights) == 1 else f"the {len(nights)} nights"


def _sum(amounts: Iterable[int | None]) -> int:
    return sum(amount or 0 for amount in amounts)
