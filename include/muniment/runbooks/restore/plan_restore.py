"""Plans a restore from one vault alone: what comes back, from what, over what, and what will not be in it.

Reads registers, listings and a few WAL segments, writes nothing. What cannot be reached is refused here, before
anything else is fetched.
"""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from muniment.adapters.drill.records import drills
from muniment.adapters.host.file_systems import free_bytes, on_one_file_system, room_for
from muniment.adapters.postgres.collations import glibc_version
from muniment.adapters.site.site import Side
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.ledgers import KnownFacts, WalLedgers
from muniment.domain.backup.layout import Layout
from muniment.domain.collation import elsewhere
from muniment.domain.firm.firm import Firm
from muniment.domain.record import new_id
from muniment.domain.recovery.backup_choice import Choice, Restorable, Unreachable
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.restore.estimate import Measured, estimate_s, space_needed_bytes
from muniment.domain.restore.plan import OtherTimeline, RestorePlan, WalToReplay
from muniment.domain.restore.plan_text import left_out, left_out_as_unread, left_out_of_documents
from muniment.domain.restore.staging import parse_folder_name
from muniment.domain.vault.registers import Point, WalRange
from muniment.domain.wal.names import TimelineId
from muniment.errors import (
    Damaged,
    MunimentError,
    ObjectDamaged,
    ProgramMissing,
    TargetUnreachable,
)
from muniment.ports import Clock
from muniment.runbooks.restore.documents_of_plan import FoundDocuments, documents_by, documents_of_point
from muniment.runbooks.restore.find_stop import StopFinder
from muniment.runbooks.restore.place_tablespaces import ToldTablespaces, placed_tablespaces, told_tablespaces
from muniment.runbooks.restore.space import Claim, claims_of, claims_of_result
from muniment.runbooks.restore.target_folder import layout_of
from muniment.runbooks.restore.unreachable import unreachable
from muniment.runbooks.restore.vault_stock import Stock, stocks
from muniment.runbooks.vault.typed_point import typed_point
from muniment.runbooks.wal.read_wal import open_reader
from muniment.runbooks.wal.search_wal import WalSearch


def plan_restore(
    vault: Vault,
    firm: Firm,
    target: RecoveryTarget,
    *,
    side: Side,
    into: Path,
    clock: Clock,
    replaces: str | None = None,
    other: Vault | None = None,
) -> RestorePlan:
    """``other`` is asked only where ``vault`` lacks WAL that leads there, or has it damaged; it need not answer.

    ``replaces`` is ``into`` itself where its cluster is written over.

    Raises ``WrongVault``, ``NothingToRestore``, ``NoSuchPoint`` and ``TargetUnreachable``.

    A cluster that was adopted since is looked into first, and those before it where the target may lie before it.

    ``ProgramMissing`` where a time, a transaction or a name has to be looked up in WAL of a PostgreSQL that is not
    installed here; the other targets are then planned without being looked up.
    """
    made_at = clock()
    with typed_point(target.value, vault, other) if target.kind == "point" else nullcontext():
        stock, found = _look_up(vault, other, target)
    if replaces:
        stock.require_present(replaces)
    layout = layout_of(into, found.choice.base.backup, delta=replaces == str(into))
    draft = _Draft(stock, found, _documents(stock, found), layout, Path(replaces) if replaces else None)
    asked = {"firm": firm.id, "target": str(target), "side": side, "into": str(into), "replaces": replaces}
    return RestorePlan(id=new_id(made_at), made_at=made_at, **asked, **draft.way(), **draft.contents(), **draft.cost())


@dataclass(frozen=True, slots=True)
class _Found:
    """``at`` is the database's instant, for whatever has to match it; ``last_end`` its last transaction's.

    ``point`` is the one that was asked for by its id: its documents and its configuration belong to it.
    """

    choice: Choice
    last_end: datetime | None
    at: datetime
    point: Point | None
    tablespaces: ToldTablespaces


