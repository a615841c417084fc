"""A point exists when its JSON exists: last, in both vaults, and never twice."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.authenticity import mac_key
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Backup, DocumentChanges, Point
from muniment.domain.watch.night_troubles import incomplete_trouble
from muniment.errors import AccessDenied, NotVerified
from muniment.ports import utc_now
from muniment.runbooks.backup.register_recovery_point import complete_half_registered, register_recovery_point
from muniment.runbooks.vault.copy_to_replica import copy_to_replica
from muniment.runbooks.vault.verify_firm import verify_vault
from tests.fixtures.sites import SiteFactory
from tests.support.denials import denied_from
from tests.support.nights import Nights, copy_proof, wal_proof

pytestmark = pytest.mark.timeout(360)
NIGHT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


@pytest.fixture
def site(site_factory: SiteFactory, cluster: Any) -> Site:
    return site_factory(cluster)


def copied(site: Site, nights: Nights, at: datetime = NIGHT, parent: Backup | None = None) -> Backup:
    previous = parent.point if parent else None
    backup = nights.take(at, parent=parent, previous=previous, documents=("a.pdf", "b.pdf"))
    copy_to_replica(site, backup_id=backup.id, snapshot_id=backup.point, config_id=backup.point, clock=utc_now)
    return backup


def register(site: Site, backup: Backup) -> Point:
    return register_recovery_point(
        site,
        point_id=backup.point,
        run="manual__1",
        backup_id=backup.id,
        wal=wal_proof(backup, NIGHT),
        copy=copy_proof(NIGHT),
        clock=utc_now,
    )


def test_the_point_says_what_the_night_made(site: Site, nights: Nights) -> None:
    full = copied(site, nights)
    tonight = copied(site, nights, NIGHT + timedelta(days=1), full)
    point = register(site, tonight)
    assert point.chain == (full.id, tonight.id)
    assert (point.kind, point.run, point.config, point.documents) == ("incremental", "manual__1", *[tonight.point] * 2)
    assert (point.document_count, point.document_bytes) == (2, 2 * len("document a.pdf"))
    assert point.document_changes == DocumentChanges(before=2, overwritten=1, vanished=0)
    assert (point.began_at, point.taken_at) == (tonight.started_at, tonight.finished_at)
    assert catalog.points(site.primary) == catalog.points(site.replica) == (point,)


def test_the_point_names_what_it_lacks_and_on_call_hears_of_it(site: Site, nights: Nights) -> None:
    backup = nights.take(NIGHT, unread=("theirs.pdf",))
    copy_to_replica(site, backup_id=backup.id, snapshot_id=backup.point, config_id=backup.point, clock=utc_now)
    point = register(site, backup)
    assert point.incomplete is not None
    assert point.incomplete.lines() == ["secret theirs.pdf: not there", "document matters/theirs.pdf: denied"]
    assert not point.is_damaged
    assert verify_vault(site.primary, deep=False).faults == ()
    told = incomplete_trouble(site.firm, point, NIGHT, {})
    assert told is not None
    assert told.what.splitlines()[1:] == ["  secret theirs.pdf: not there", "  document matters/theirs.pdf: denied"]
    whole = register(site, copied(site, nights, NIGHT + timedelta(days=1)))
    assert incomplete_trouble(site.firm, whole, NIGHT, {}) is None


def test_the_same_point_again_returns_the_registered_one(site: Site, nights: Nights) -> None:
    backup = copied(site, nights)
    assert register(site, backup) == register(site, backup)


def test_a_point_is_locked_for_the_retention_and_no_longer(site: Site, nights: Nights) -> None:
    point = register(site, copied(site, nights))
    for vault in site.vaults:
        found = vault.head(keys.point(point.id))
        assert found is not None
        assert found.locked_until is not None
        assert abs(found.locked_until - point.registered_at - site.policy.retention) < timedelta(minutes=5)


def test_nothing_is_registered_before_the_copy(site: Site, nights: Nights) -> None:
    backup = nights.take(NIGHT)
    with pytest.raises(NotVerified) as refused:
        register(site, backup)
    key = keys.backup_register(backup.id)
    where = f"{site.replica.bucket}: {key} is not there"
    assert refused.value.what == f"recovery point {backup.point} of firm {site.firm.id} is not verified in {where}"
    assert catalog.points(site.primary) == catalog.points(site.replica) == ()


def test_what_only_the_replica_has_is_completed_word_for_word(site: Site, nights: Nights) -> None:
    point = register(site, copied(site, nights))
    key = keys.point("20261121T080000000Z")
    half = point.model_copy(update={"id": "20261121T080000000Z"}).to_json() + b"\n"
    site.replica.put(key, half, locked_until=None)
    assert complete_half_registered(site, clock=utc_now) == ("20261121T080000000Z",)
    assert site.primary.get(key) == half
    assert complete_half_registered(site, clock=utc_now) == ()


def test_whatever_call_fails_the_next_run_registers_once(site: Site, nights: Nights) -> None:
    """The fault sweep. Half-way there is a point in the replica alone; a point in the primary alone is never seen."""
    backup = copied(site, nights)
    for vault in site.vaults:
        mac_key(vault)  # opened once a process: else not each try would make the same calls
    position, seen_half = 0, False
    while not _registered_when_denied_from(site, backup, position := position + 1):
        primary, replica = (bool(catalog.points(vault)) for vault in site.vaults)
        seen_half = seen_half or (replica and not primary)
        assert replica or not primary
    assert position > 10
    assert seen_half
    assert catalog.points(site.primary) == catalog.points(site.replica) == (register(site, backup),)


def _registered_when_denied_from(site: Site, backup: Backup, position: int) -> bool:
    with denied_from(site, position):
        try:
            register(site, backup)
        except AccessDenied:
            return False
    return True
