"""One document, a prefix, or all that were deleted since an instant: as they were at that instant.

The plan first; it is what is carried out. Into the live bucket as new versions, each over the version that the plan has
seen or not at all; into a folder; or as links that expire. One vault is enough for the last two.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from muniment.adapters.concurrency import at_once
from muniment.adapters.documents.cover import find_cover
from muniment.adapters.documents.files import LONGEST_LINK, LinkSigner, write_file
from muniment.adapters.documents.live import DocumentChangedMeanwhile, LiveBucket
from muniment.adapters.documents.source_bucket import SourceBucket
from muniment.adapters.host.file_systems import require_space
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.domain.documents.file_names import MANIFEST, safe_paths
from muniment.domain.documents.recovery import DocumentRestorePlan, Histories, PlannedDocument, plan_documents
from muniment.domain.documents.selection import Selection
from muniment.domain.documents.sync import DocumentName, SourceVersion
from muniment.domain.leases.lease import Needs
from muniment.domain.shown_text import first_lines
from muniment.domain.vault.incomplete import Incomplete
from muniment.errors import (
    AccessDenied,
    DocumentNotRead,
    InvalidConfiguration,
    InvalidRequest,
    LiveDocumentsChanged,
    LiveDocumentsDenied,
    NoSuchDocument,
    TargetNotEmpty,
    WrongVault,
)
from muniment.ports import Clock, Progress, Silent
from muniment.runbooks.identity import prove_vault
from muniment.runbooks.leases.lease_point import lease_documents, leased

type LiveBuckets = Mapping[str, SourceBucket]
"""The firm's document buckets by name."""

WORKERS = 16
NAMED_AT_MOST = 50


@dataclass(frozen=True, slots=True)
class Restored:
    """One document that is current in its live bucket again, as ``version_id``."""

    bucket: str
    key: str
    version_id: str


@dataclass(frozen=True, slots=True)
class Link:
    bucket: str
    key: str
    url: str
    expires_at: datetime


def plan_document_restore(
    vault: Vault,
    *,
    bucket: str | None = None,
    selection: Selection,
    at: datetime | None,
    live: LiveBuckets | None = None,
) -> DocumentRestorePlan:
    """What was there at ``at`` (``None``: the newest snapshot) and what became of it since. Reads only.

    ``live`` is ``None`` where the live buckets are gone, or not ours to read: then nothing is compared with them.
    Raises ``WrongVault``, ``NothingToRestore``, ``NoSuchDocument``, ``DocumentNotRead`` where all that is asked for
    could not be read then, and ``NoSnapshotCovers`` with the nearest nights.
    """
    prove_vault(vault)
    selection = selection.model_copy(update={"bucket": bucket or selection.bucket})
    with ThreadPoolExecutor(1, "list-live") as pool:
        listing = pool.submit(_histories, live, selection) if live is not None else None
        cover = find_cover(vault, at)
        histories = listing.result() if listing else None
    newest = catalog.latest_snapshot(vault) if live is None and selection.deleted_only else None
    plan = plan_documents(cover, selection, vault=vault.bucket, live=histories, newest=newest)
    if not plan.documents:
        asked = {"firm": vault.firm, "selection": selection, "at": f"{cover.at:%Y-%m-%d %H:%M:%S} UTC"}
        lacking = Incomplete.of_documents(plan.unread)
        raise DocumentNotRead(**asked, documents="\n".join(lacking.lines())) if lacking else NoSuchDocument(**asked)
    return plan


def _histories(live: LiveBuckets, selection: Selection) -> Histories:
    """Only of the keys that are asked for: one document is one request, whatever the bucket holds."""
    if selection.names:
        return _by_name(live, selection)
    prefix = selection.key if selection.key is not None else selection.prefix
    found = {}
    for name, source in live.items():
        if selection.bucket in {None, name}:
            for history in replace(source, prefix=prefix).histories():
                if selection.key is not None and history[0].key != selection.key:
                    break  # keys come in order, and the prefix itself is the first of its own
                found[history[0].name] = tuple(history)
    return found


def _by_name(live: LiveBuckets, selection: Selection) -> Histories:
    """One request a document, many at once."""
    keys = {_key(name) for name in selection.names}
    wanted = [(bucket, key) for bucket in live for key in sorted(keys) if selection.covers(bucket, key)]
    found: dict[DocumentName, Sequence[SourceVersion]] = {}
    for histories in at_once(lambda each: _histories(live, Selection(bucket=each[0], key=each[1])), wanted, WORKERS):
        found |= histories
    return found


def _key(name: str) -> str:
    return name.removeprefix("s3://").partition("/")[2] if name.startswith("s3://") else name


def restore_in_place(
    vault: Vault, plan: DocumentRestorePlan, *, live: LiveBuckets, progress: Progress | None = None
) -> tuple[Restored, ...]:
    """Each document that is not as it was becomes current again, as a new version. What was added since stays.

    Raises ``LiveDocumentsDenied``; ``LiveDocumentsChanged`` after all others are back, which names what somebody
    changed since the plan was made; ``InvalidConfiguration`` before anything, where a bucket of the plan is not the
    firm's any more.
    """
    _require_same_vault(vault, plan)
    buckets = {name: LiveBucket(source.store, vault) for name, source in live.items()}
    wanted = [planned for planned in plan.documents if planned.change != "unchanged"]
    _require_known({planned.version.bucket for planned in wanted} - buckets.keys())
    refused: list[PlannedDocument] = []

    def put_back(planned: PlannedDocument) -> Restored | None:
        version = planned.version
        try:
            return Restored(version.bucket, version.key, buckets[version.bucket].put_back(planned))
        except DocumentChangedMeanwhile:
            refused.append(planned)
            return None

    restored = []
    step_of = (progress or Silent()).step("documents restored", len(wanted), "objects")
    with _denied_by_name(), _leased(vault, plan, "a restore of documents in place", progress), step_of as step:
        for done in at_once(put_back, wanted, WORKERS):
            step.advance(1)
            restored += [done] if done else []
    if refused:
        named = "\n".join(_named(refused))
        raise LiveDocumentsChanged(firm=vault.firm, count=len(refused), documents=named, restored=len(restored))
    return tuple(sorted(restored, key=lambda each: (each.bucket, each.key)))


