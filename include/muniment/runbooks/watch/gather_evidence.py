"""What both vaults prove of a firm's duties, by listings and the few registers that are newest."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from muniment.adapters.site.site import Site
from muniment.adapters.store.s3 import PAGE_SIZE
from muniment.adapters.vault import catalog
from muniment.adapters.vault.authenticity import read_mark
from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.archive import FREE_BYTES, PG_WAL_BYTES, WalArchive
from muniment.domain.record import instant_of, new_id
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Point
from muniment.domain.wal.names import is_segment
from muniment.domain.watch.evidence import Evidence
from muniment.domain.watch.owed import CLOCKS_MAY_DIFFER
from muniment.errors import ObjectDamaged
from muniment.ports import Clock
from muniment.runbooks.watch.drill_evidence import drill_evidence
from muniment.runbooks.watch.listings import Listings

POINTS_LOOKED_AT = 8
"""Of the newest ones: where none of them is undamaged, none has been verified lately."""
_LISTED_DAYS = timedelta(days=10)


def gather_evidence(site: Site, *, clock: Clock, listings: Listings | None = None) -> Evidence:
    """About twenty requests, most of them to the primary vault; no more for a firm of many years, its listings of
    points and drills excepted.

    A replica vault that cannot be asked has the copies that the night itself has proven there. Raises what a ``Vault``
    raises for the primary one: then nothing new is known, and what is missing is not called so.
    """
    listings, now = listings or Listings(site), clock()
    vault, ids = listings.primary.vault, listings.primary.point_ids
    damages: list[ObjectDamaged] = []
    latest = catalog.latest_points_of_present(vault, damaged=damages.append, listed=listings.primary.points)
    # One that is dated ahead, by a clock that was wrong that night, would keep every night's duties until then.
    past = (each for each in latest if each.taken_at <= now + CLOCKS_MAY_DIFFER)
    newest = tuple(islice(past, POINTS_LOOKED_AT)) if ids else ()
    evidence = Evidence(
        read_at=now,
        vaults_made_at=read_mark(vault).created_at,
        points=len(ids),
        first_point_at=_instant(ids[0]) if ids else None,
        last_copied_at=_last_copied(vault, newest, listings.in_replica),
        last_verified_at=next((each.taken_at for each in newest if not each.is_damaged), None),
        last_documents_at=_last_stored(vault, keys.DOCUMENT_SNAPSHOTS, now),
        last_configuration_at=_last_stored(vault, keys.CONFIGS, now),
    )
    drills = drill_evidence(vault, site.firm, now, listings.primary.drills)
    told = {**_of_newest(newest, damages), **_wal_space(vault, newest), **drills}
    return evidence.model_copy(update=told)


def _of_newest(newest: tuple[Point, ...], damages: Sequence[ObjectDamaged]) -> dict[str, object]:
    """A register that is not what was written is of no point; that there is one is told with what the newest lacks."""
    told = tuple(damage.what for damage in damages)
    if not newest:
        return {"incomplete": told}
    point, changes = newest[0], newest[0].document_changes
    return {
        "last_point": point.id,
        "last_point_at": point.taken_at,
        "point_sizes_bytes": point.size_bytes,
        "incomplete": (*told, *(point.incomplete.lines() if point.incomplete else ())),
        "documents": point.document_count,
        "documents_before": changes.before if changes else next((each.document_count for each in newest[1:]), None),
        "documents_changed": changes.overwritten if changes else None,
        "documents_vanished": changes.vanished if changes else None,
    }


def _last_copied(vault: Vault, newest: tuple[Point, ...], there: frozenset[str] | None) -> datetime | None:
    """``there``: ids in the replica; ``None``: it cannot be asked."""
    if there is None:
        return next((each.taken_at for each in newest if each.verified_replica_at is not None), None)
    found = next((each for each in newest if each.id in there), None)
    if found is None and there:
        found = catalog.read_point(vault, max(there))
    return found.taken_at if found else None


def _last_stored(vault: Vault, prefix: str, now: datetime) -> datetime | None:
    """When the newest object was stored, by the store's clock. Ids begin with their instants: what is older than some
    days is listed only where nothing is younger."""
    recent = max(_stored_at(vault, prefix, prefix + new_id(now - _LISTED_DAYS)), default=None)
    return recent or max(_stored_at(vault, prefix, ""), default=None)


def _stored_at(vault: Vault, prefix: str, after: str) -> Iterator[datetime]:
    return (item.modified_at for item in vault.list(prefix, after=after))


def _wal_space(vault: Vault, newest: tuple[Point, ...]) -> dict[str, object]:
    """As the last segment of the listing's first page behind the newest point tells it."""
    if not newest:
        return {}
    archive, wal = WalArchive(vault, newest[0].system_identifier), newest[0].wal
    listed = vault.list(keys.wal_prefix(archive.system_identifier), after=archive.key(wal.last_segment))
    behind = [item.key.rsplit("/", 1)[1] for item in islice(listed, PAGE_SIZE)]
    name = next(filter(is_segment, reversed(behind)), wal.last_segment)
    found = vault.head(archive.key(name))
    if found is None or FREE_BYTES not in found.metadata:
        return {}
    return {
        "wal_free_bytes": int(found.metadata[FREE_BYTES]),
        "wal_free_at": found.modified_at,
        "wal_free_at_pg_wal_bytes": int(found.metadata.get(PG_WAL_BYTES, 0)),
    }


def _instant(record_id: str) -> datetime | None:
    try:
        return instant_of(record_id)
    except ValueError:
        return None
