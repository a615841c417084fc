"""What a listing of a firm's document versions means: what was current at an instant, what came and went, what has to
be copied, and whether the source shrank in the way that ransomware and mass deletion do.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Self

from muniment.domain.firm.firm import Policy
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault import keys
from muniment.domain.vault.incomplete import UnreadDocument
from muniment.domain.vault.registers import DeletedDocument, DocumentChanges, DocumentSnapshot, DocumentVersion

type DocumentName = tuple[str, str]
"""(bucket, key)."""

UNVERSIONED = "null"
# So many edits are a day's work, whatever share of a small bucket they are. Deletions count from the first one.
MASS_CHANGE = 10


@dataclass(frozen=True, slots=True)
class SourceVersion:
    """One version of one document in its own bucket, or a delete marker. ``has_sha256``: S3 can tell us, by HEAD."""

    bucket: str
    key: str
    version_id: str
    size_bytes: int
    etag: str
    modified_at: datetime
    is_latest: bool = False
    is_delete_marker: bool = False
    has_sha256: bool = False

    @classmethod
    def listed(cls, bucket: str, found: ObjectVersion) -> Self:
        return cls(
            bucket=bucket,
            key=found.key,
            version_id=found.version_id,
            size_bytes=found.size_bytes,
            etag=found.etag,
            modified_at=found.modified_at,
            is_latest=found.is_latest,
            is_delete_marker=found.is_delete_marker,
            has_sha256=found.has_sha256,
        )

    @property
    def name(self) -> DocumentName:
        return self.bucket, self.key

    @property
    def object(self) -> str:
        """Where the vault keeps it. A bucket that is not versioned writes every version under the id ``null``, so there
        the ETag tells them apart."""
        version = f"{UNVERSIONED} {self.etag}" if self.version_id == UNVERSIONED else self.version_id
        return keys.document_object(self.bucket, self.key, version)

    def copied(self, sha256: str, locked_until: datetime | None) -> DocumentVersion:
        return DocumentVersion(
            bucket=self.bucket,
            key=self.key,
            version_id=self.version_id,
            size_bytes=self.size_bytes,
            etag=self.etag,
            modified_at=self.modified_at,
            object=self.object,
            sha256=sha256,
            locked_until=locked_until,
        )

    def unread(self, reason: str, *, is_current: bool) -> UnreadDocument:
        return UnreadDocument(
            bucket=self.bucket,
            key=self.key,
            version_id=self.version_id,
            size_bytes=self.size_bytes,
            modified_at=self.modified_at,
            is_current=is_current,
            reason=reason,
        )


def names_of(versions: Iterable[DocumentVersion] | Iterable[UnreadDocument]) -> set[DocumentName]:
    return {(each.bucket, each.key) for each in versions}


def newest_first(versions: Iterable[SourceVersion], marks: Iterable[SourceVersion]) -> list[SourceVersion]:
    """One document's history out of its versions and its delete markers, each in S3's order, which is newest first.

    S3's times are whole seconds, so a version and a marker may share one. Where S3 does not say which is the latest,
    the version is taken for the newer one: then nothing is believed deleted that is not.
    """
    history: list[SourceVersion] = []
    waiting = deque(marks)
    for version in versions:
        while waiting and _is_newer(waiting[0], version):
            history.append(waiting.popleft())
        history.append(version)
    return [*history, *waiting]


def _is_newer(mark: SourceVersion, version: SourceVersion) -> bool:
    return mark.is_latest or (not version.is_latest and mark.modified_at > version.modified_at)


@dataclass(frozen=True, slots=True)
class SourceState:
    """All of a firm's documents at ``taken_at``.

    ``superseded``: overwritten or deleted since the snapshot before. ``deleted_at``: of those that end in a marker.
    """

    taken_at: datetime
    current: tuple[SourceVersion, ...]
    superseded: tuple[SourceVersion, ...]
    deleted_at: Mapping[DocumentName, datetime]


def state_at(taken_at: datetime, histories: Iterable[Sequence[SourceVersion]], since: datetime | None) -> SourceState:
    """``histories``: one list a document, newest first. What S3 stored at ``taken_at`` or later is not looked at.

    ``since`` is when the snapshot before was taken; without one, what is not current is not ours to keep.
    """
    current: list[SourceVersion] = []
    superseded: list[SourceVersion] = []
    deleted_at: dict[DocumentName, datetime] = {}
    for history in histories:
        past = [version for version in history if version.modified_at < taken_at]
        if past and past[0].is_delete_marker:
            deleted_at[past[0].name] = past[0].modified_at
        elif past:
            current.append(past[0])
        if since is not None:
            superseded += _superseded_since(past, since)
    return SourceState(taken_at, tuple(current), tuple(superseded), deleted_at)


def _superseded_since(past: Sequence[SourceVersion], since: datetime) -> Iterator[SourceVersion]:
    for successor, version in pairwise(past):
        if successor.modified_at >= since and not version.is_delete_marker:
            yield version


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What has to be done before every version of ``state`` can be named.

    ``kept``: as the snapshot before has them. ``to_lock``: the same, but the lock ends too soon. ``to_recognise``: the
    vault has an object for it that no snapshot told of, from a run that was killed, or one of another size.
    ``to_copy``: the vault has none.
    """

    kept: tuple[DocumentVersion, ...]
    to_lock: tuple[DocumentVersion, ...]
    to_recognise: tuple[SourceVersion, ...]
    to_copy: tuple[SourceVersion, ...]
    superseded: tuple[SourceVersion, ...]
    """Of the state's, those that the snapshot before does not name."""

    @property
    def copied_bytes(self) -> int:
        return sum(version.size_bytes for version in self.to_copy)


