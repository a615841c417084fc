"""Every document version that is new comes into the vault, and a list says what was current at one instant.

The instant is S3's own: the next whole second of the clock that dates the versions, whatever the worker's clock says.
The listing begins after it, and what is dated later is left for the next night; so documents that change while it runs
make no half-truth.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import chain

from pydantic import TypeAdapter

from muniment.adapters.concurrency import at_once
from muniment.adapters.documents.copies import DocumentCopies, DocumentUnreadable
from muniment.adapters.documents.source_bucket import SourceBucket, source_buckets, wait_until
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.domain.documents.sync import (
    SourceState,
    SourceVersion,
    SyncPlan,
    changes_since,
    deletions,
    plan_sync,
    state_at,
    suspicious,
)
from muniment.domain.retention.rules import chain_locked_until
from muniment.domain.vault import keys
from muniment.domain.vault.incomplete import Incomplete
from muniment.domain.vault.registers import DocumentSnapshot, DocumentVersion
from muniment.errors import SourceShrank
from muniment.ports import Clock, Progress, Silent
from muniment.runbooks.identity import prove_primary

type Sources = Mapping[str, SourceBucket]


def sync_documents(
    site: Site,
    *,
    snapshot_id: str,
    accept_shrink: bool = False,
    clock: Clock,
    progress: Progress | None = None,
) -> DocumentSnapshot:
    """The registered snapshot. Run again it is only read; after a crash, what was copied is not copied again.

    Raises ``SourceShrank`` where more documents vanished or were overwritten than the policy allows: their new versions
    are in the vault by then, which harms nothing, but no snapshot names them. ``SourceChanged`` names a version that
    went away meanwhile. What the firm's own bucket does not give is named in the snapshot, and costs the others
    nothing. ``clock`` is every runbook's; here S3's own counts.
    """
    prove_primary(site)
    with site.exclusively() as held:
        if held.primary.head(keys.document_snapshot(snapshot_id)):
            return catalog.find_snapshot(held.primary, snapshot_id)
        return _sync(held, snapshot_id, accept_shrink, progress or Silent())


def _sync(site: Site, snapshot_id: str, accept_shrink: bool, progress: Progress) -> DocumentSnapshot:
    sources = source_buckets(site.firm, site.clients)
    previous = catalog.latest_snapshot(site.primary)
    state, there = _look(site.primary, sources, previous)
    plan = plan_sync(state, previous, there, site.policy)
    copies = DocumentCopies(sources, site.primary, site.policy, state.taken_at)
    carried = _carry_out(plan, copies, site.policy.documents.copies_at_once, progress)
    if copies.read_back:
        progress.note(
            "new documents read once, because the store gave no SHA-256 of their copies: "
            f"{len(copies.read_back):,}, {sum(copies.read_back):,} bytes"
        )
    if not accept_shrink:
        _refuse_shrunken(site, state, previous)
    snapshot = _snapshot(site.firm.id, snapshot_id, state, previous, plan, carried)
    _register(site, snapshot)
    if lacking := Incomplete.of_documents(snapshot.unread):
        progress.note(f"documents that could not be read: {lacking.count:,}: {lacking}")
    return snapshot


def _look(vault: Vault, sources: Sources, previous: DocumentSnapshot | None) -> tuple[SourceState, dict[str, int]]:
    """The sources at one instant, and what the vault has; both listed at the same time."""
    with ThreadPoolExecutor(1, "list-vault") as pool:
        listing = pool.submit(lambda: {item.key: item.size_bytes for item in vault.list(keys.DOCUMENT_OBJECTS)})
        taken_at = next_instant(vault, sources.values())
        histories = chain.from_iterable(source.histories() for source in sources.values())
        state = state_at(taken_at, histories, previous.taken_at if previous else None)
        return state, listing.result()


def next_instant(vault: Vault, sources: Iterable[SourceBucket]) -> datetime:
    """A whole second that has just begun by the clock of every bucket's region. Whatever was stored before this was
    called is dated before it; nothing that is stored from now on is, and no snapshot of it in the vault either."""
    stores = [*(source.store for source in sources), vault.store]
    instant = max(store.clock() for store in stores) + timedelta(seconds=1)
    for store in stores:
        wait_until(store, instant)
    return instant


@dataclass(slots=True)
class _Carried:
    """``entries``: by vault object, of each version that is in the vault; ``unread``: why the others are not."""

    entries: dict[str, DocumentVersion] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)


def _carry_out(plan: SyncPlan, copies: DocumentCopies, workers: int, progress: Progress) -> _Carried:
    carried = _Carried()

    def reading(work: Callable[[SourceVersion], DocumentVersion]) -> Callable[[SourceVersion], DocumentVersion | None]:
        def read(version: SourceVersion) -> DocumentVersion | None:
            try:
                return work(version)
            except DocumentUnreadable as unreadable:
                carried.unread[version.object] = unreadable.reason
                return None

        return read

    do = partial(_each, workers=workers, progress=progress)
    entries = chain(
        plan.kept,
        do("documents copied", reading(copies.copy), plan.to_copy),
        do("documents found", reading(copies.recognise), plan.to_recognise),
        do("locks extended", copies.lock, plan.to_lock),
    )
    carried.entries.update((entry.object, entry) for entry in entries)
    return carried


def _each[T](
    name: str, work: Callable[[T], DocumentVersion | None], items: tuple[T, ...], workers: int, progress: Progress
) -> Iterator[DocumentVersion]:
    """What ``work`` makes of each, many at once."""
    if not items:
        return
    with progress.step(name, len(items), "objects") as step:
        for entry in at_once(work, items, workers):
            step.advance(1)
            if entry is not None:
                yield entry


def _refuse_shrunken(site: Site, state: SourceState, previous: DocumentSnapshot | None) -> None:
    found = suspicious(state, previous, site.policy)
    if found and previous:
        raise SourceShrank(
            firm=site.firm.id,
            shrunk=found,
            snapshot=previous.id,
            was=found.was,
            now=found.now,
            limit=f"{site.policy.documents.shrink_limit:g} %",
        )


def _snapshot(
    firm: str,
    snapshot_id: str,
    state: SourceState,
    previous: DocumentSnapshot | None,
    plan: SyncPlan,
    carried: _Carried,
) -> DocumentSnapshot:
    entries, unread = carried.entries, carried.unread
    return DocumentSnapshot(
        id=snapshot_id,
        firm=firm,
        taken_at=state.taken_at,
        previous=previous.id if previous else None,
        changes=changes_since(previous, state),
        documents=tuple(entries[version.object] for version in state.current if version.object in entries),
        superseded=tuple(entries[version.object] for version in plan.superseded if version.object in entries),
        deleted=tuple(deletions(state, previous)),
        unread=tuple(
            version.unread(unread[version.object], is_current=is_current)
            for is_current, versions in ((True, state.current), (False, plan.superseded))
            for version in versions
            if version.object in unread
        ),
    )


def _register(site: Site, snapshot: DocumentSnapshot) -> None:
    """Last: every object that it names has been read back."""
    site.primary.put_sealed(
        keys.document_snapshot(snapshot.id),
        TypeAdapter(DocumentSnapshot).dump_json(snapshot),
        locked_until=chain_locked_until(site.policy, snapshot.taken_at),
    )
