"""The night's second copy: tonight's point in the other region, and whatever earlier nights could not bring there.

A region that does not answer stops no night: the point is registered in the primary vault alone, and the first night
with both regions brings it over. A point's register reaches the replica last, when all that it names was read back
there; so that a point is in the second region is told by its being there, and not by what it says of itself.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.authenticity import get_authentic
from muniment.adapters.vault.replication import VaultCopy
from muniment.adapters.vault.vault import Vault
from muniment.domain.backup.proofs import CopyProof
from muniment.domain.retention.rules import chain_locked_until, lock_ahead, point_locked_until
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Point
from muniment.errors import Damaged
from muniment.ports import Clock, Progress, Silent
from muniment.runbooks.identity import prove_identity, prove_primary, replica_away
from muniment.runbooks.vault.bring_adoption import bring_adoption
from muniment.runbooks.vault.copy_to_replica import (
    bring_backup,
    bring_documents,
    bring_one,
    bring_wal,
    copy_to_replica,
)


def second_copy(
    site: Site, *, backup_id: str, snapshot_id: str, config_id: str, clock: Clock, progress: Progress | None = None
) -> CopyProof | None:
    """Tonight's proof, ``None`` where the second region does not answer. Raises what ``copy_to_replica`` raises.

    What is damaged or missing of an earlier night is told and left out: it must not keep tonight's from its copy.
    """
    progress = progress or Silent()
    prove_primary(site)
    if (away := replica_away(site)) is not None:
        progress.note(f"not yet in the second region, which does not answer: {away.what}")
        return None
    prove_identity(site)
    with site.exclusively() as held:
        for done in bring_adoption(held, clock=clock):  # before anything of the new cluster's comes there
            progress.note(f"made: {done}")
        _bring_lists(held, clock(), progress)
    proof = copy_to_replica(
        site, backup_id=backup_id, snapshot_id=snapshot_id, config_id=config_id, clock=clock, progress=progress
    )
    with site.exclusively() as held:
        _bring_points(held, clock(), progress)
    return proof


def bring_point(site: Site, point: Point, now: datetime) -> None:
    """The register, when all that it names is there; its lock ends when the primary's does."""
    key = keys.point(point.id)
    if site.replica.head(key) is None:
        locked_until = point_locked_until(site.policy, point.registered_at)
        site.replica.put(key, get_authentic(site.primary, key), locked_until=lock_ahead(locked_until, now))


def awaits_second_copy(site: Site, point_id: str) -> bool:
    """Whether the point was registered without a second copy, and has none yet."""
    if catalog.find_point(site.primary, point_id).verified_replica_at is not None:
        return False
    return replica_away(site) is not None or site.replica.head(keys.point(point_id)) is None


def lacking(source: Vault, target: Vault, prefix: str) -> list[str]:
    """Keys in the order in which S3 stored them."""
    there = {found.key for found in target.list(prefix)}
    found = [each for each in source.list(prefix) if each.key not in there]
    return [each.key for each in sorted(found, key=lambda each: (each.modified_at, each.key))]


def _bring_lists(site: Site, now: datetime, progress: Progress) -> None:
    """Document snapshots and configurations, also of nights that never became a point: without each list in between
    the replica could not tell what was there at an instant."""
    copy, locked_until = _between(site), chain_locked_until(site.policy, now)
    for key in lacking(site.primary, site.replica, keys.DOCUMENT_SNAPSHOTS):
        name = key.removeprefix(keys.DOCUMENT_SNAPSHOTS)
        _or_tell(progress, key, partial(bring_documents, copy, name, locked_until, now, progress))
    for key in lacking(site.primary, site.replica, keys.CONFIGS):
        _or_tell(progress, key, partial(bring_one, copy, key, locked_until))


def _bring_points(site: Site, now: datetime, progress: Progress) -> None:
    absent = [catalog.find_point(site.primary, _id_of(key)) for key in lacking(site.primary, site.replica, keys.POINTS)]
    for point in sorted(absent, key=lambda each: each.taken_at):
        _or_tell(progress, keys.point(point.id), partial(_bring_parts, site, point, now, progress))


def _bring_parts(site: Site, point: Point, now: datetime, progress: Progress) -> None:
    copy, locked_until = _between(site), chain_locked_until(site.policy, now)
    backup = catalog.find_backup(site.primary, point.backup)
    for each in catalog.chain_of(site.primary, backup):
        bring_backup(copy, each, locked_until, progress)
    bring_wal(copy, backup, locked_until, progress)
    bring_documents(copy, point.documents, locked_until, now, progress)
    bring_one(copy, keys.config(point.config), locked_until)
    bring_point(site, point, now)
    progress.note(f"recovery point {point.id} of {point.taken_at:%Y-%m-%d %H:%M} UTC is in the second region now")


def _or_tell(progress: Progress, key: str, bring: Callable[[], None]) -> None:
    try:
        bring()
    except Damaged as damage:
        progress.note(f"not in the second region: {key}: {damage.what}")


def _between(site: Site) -> VaultCopy:
    return VaultCopy(site.primary, site.replica, site.policy.documents.copies_at_once)


def _id_of(key: str) -> str:
    return key.removeprefix(keys.POINTS).removesuffix(".json")
