"""Documents as they were at an instant, and what bringing them back would change.

A snapshot is exact at the instant it was taken. Between two of them the later one names every version that came and
went, dated by S3 in whole seconds; what it does not tell is when a document was deleted that came back, or that was
younger than the snapshot before. The live bucket's own delete markers tell, where they can be read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Literal

from pydantic import AwareDatetime, ConfigDict
from pydantic.dataclasses import dataclass as document_dataclass

from muniment.domain.documents.selection import Selection
from muniment.domain.documents.sync import UNVERSIONED, DocumentName, SourceVersion, names_of
from muniment.domain.record import HashedRecord
from muniment.domain.shown_text import shown
from muniment.domain.units import human_size
from muniment.domain.vault.incomplete import UnreadDocument
from muniment.domain.vault.registers import DocumentSnapshot, DocumentVersion, SnapshotHead

type Change = Literal["unchanged", "changed", "deleted", "unknown"]
type Histories = Mapping[DocumentName, Sequence[SourceVersion]]
"""A live bucket's versions and delete markers, newest first, of each document that has any."""


@document_dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class LiveVersion:
    """What is current in the document bucket now."""

    version_id: str
    etag: str
    size_bytes: int
    modified_at: AwareDatetime


@document_dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class PlannedDocument:
    """One document to bring back; ``live`` is what it would supersede, ``None`` where nothing is current.

    ``certain`` is False where it may have been deleted at the instant asked for: nothing recorded tells when.
    """

    version: DocumentVersion
    change: Change
    live: LiveVersion | None = None
    certain: bool = True


@document_dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class AddedDocument:
    """Live now, not there then. A restore leaves it alone."""

    bucket: str
    key: str
    live: LiveVersion


class DocumentRestorePlan(HashedRecord):
    """What will come back, and over what. ``following`` is the snapshot that tells of the time after ``snapshot``."""

    format: Literal[1] = 1
    firm: str
    requested_by: str | None = None
    """``None`` where it is for reading alone, or a part of a matter's plan."""
    vault: str
    at: AwareDatetime
    selection: Selection
    snapshot: str
    following: str | None = None
    compared: bool
    """With the live buckets; else every change is ``unknown``."""
    documents: tuple[PlannedDocument, ...]
    added: tuple[AddedDocument, ...] = ()
    unread: tuple[UnreadDocument, ...] = ()
    """They were there and could not be read: no vault has them as they were, and a restore leaves them alone."""

    @property
    def size_bytes(self) -> int:
        return sum(each.version.size_bytes for each in self.documents)

    def counts(self) -> dict[str, int]:
        """How many documents of each change; ``uncertain`` counts across them."""
        counted = dict.fromkeys(("unchanged", "changed", "deleted", "unknown"), 0)
        for each in self.documents:
            counted[each.change] += 1
        beside = {"added": len(self.added), "unread": len(self.unread)}
        return {**counted, **beside, "uncertain": sum(not each.certain for each in self.documents)}

    def lines(self) -> Iterator[str]:
        """For whoever approves it: each document that becomes current again."""
        counts = ", ".join(f"{number} {name}" for name, number in self.counts().items() if number)
        yield f"documents of firm {self.firm} as they were at {self.at:%Y-%m-%d %H:%M:%S} UTC: {counts}"
        for each in self.documents:
            if each.change != "unchanged":
                version, sure = each.version, "" if each.certain else "; may have been deleted by then"
                name = f"{version.bucket}/{shown(version.key)}"
                yield f"{name} ({human_size(version.size_bytes)}): {each.change} since{sure}: is current again"
        yield "each becomes a new version: what is current now stays below it, and what was added since stays as it is"


@dataclass(frozen=True, slots=True)
class Cover:
    """The snapshots that tell what was there at ``at``: the one before, and the next where ``at`` lies behind it."""

    at: datetime
    base: DocumentSnapshot
    following: DocumentSnapshot | None = None

    @property
    def is_exact(self) -> bool:
        return self.at == self.base.taken_at


@dataclass(frozen=True, slots=True)
class Recalled:
    """One document at an instant; ``certain`` as PlannedDocument has it."""

    version: DocumentVersion
    certain: bool = True


def covers(base: SnapshotHead | None, following: SnapshotHead | None, at: datetime) -> bool:
    """Whether the two say what was there at ``at``. A night between them that expired took what it knew with it."""
    if base is None or base.taken_at > at:
        return False
    return base.taken_at == at or (following is not None and following.previous == base.id)


def documents_at(cover: Cover, selection: Selection, live: Histories | None) -> Iterator[Recalled]:
    """What was current at ``cover.at``, as snapshots say it: dated before that instant, and not deleted by then.

    What could not be read is not among it (``unread_at``), nor is an older version in its place.
    """
    if cover.is_exact or cover.following is None:
        yield from (Recalled(version) for _, version in _named(cover.base.documents, selection))
        return
    following = cover.following
    current = {name: version for name, version in _named(following.documents, selection)}
    deleted = {(each.bucket, each.key): each.deleted_at for each in following.deleted}
    for name, version in _newest(cover, selection).items():
        if isinstance(version, UnreadDocument):
            continue
        history = live.get(name) if live is not None else None
        found = _alive(version, cover, deleted.get(name), history, is_current=current.get(name) == version)
        if found is not None:
            yield found