@contextmanager
def _denied_by_name() -> Iterator[None]:
    """The role that puts documents back is another one than the night's, and has a policy of its own."""
    try:
        yield
    except AccessDenied as denied:
        raise LiveDocumentsDenied(**denied.facts) from denied


def _leased(
    vault: Vault, plan: DocumentRestorePlan, what_for: str, progress: Progress | None
) -> AbstractContextManager[None]:
    return leased([vault], Needs.of_documents(plan.snapshot, plan.following), what_for, progress=progress)


def _require_same_vault(vault: Vault, plan: DocumentRestorePlan) -> None:
    """A plan carries versions of one firm: it is carried out with that firm's vault or not at all."""
    prove_vault(vault)
    if (plan.firm, plan.vault) != (vault.firm, vault.bucket):
        raise WrongVault(bucket=vault.bucket, expected=f"{plan.firm} ({plan.vault})", actual=vault.firm)


def _require_known(unknown: set[str]) -> None:
    if unknown:
        faults = "\n".join(
            f"documents: bucket {name} of the snapshot is not named any more" for name in sorted(unknown)
        )
        raise InvalidConfiguration(count=len(unknown), faults=faults)


def _named(refused: list[PlannedDocument]) -> list[str]:
    """One a line; spelled as Python does, for a key may hold a line's end."""
    names = sorted(f"{planned.version.bucket}/{planned.version.key}" for planned in refused)
    return first_lines(["  " + name.encode("unicode_escape").decode() for name in names], NAMED_AT_MOST)


def restore_into_folder(
    vault: Vault, plan: DocumentRestorePlan, *, into: Path, progress: Progress | None = None
) -> Path:
    """The manifest's path. Every document of the plan lies below ``into`` under a name that is safe anywhere.

    Started again after it was killed, with the same plan, it goes on. Raises ``TargetNotEmpty``, ``DiskFull``,
    ``ObjectMissing`` or ``ObjectDamaged``.
    """
    _require_same_vault(vault, plan)
    paths = safe_paths((each.version.bucket, each.version.key) for each in plan.documents)
    files = [(each, into / paths[each.version.bucket, each.version.key]) for each in plan.documents]
    manifest = into / MANIFEST
    _begin(into, manifest, _manifest(plan, paths))
    missing = [(each, path) for each, path in files if not path.exists()]
    require_space(into, sum(each.version.size_bytes for each, _ in missing))

    def write(item: tuple[PlannedDocument, Path]) -> int:
        planned, path = item
        write_file(vault, planned.version, path)
        return planned.version.size_bytes

    step_of = (progress or Silent()).step("documents fetched", plan.size_bytes, "bytes")
    with _leased(vault, plan, f"a restore of documents into {into}", progress), step_of as step:
        step.advance(plan.size_bytes - sum(each.version.size_bytes for each, _ in missing))
        for size_bytes in at_once(write, missing, WORKERS):
            step.advance(size_bytes)
    os.sync()
    return manifest


def _manifest(plan: DocumentRestorePlan, paths: Mapping[tuple[str, str], str]) -> bytes:
    """What each file was: of the plan alone, so that the same one is recognised again."""
    documents = [
        {
            "path": paths[each.version.bucket, each.version.key],
            "bucket": each.version.bucket,
            "key": each.version.key,
            "version_id": each.version.version_id,
            "size_bytes": each.version.size_bytes,
            "modified_at": each.version.modified_at.isoformat(),
            "sha256": each.version.sha256,
            "certain": each.certain,
        }
        for each in plan.documents
    ]
    told = {"firm": plan.firm, "at": plan.at.isoformat(), "snapshot": plan.snapshot, "documents": documents}
    return json.dumps(told, indent=1, ensure_ascii=False).encode()


def _begin(into: Path, manifest: Path, content: bytes) -> None:
    """The manifest comes first: a folder with this very one is ours to go on with."""
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        if not manifest.is_file() or manifest.read_bytes() != content:
            raise TargetNotEmpty(place=into)
        return
    into.mkdir(parents=True, exist_ok=True)
    manifest.write_bytes(content)


def link_documents(
    vault: Vault, plan: DocumentRestorePlan, *, signer: LinkSigner, lasting: timedelta, clock: Clock
) -> tuple[Link, ...]:
    """A link for each document of the plan. Raises ``InvalidRequest`` for a longer life than S3 gives."""
    _require_same_vault(vault, plan)
    if not timedelta(0) < lasting <= LONGEST_LINK:
        raise InvalidRequest(count=1, faults=f"a link lasts seven days at most, and more than nothing: {lasting}")
    needs = Needs.of_documents(plan.snapshot, plan.following)
    lease_documents(vault, needs, "whoever has a link to one of its documents", lasting)
    expires_at = clock() + lasting
    return tuple(
        Link(each.version.bucket, each.version.key, signer.link(each.version, lasting), expires_at)
        for each in plan.documents
    )