def plan_sync(
    state: SourceState, previous: DocumentSnapshot | None, there: Mapping[str, int], policy: Policy
) -> SyncPlan:
    """``there``: what LIST says of the vault's document objects, key → size."""
    known = {entry.object: entry for entry in previous.versions} if previous else {}
    superseded = tuple(version for version in state.superseded if version.object not in known)
    kept: list[DocumentVersion] = []
    to_lock: list[DocumentVersion] = []
    to_recognise: list[SourceVersion] = []
    to_copy: list[SourceVersion] = []
    for version in (*state.current, *superseded):
        entry = known.get(version.object)
        if version.object not in there:
            to_copy.append(version)
        elif entry is None or there[version.object] != version.size_bytes:
            to_recognise.append(version)
        elif ends_too_soon(entry.locked_until, policy, state.taken_at):
            to_lock.append(entry)
        else:
            kept.append(entry)
    return SyncPlan(tuple(kept), tuple(to_lock), tuple(to_recognise), tuple(to_copy), superseded)


def ends_too_soon(locked_until: datetime | None, policy: Policy, now: datetime) -> bool:
    """Whether a point of tonight could outlive the lock of a document that it names."""
    if policy.object_lock.mode == "none":
        return False
    return locked_until is None or locked_until < now + policy.retention


def deletions(state: SourceState, previous: DocumentSnapshot | None) -> Iterator[DeletedDocument]:
    """What the snapshot before had and is not current any more. Without a marker it was removed for good: then the time
    is that of the snapshot that noticed."""
    there = {version.name for version in state.current}
    for entry in previous.documents if previous else ():
        name = (entry.bucket, entry.key)
        if name not in there:
            deleted_at = state.deleted_at.get(name, state.taken_at)
            yield DeletedDocument(bucket=entry.bucket, key=entry.key, deleted_at=deleted_at)


@dataclass(frozen=True, slots=True)
class Shrinkage:
    """What became of the documents that one bucket held in the snapshot before."""

    bucket: str
    was: int
    now: int
    deleted: int
    changed: int

    @property
    def share(self) -> float:
        """Percent, as the policy has it."""
        changed = self.changed if self.changed >= MASS_CHANGE else 0
        return 100 * (self.deleted + changed) / self.was

    def __str__(self) -> str:
        return f"{self.share:.1f} % in {self.bucket} ({self.deleted} deleted, {self.changed} overwritten)"


def shrinkages(state: SourceState, previous: DocumentSnapshot) -> Iterator[Shrinkage]:
    """One for each bucket of the snapshot before, those that the firm's file does not name any more included.

    A document under another key is not lost, as long as its contents are the same by ETag and size.
    """
    current = {version.name: version for version in state.current}
    before = {(entry.bucket, entry.key) for entry in previous.documents}
    moved_here = Counter((v.bucket, v.etag, v.size_bytes) for v in state.current if v.name not in before)
    was, now = Counter(bucket for bucket, _ in before), Counter(version.bucket for version in state.current)
    deleted: Counter[str] = Counter()
    changed: Counter[str] = Counter()
    for entry in previous.documents:
        found = current.get((entry.bucket, entry.key))
        content = (entry.bucket, entry.etag, entry.size_bytes)
        if found is not None:
            changed[entry.bucket] += (found.etag, found.size_bytes) != (entry.etag, entry.size_bytes)
        elif moved_here[content]:
            moved_here[content] -= 1
        else:
            deleted[entry.bucket] += 1
    for bucket in sorted(was):
        yield Shrinkage(bucket, was[bucket], now[bucket], deleted[bucket], changed[bucket])


def changes_since(previous: DocumentSnapshot | None, state: SourceState) -> DocumentChanges | None:
    """In all buckets together: what ransomware does shows here, whether it writes over documents or renames what it has
    written."""
    if previous is None:
        return None
    found = tuple(shrinkages(state, previous))
    return DocumentChanges(
        before=sum(each.was for each in found),
        overwritten=sum(each.changed for each in found),
        vanished=sum(each.deleted for each in found),
    )


def suspicious(state: SourceState, previous: DocumentSnapshot | None, policy: Policy) -> Shrinkage | None:
    """The worst bucket, where one lost more than the policy allows. Each is judged alone: among many documents in
    another one, the loss of a whole bucket would be a small share."""
    found = shrinkages(state, previous) if previous else ()
    worst = max(found, key=lambda shrinkage: shrinkage.share, default=None)
    return worst if worst and worst.share > policy.documents.shrink_limit else None