def unread_at(cover: Cover, selection: Selection) -> tuple[UnreadDocument, ...]:
    """Of what was current at ``cover.at``, what no snapshot holds: it was there, and could not be read."""
    noted = cover.following.deleted if cover.following else ()
    gone = {(each.bucket, each.key) for each in noted if each.deleted_at < cover.at}
    newest = _newest(cover, selection).items()
    return tuple(version for name, version in newest if isinstance(version, UnreadDocument) and name not in gone)


def _newest(cover: Cover, selection: Selection) -> dict[DocumentName, DocumentVersion | UnreadDocument]:
    """The last version of each document that is dated before the instant, deleted by then or not."""
    newest: dict[DocumentName, DocumentVersion | UnreadDocument] = dict(_named(cover.base.documents, selection))
    newest |= _named((each for each in cover.base.unread if each.is_current), selection)
    if cover.is_exact or cover.following is None:
        return newest
    following = cover.following
    # Newest first in a snapshot; what is still current comes last of all.
    later: list[DocumentVersion | UnreadDocument] = list(reversed(following.superseded))
    later += [*following.unread, *following.documents]
    for name, version in _named(later, selection):
        there = newest.get(name)
        if version.modified_at < cover.at and (there is None or version.modified_at >= there.modified_at):
            newest[name] = version
    return newest


def _named[V: (DocumentVersion, UnreadDocument, DocumentVersion | UnreadDocument)](
    versions: Iterable[V], selection: Selection
) -> Iterator[tuple[DocumentName, V]]:
    for version in versions:
        if selection.covers(version.bucket, version.key):
            yield (version.bucket, version.key), version


def _alive(
    version: DocumentVersion,
    cover: Cover,
    deleted_at: datetime | None,
    history: Sequence[SourceVersion] | None,
    *,
    is_current: bool,
) -> Recalled | None:
    """``None`` where it was deleted before the instant: the live markers tell, else what the next snapshot noted."""
    assert cover.following is not None
    if is_current:
        return Recalled(version)
    if version.version_id == UNVERSIONED:
        return Recalled(version, certain=False)  # whatever overwrote it first may have been overwritten as well
    newer = _newer(version, history)
    if newer is not None:
        gone = any(each.is_delete_marker and each.modified_at < cover.at for each in newer)
        return None if gone else Recalled(version)
    # The last deletion is what was noted; there may have been an earlier one. A night's own instant is no time at all.
    noted = deleted_at is not None and deleted_at < min(cover.at, cover.following.taken_at)
    return None if noted else Recalled(version, certain=False)


def _newer(version: DocumentVersion, history: Sequence[SourceVersion] | None) -> list[SourceVersion] | None:
    """What came after it in the live bucket; ``None`` where that does not know the version any more."""
    if history is None or all(each.version_id != version.version_id for each in history):
        return None
    return list(takewhile(lambda each: each.version_id != version.version_id, history))


def plan_documents(
    cover: Cover,
    selection: Selection,
    *,
    vault: str,
    live: Histories | None,
    newest: DocumentSnapshot | None = None,
) -> DocumentRestorePlan:
    """``live`` is ``None`` where nobody may or can look; what is gone is then what ``newest`` does not name."""
    there = {name: _live(history) for name, history in (live or {}).items()}
    still = names_of(newest.documents) | names_of(newest.unread) if newest else set()
    recalled, unread = list(documents_at(cover, selection, live)), unread_at(cover, selection)
    then = names_of(found.version for found in recalled) | names_of(unread)
    documents = [
        planned
        for planned in (_planned(each, there, still, compared=live is not None) for each in recalled)
        if not selection.deleted_only or planned.change == "deleted"
    ]
    return DocumentRestorePlan(
        firm=cover.base.firm,
        vault=vault,
        at=cover.at,
        selection=selection,
        snapshot=cover.base.id,
        following=cover.following.id if cover.following and not cover.is_exact else None,
        compared=live is not None,
        documents=tuple(sorted(documents, key=lambda each: (each.version.bucket, each.version.key))),
        added=() if selection.deleted_only else tuple(_added(then, there, selection)),
        unread=unread,
    )


def _live(history: Sequence[SourceVersion]) -> LiveVersion | None:
    newest = history[0]
    if newest.is_delete_marker:
        return None
    return LiveVersion(newest.version_id, newest.etag, newest.size_bytes, newest.modified_at)


def _planned(
    recalled: Recalled,
    there: Mapping[DocumentName, LiveVersion | None],
    still: set[DocumentName],
    *,
    compared: bool,
) -> PlannedDocument:
    version = recalled.version
    name = version.bucket, version.key
    if not compared:
        gone = bool(still) and name not in still
        return PlannedDocument(version, "deleted" if gone else "unknown", certain=recalled.certain)
    live = there.get(name)
    change: Change = "deleted" if live is None else "unchanged" if _is_same(version, live) else "changed"
    return PlannedDocument(version, change, live, recalled.certain)


def _is_same(version: DocumentVersion, live: LiveVersion) -> bool:
    """An ETag is a digest of the contents or a random value (SSE-KMS): equal ones never lie."""
    if version.version_id == live.version_id != UNVERSIONED:
        return True
    return (version.etag, version.size_bytes) == (live.etag, live.size_bytes)


def _added(
    then: set[DocumentName], there: Mapping[DocumentName, LiveVersion | None], selection: Selection
) -> Iterator[AddedDocument]:
    for (bucket, key), live in sorted(there.items(), key=lambda item: item[0]):
        if live is not None and (bucket, key) not in then and selection.covers(bucket, key):
            yield AddedDocument(bucket, key, live)
