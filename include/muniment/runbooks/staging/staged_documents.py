"""The documents of a staged restore: those of the database's instant, in a folder beside it, compared with its rows."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from muniment.adapters.documents.cover import cover_by
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.vault.vault import Vault
from muniment.domain.documents.file_names import MANIFEST
from muniment.domain.documents.recovery import DocumentRestorePlan, plan_documents
from muniment.domain.documents.selection import Selection
from muniment.domain.documents.sync import DocumentName, names_of
from muniment.domain.evidence import Check, of_verdict
from muniment.domain.firm.firm import Firm
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.restore.staging import StagedDocuments
from muniment.domain.vault.registers import DocumentVersion
from muniment.errors import MunimentError
from muniment.ports import Progress
from muniment.runbooks.documents.check_references import References, check_references, younger_documents
from muniment.runbooks.documents.opened_checks import opened_checks
from muniment.runbooks.documents.restore_documents import LiveBuckets, restore_into_folder


@dataclass(frozen=True)
class InFolder:
    """Where ``restore_into_folder`` has put them: each file's bytes were compared when its name appeared."""

    folder: Path

    @cached_property
    def _paths(self) -> Mapping[DocumentName, str]:
        told = json.loads((self.folder / MANIFEST).read_text("utf-8"))["documents"]
        return {(each["bucket"], each["key"]): each["path"] for each in told}

    def read(self, version: DocumentVersion) -> bytes:
        return (self.folder / self._paths[version.bucket, version.key]).read_bytes()


def plan_of(vault: Vault, plan: RestorePlan) -> DocumentRestorePlan | None:
    """All documents at the plan's instant for them; ``None`` where it has none."""
    if plan.documents is None or plan.documents.count == 0:
        return None
    cover = cover_by(vault, plan.documents.snapshot, plan.documents.at)
    return plan_documents(cover, Selection(), vault=vault.bucket, live=None)


def stage_documents(vault: Vault, found: DocumentRestorePlan, into: Path, progress: Progress) -> StagedDocuments:
    """Goes on where it was killed. Raises ``DiskFull``, ``ObjectMissing`` and ``ObjectDamaged``."""
    restore_into_folder(vault, found, into=into, progress=progress)
    return StagedDocuments(
        folder=str(into),
        at=found.at,
        snapshot=found.snapshot,
        count=len(found.documents),
        size_bytes=found.size_bytes,
    )


def both_ways(
    firm: Firm, server: PostgresServer, found: DocumentRestorePlan, folder: Path | None, live: LiveBuckets | None
) -> Iterator[Check]:
    """Every row's document is there, and a sample of those that rows name opens. ``folder``: where they lie, if so.

    Rows may be younger than the last snapshot: then the ``live`` buckets are asked, where they can be. Where no
    reference is configured, the sample is one of all documents.
    """
    versions = [planned.version for planned in found.documents]
    names = names_of(versions) | names_of(found.unread)
    references = check_references(server, firm.policy.document_references, names)
    yield from references.checks if live is None else _with_younger(firm, server, references, names, found.at, live)
    if folder is not None:
        named = [v for v in versions if not references.checks or (v.bucket, v.key) in references.named]
        yield from opened_checks(InFolder(folder), named, sample=firm.policy.drills.documents_opened, seed=len(named))


def _with_younger(
    firm: Firm,
    server: PostgresServer,
    references: References,
    names: set[DocumentName],
    at: datetime,
    live: LiveBuckets,
) -> tuple[Check, ...]:
    """A live bucket that is gone, or not ours to read, changes nothing: then what is not known is not there."""
    if not of_verdict(references.checks, False):
        return references.checks
    try:
        younger = set(younger_documents(live.values(), at)) - names
    except MunimentError:
        return references.checks
    again = check_references(server, firm.policy.document_references, names | younger)
    told = f"; counted with {len(younger)} documents of the live buckets that came after {at:%Y-%m-%d %H:%M:%S} UTC"
    return tuple(check.model_copy(update={"found": check.found + told}) for check in again.checks)
