"""Plans a restore from one vault alone: what comes back, from what, over what, and what will not be in it.

Reads registers, listings and a few WAL segments, writes nothing. What cannot be reached is refused here, before
anything is fetched.
"""

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from include.muniment.adapters import catalog
from include.muniment.adapters.document_cover import find_cover
from include.muniment.adapters.site import Side
from include.muniment.adapters.vault import StoredObject, Vault
from include.muniment.adapters.wal_archive import WalArchive
from include.muniment.domain.document_recovery import Selection, documents_at
from include.muniment.domain.firm import Firm
from include.muniment.domain.recovery_target import RecoveryTarget
from include.muniment.domain.register import Point, WalRange, new_id
from include.muniment.domain.restore_choice import Base, Choice, Restorable, Unreachable
from include.muniment.domain.restore_plan import DocumentsToRestore, RestorePlan, WalToReplay
from include.muniment.domain.wal import Lsn
from include.muniment.errors import NoSnapshotCovers, NothingToRestore, TargetUnreachable
from include.muniment.ports import Clock
from include.muniment.runbooks.identity import prove_vault


def plan_restore(
    vault: Vault,
    firm: Firm,
    target: RecoveryTarget,
    *,
    side: Side,
    into: Path,
    clock: Clock,
    replaces: str | None = None,
) -> RestorePlan:
    """Raises ``WrongVault``, ``NothingToRestore``, ``ObjectMissing`` for an unknown point, ``TargetUnreachable``."""
    stock = _take_stock(vault)
    choice, settings = _choose(stock, target)
    now = clock()
    documents = _documents(stock, target, choice)
    replay = _replay(stock, choice)
    chain_bytes = sum(backup.stored_bytes for backup in choice.base.chain)
    return RestorePlan(
        id=new_id(now),
        firm=firm.id,
        made_at=now,
        target=str(target),
        settings={
            **settings,
            "recovery_target_timeline": str(choice.timeline),
            "recovery_target_action": "promote",
        },
        side=side,
        vault=vault.bucket,
        region=vault.region,
        point=choice.base.point.id,
        chain=choice.base.point.chain,
        server_version=choice.base.backup.server_version,
        timeline=choice.timeline,
        reaches_lsn=Lsn.parse(settings["recovery_target_lsn"]) if "recovery_target_lsn" in settings else None,
        replay=replay,
        documents=documents,
        config=choice.base.point.config,
        into=str(into),
        replaces=replaces,
        fetch_bytes=chain_bytes + replay.stored_bytes + (documents.size_bytes if documents else 0),
        space_needed_bytes=_space_needed(choice.base),
        space_there_bytes=_space_there(into),
    )


@dataclass(frozen=True, slots=True)
class _Stock:
    """What one vault holds of one firm."""

    vault: Vault
    store: WalArchive
    files: dict[str, StoredObject]
    restorable: Restorable


def _take_stock(vault: Vault) -> _Stock:
    mark = prove_vault(vault)
    store = WalArchive(vault, mark.system_identifier)
    files = dict(store.files())
    bases = _bases(vault, mark.system_identifier)
    if not bases:
        raise NothingToRestore(bucket=vault.bucket, firm=vault.firm)
    archive = store.archive(files, bases[0].backup.wal_segment_bytes)
    return _Stock(vault, store, files, Restorable(bases, archive))


def _bases(vault: Vault, system_identifier: int) -> tuple[Base, ...]:
    """Newest first. A point whose backup is not registered here any more is none."""
    backups = {backup.id: backup for backup in catalog.registered_backups(vault)}
    return tuple(
        Base(point, tuple(backups[each] for each in point.chain))
        for point in reversed(catalog.points(vault))
        if point.system_identifier == system_identifier and all(each in backups for each in point.chain)
    )


def _choose(stock: _Stock, target: RecoveryTarget) -> tuple[Choice, dict[str, str]]:
    found, settings = _found(stock, target)
    if isinstance(found, Unreachable):
        raise TargetUnreachable(
            firm=stock.vault.firm,
            bucket=stock.vault.bucket,
            target=target,
            reason=found.reason,
            before=found.before or "none",
            after=found.after or "none",
        )
    return found, settings


def _found(stock: _Stock, target: RecoveryTarget) -> tuple[Choice | Unreachable, dict[str, str]]:
    match target.kind:
        case "latest":
            return stock.restorable.latest(), {}
        case "immediate":
            return stock.restorable.consistent(), target.settings()
        case "point":
            point = catalog.find_point(stock.vault, target.value)
            lsn = point.control_totals.lsn
            settings = {"recovery_target_lsn": str(lsn), "recovery_target_inclusive": "off"}
            return stock.restorable.through(lsn, lsn, point.wal.timeline), settings
        case "lsn":
            lsn = Lsn.parse(target.value)
            return stock.restorable.through(lsn, lsn), target.settings()
        case kind:
            raise NotImplementedError(kind)


def _replay(stock: _Stock, choice: Choice) -> WalToReplay:
    first, last = choice.segments[0], choice.segments[-1]
    return WalToReplay(
        wal=WalRange(timeline=last.timeline, first_segment=first.name, last_segment=last.name, through_lsn=last.end),
        segments=len(choice.segments),
        stored_bytes=sum(stock.files[segment.name].size_bytes for segment in choice.segments),
    )


def _documents(stock: _Stock, target: RecoveryTarget, choice: Choice) -> DocumentsToRestore | None:
    if target.kind == "point":
        return _of_point(stock.vault, catalog.find_point(stock.vault, target.value))
    at = stock.store.written_at(choice.segments[-1])
    if target.kind == "immediate":
        at = choice.base.backup.finished_at
    return _at(stock.vault, at)


def _of_point(vault: Vault, point: Point) -> DocumentsToRestore:
    taken_at = catalog.find_snapshot(vault, point.documents).taken_at
    return DocumentsToRestore(
        at=taken_at, snapshot=point.documents, count=point.document_count, size_bytes=point.document_bytes
    )


def _at(vault: Vault, at: datetime) -> DocumentsToRestore | None:
    """Behind the last snapshot it is the last snapshot's; before the first there are none."""
    newest = catalog.latest_snapshot(vault)
    try:
        cover = find_cover(vault, None if newest is not None and newest.taken_at <= at else at)
    except (NoSnapshotCovers, NothingToRestore):
        return None
    versions = [recalled.version for recalled in documents_at(cover, Selection(), None)]
    return DocumentsToRestore(
        at=cover.at,
        snapshot=cover.base.id,
        count=len(versions),
        size_bytes=sum(version.size_bytes for version in versions),
    )


def _space_needed(base: Base) -> int:
    """A chain needs room for its parts and for the result that is put together from them."""
    return sum(backup.size_bytes for backup in base.chain) + (base.chain[0].size_bytes if len(base.chain) > 1 else 0)


def _space_there(into: Path) -> int:
    there = next(parent for parent in (into, *into.resolve().parents) if parent.exists())
    return shutil.disk_usage(there).free