@dataclass(frozen=True, slots=True)
class _Draft:
    """Fields of the plan, by what they tell."""

    stock: Stock
    found: _Found
    documents: FoundDocuments
    layout: Layout
    replaces: Path | None

    def way(self) -> dict[str, Any]:
        """From which backups, along which timelines, to which position."""
        choice, timelines = self.found.choice, self.stock.restorable.timelines
        history = choice.timeline if self.found.point else self.stock.restorable.timeline
        return {
            "vault": self.stock.vault.bucket,
            "region": self.stock.vault.region,
            "point": choice.base.point.id,
            "chain": tuple(backup.id for backup in choice.base.chain),
            "server_version": choice.base.backup.server_version,
            "cluster": self.stock.store.system_identifier,
            "replaced_at": self.stock.replaced_at,
            "settings": _settings(choice),
            "timeline": choice.timeline,
            "history": history,
            "serving": timelines.serving,
            "others": _others(self.stock.restorable, history),
            "reaches_lsn": choice.stop.position if choice.stop.is_exact else None,
            "reaches_at": self.found.last_end,
        }

    def contents(self) -> dict[str, Any]:
        """What comes back beside rows, and what does not."""
        base = self.found.choice.base
        return {
            "tablespaces": tuple(placed_tablespaces(base.backup, self.found.tablespaces, self.layout)),
            "documents": self.documents.documents,
            "config": (self.found.point or base.point).config,
            "left_out": _left_out(self.stock, self.found, self.documents),
        }

    def cost(self) -> dict[str, Any]:
        """Bytes to fetch, room to have, time to take."""
        base, replay = self.found.choice.base, _replay(self.stock, self.found)
        fetch_bytes = sum(backup.stored_bytes for backup in base.chain)
        fetch_bytes += self.documents.documents.size_bytes if self.documents.documents else 0
        measured = [Measured.of(drill) for drill in drills(self.stock.vault, damaged=lambda _: None)]
        return {
            "replay": replay,
            "fetch_bytes": fetch_bytes + replay.stored_bytes,
            "space_needed_bytes": space_needed_bytes(base.chain),
            "space_there_bytes": free_bytes(self.layout.folder),
            "space": room_for(self._claims(replay)),
            "estimate_s": estimate_s(measured, stored_bytes=fetch_bytes, segments=replay.segments),
        }

    def _claims(self, replay: WalToReplay) -> Iterator[Claim]:
        """Of the restore; of what lies beside it; of the copy where it goes live on another file system."""
        chain, into = self.found.choice.base.chain, self.layout.folder
        yield from claims_of(self.layout, chain)
        if parse_folder_name(into.parent.name) is not None:  # a staging's: its WAL and its documents lie beside it
            documents = self.documents.documents
            yield into.parent, documents.size_bytes if documents else 0
            yield into.parent, replay.segments * chain[-1].wal_segment_bytes
        if self.replaces is not None and self.replaces != into:
            live = layout_of(self.replaces, chain[-1], delta=True)
            yield from (claim for claim in claims_of_result(live, chain) if not on_one_file_system(claim[0], into))


def _look_up(vault: Vault, other: Vault | None, target: RecoveryTarget) -> tuple[Stock, _Found]:
    try:
        return _first_that_leads(stocks(vault, None, target), target)
    except (TargetUnreachable, Damaged) as refused:
        if other is None:
            raise
        alone = refused
    try:
        both = list(stocks(vault, other, target))
    except MunimentError as away:
        raise _unasked(alone, away) from away
    return _first_that_leads(both, target)


def _first_that_leads(found: Iterable[Stock], target: RecoveryTarget) -> tuple[Stock, _Found]:
    """The present's, where it does. Raises the present's ``TargetUnreachable`` where no cluster of the firm does."""
    first: TargetUnreachable | None = None
    for stock in found:
        try:
            return stock, _find(stock, target)
        except TargetUnreachable as refused:
            first = first or refused
            if not stock.restorable.may_lie_before(target):
                break
    assert first is not None, "stocks raises where there is none"
    raise first


