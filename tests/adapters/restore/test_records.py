"""The record of a restore in both vaults: written once, under a lock, and no business of retention's."""

from datetime import timedelta

import pytest

from muniment.adapters.restore.records import (
    find_record,
    records,
    rolled_back,
    untold,
    write_record,
    write_rolled_back,
    write_told,
)
from muniment.adapters.retention.inventory import read_inventories
from muniment.adapters.site.site import Site, build_site
from muniment.domain.recovery.roll_back import RolledBack
from muniment.domain.restore.record import ContactTold
from muniment.domain.vault import keys
from muniment.errors import AlreadyRegistered
from muniment.ports import utc_now
from muniment_demo.cloud import Cloud
from tests.faults.worker import through
from tests.fixtures.faults import FaultProxy
from tests.support.restore_records import record_of


def test_a_record_is_written_once_and_locked_in_both_vaults(site17: Site) -> None:
    until = utc_now() + timedelta(days=365)
    first = record_of(site17, "20261121T100000000Z")
    assert write_record(site17, first, locked_until=until) == first
    for vault in site17.vaults:
        there = vault.head(keys.restore(first.id))
        assert there is not None
        assert there.locked_until is not None
        assert there.locked_until > utc_now() + timedelta(days=364)
    again = record_of(site17, first.id)
    assert write_record(site17, again, locked_until=until) == first
    with pytest.raises(AlreadyRegistered):
        site17.primary.put_register(keys.restore(first.id), again, locked_until=until)


def test_what_a_killed_run_wrote_into_one_vault_is_what_the_other_gets(site17: Site) -> None:
    until = utc_now() + timedelta(days=365)
    half = record_of(site17, "20261121T110000000Z")
    site17.replica.put_register(keys.restore(half.id), half, locked_until=until)
    assert write_record(site17, record_of(site17, half.id), locked_until=until) == half
    assert find_record(site17.primary, half.id) == half


def test_records_are_listed_and_retention_does_not_see_them(site17: Site) -> None:
    made = [record_of(site17, f"20261121T1{hour}0000000Z") for hour in (2, 3)]
    for record in made:
        write_record(site17, record, locked_until=None)  # type: ignore[arg-type]
    assert list(records(site17.primary)) == made
    assert all(inventory.versions == () for inventory in read_inventories(site17))


def undone(site: Site, restore_id: str) -> RolledBack:
    facts = {"why": "wrong night", "was_live": True, "abandoned": 2, "timeline": 1, "ended_at": utc_now()}
    return RolledBack(id=restore_id, firm=site.firm.id, run="test", **facts)


def test_a_damaged_record_of_a_way_back_stops_no_restore(site17: Site, cloud: Cloud) -> None:
    """Planning reads them."""
    whole, damaged = (undone(site17, f"20261121T1{hour}0000000Z") for hour in (4, 5))
    for record in (whole, damaged):
        write_rolled_back(site17.primary, record, locked_until=utc_now())
    s3 = cloud.client("s3", site17.primary.region)
    s3.put_object(Bucket=site17.primary.bucket, Key=keys.rolled_back(damaged.id), Body=b"not what was written")
    assert rolled_back(site17.primary) == (whole,)


def test_that_the_contact_was_told_is_kept_though_the_other_region_is_away(
    site17: Site, faulty_store: FaultProxy
) -> None:
    record = undone(site17, "20261121T160000000Z")
    write_rolled_back(site17.primary, record, locked_until=utc_now())
    firm, postgres, aws = through(site17, faulty_store.endpoint_url)
    faulty_store.fail("reset", region=site17.replica.region)
    told = ContactTold(id=record.id, firm=firm.id, contact="Dana: told", at=utc_now())
    write_told(build_site(firm, postgres.conninfo(), aws.clients()), told, locked_until=utc_now())
    assert untold(site17.primary) == ()
    assert site17.replica.head(keys.rolled_back_told(record.id)) is None