def _unasked(refused: TargetUnreachable | Damaged, away: MunimentError) -> MunimentError:
    """What one vault cannot reach is out of reach only when the other one has been looked into."""
    if isinstance(refused, Damaged):
        return refused
    reason = f"{refused.facts['reason']}; whether the other vault reaches it is not known: {away.what}"
    return TargetUnreachable(**{**refused.facts, "reason": reason})


def _find(stock: Stock, target: RecoveryTarget) -> _Found:
    point = catalog.find_point(stock.vault, target.value) if target.kind == "point" else None
    known = KnownFacts(WalLedgers(stock.vault, stock.store.system_identifier))
    with open_reader(stock.store, stock.restorable.archive) as reader:
        finder = StopFinder(stock.restorable, WalSearch(reader, known), point)
        try:
            choice = finder.find(target)
            if isinstance(choice, Unreachable):
                raise unreachable(stock, target, choice, finder)
            last_end = finder.last_end(choice)
        except ProgramMissing:
            blind = finder.without_reading(target)
            if blind is None:
                raise
            if isinstance(blind, Unreachable):
                raise unreachable(stock, target, blind, None) from None
            choice, last_end = blind, None
    at = _instant(stock, target, choice, last_end)
    return _Found(choice, last_end, at, point, told_tablespaces(known, choice.segments))


def _instant(stock: Stock, target: RecoveryTarget, choice: Choice, last_end: datetime | None) -> datetime:
    """Behind its last transaction a database stays what it is: until the target, or until the archive's end."""
    match target.kind:
        case "time":
            return target.at
        case "latest":
            return max(filter(None, (last_end, stock.store.written_at(choice.segments[-1]))))
        case "immediate":
            return choice.base.backup.finished_at
        case _:
            return last_end or choice.base.backup.finished_at


def _others(restorable: Restorable, history: TimelineId) -> tuple[OtherTimeline, ...]:
    seen = restorable.timelines.seen
    return tuple(OtherTimeline(timeline=line, seen_at=seen[line]) for line in restorable.others(history))


def _settings(choice: Choice) -> dict[str, str]:
    """The timeline always by its number: ``latest`` would follow whatever appears in the archive meanwhile."""
    return {
        **choice.stop.settings,
        "recovery_target_timeline": str(choice.timeline),
        "recovery_target_action": "promote",
    }


def _replay(stock: Stock, found: _Found) -> WalToReplay:
    choice = found.choice
    first, last = choice.segments[0], choice.segments[-1]
    return WalToReplay(
        wal=WalRange(timeline=last.timeline, first_segment=first.name, last_segment=last.name, through_lsn=last.end),
        segments=len(choice.segments),
        stored_bytes=sum(stock.files[segment.name].size_bytes for segment in choice.segments),
        lent_segments=sum(segment.name not in stock.own for segment in choice.segments),
        unread_segments=found.tablespaces.unread,
    )


def _documents(stock: Stock, found: _Found) -> FoundDocuments:
    if found.point is not None:
        return documents_of_point(stock.vault, found.point)
    return documents_by(stock.vault, found.at)


def _left_out(stock: Stock, found: _Found, documents: FoundDocuments) -> tuple[str, ...]:
    return (
        *left_out(found.choice, stock.restorable, found.last_end),
        *left_out_of_documents(documents.documents, found.at, uncertain=documents.uncertain),
        *left_out_as_unread(found.choice, documents.unread, found.point or found.choice.base.point),
        *(_passed_over(damage) for damage in stock.damaged),
        *elsewhere(found.choice.base.backup.collations, glibc_version()),
    )


def _passed_over(damage: ObjectDamaged) -> str:
    facts = damage.facts
    return (
        f"what only {facts['key']} leads to: it is damaged in {facts['bucket']};"
        f" `muniment repair {facts['firm']}` brings it back"
    )
