"""Expire on two real vaults: what goes, what stays, in which order, and what a failure leaves behind."""

import gc
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.domain.holds.hold import Hold
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Backup, DocumentSnapshot
from muniment.errors import AccessDenied, NotVerified, RegisterHidden
from muniment.ports import utc_now
from muniment_demo.cloud import Cloud
from tests.fixtures.sites import SiteFactory
from tests.support.denials import denied_from
from tests.support.expiry import RETENTION, expiring_site, held, night, run
from tests.support.nights import Nights
from tests.support.s3 import s3_of, with_store

pytestmark = pytest.mark.timeout(540)
CHANGES = frozenset({"PutObject", "DeleteObject"})


@pytest.fixture
def site(site_factory: SiteFactory, cluster: LocalCluster) -> Site:
    return expiring_site(site_factory, cluster)


def test_an_old_point_goes_with_all_that_only_it_needed(site: Site, nights: Nights) -> None:
    old = night(nights, 12, documents=("kept.pdf", "deleted.pdf"))
    nights.push_wal(2)
    tonight = night(nights, 1, documents=("kept.pdf",))
    plan = run(site, tonight)
    assert plan.done
    for vault in site.vaults:
        there = held(vault)
        assert [point.id for point in catalog.points(vault)] == [tonight.point]
        assert not {key for key in there if old.id in key or old.point in key}
        assert keys.document_object("matters", "deleted.pdf", "1") not in there
        assert {*tonight.keys(), keys.document_object("matters", "kept.pdf", "1")} <= there
        assert len([key for key in there if key.startswith(keys.WAL)]) == 3
    assert run(site, tonight).primary.going == ()


def test_a_dry_run_says_the_same_and_deletes_nothing(site: Site, nights: Nights) -> None:
    night(nights, 12)
    tonight = night(nights, 1)
    before = [held(vault) for vault in site.vaults]
    planned = run(site, tonight, dry_run=True)
    assert [held(vault) for vault in site.vaults] == before
    assert not planned.done
    assert list(planned.lines())[1:] == list(run(site, tonight).lines())[1:]


def test_parents_of_a_kept_incremental_stay(site: Site, nights: Nights) -> None:
    full = night(nights, 12)
    middle = night(nights, 11, parent=full)
    tonight = night(nights, 1, parent=middle)
    run(site, tonight)
    for vault in site.vaults:
        assert [point.id for point in catalog.points(vault)] == [tonight.point]
        assert {*full.keys(), *middle.keys(), *tonight.keys()} <= held(vault)
        assert [each.id for each in catalog.chain_of(vault, tonight)] == [full.id, middle.id, tonight.id]


def test_what_is_locked_stays_and_the_plan_says_until_when(site: Site, nights: Nights, cloud: Cloud) -> None:
    old = night(nights, 12)
    tonight = night(nights, 1)
    until = (utc_now() + timedelta(days=30)).replace(microsecond=0)
    root = cloud.client("s3")
    key = keys.backup_register(old.id)
    retention = {"Mode": "GOVERNANCE", "RetainUntilDate": until}
    root.put_object_retention(Bucket=site.primary.bucket, Key=key, Retention=retention)  # type: ignore[arg-type]
    governed = locking(site, "governance")
    plan = run(governed, tonight)
    (verdict,) = [v for v in plan.primary.kept if v.group.id == old.id]
    assert verdict.why == f"locked until {until:%Y-%m-%d %H:%M}"
    assert set(old.keys()) <= held(site.primary)
    assert not set(old.keys()) & held(site.replica)


def locking(site: Site, mode: Any) -> Site:
    return replace(
        site, primary=with_store(site.primary, lock_mode=mode), replica=with_store(site.replica, lock_mode=mode)
    )


def test_a_lock_that_the_plan_did_not_know_is_reported(site: Site, nights: Nights, cloud: Cloud) -> None:
    """The chunk is locked longer than its register, whose lock was asked for."""
    old = night(nights, 12)
    tonight = night(nights, 1)
    chunk = old.archives[0].chunks[1].key
    retention = {"Mode": "COMPLIANCE", "RetainUntilDate": utc_now() + timedelta(days=30)}
    cloud.client("s3").put_object_retention(Bucket=site.primary.bucket, Key=chunk, Retention=retention)  # type: ignore[arg-type]
    plan = run(site, tonight)
    assert plan.primary.refused == (chunk,)
    assert plan.replica.refused == ()
    assert {key for key in held(site.primary) if old.id in key} == {chunk}


def test_a_point_that_is_locked_in_one_vault_stays_in_both(site: Site, nights: Nights, cloud: Cloud) -> None:
    old = night(nights, 12)
    tonight = night(nights, 1)
    retention = {"Mode": "GOVERNANCE", "RetainUntilDate": utc_now() + timedelta(days=30)}
    cloud.client("s3").put_object_retention(
        Bucket=site.primary.bucket,
        Key=keys.point(old.point),
        Retention=retention,  # type: ignore[arg-type]
    )
    plan = run(site, tonight)
    assert [len(catalog.points(vault)) for vault in site.vaults] == [2, 2]
    assert all(set(old.keys()) <= held(vault) for vault in site.vaults)
    assert "the other vault keeps it" in {v.why for v in plan.replica.kept}


def test_a_hold_in_either_vault_counts_for_both(site: Site, nights: Nights) -> None:
    old = night(nights, 12)
    tonight = night(nights, 1)
    hold = Hold(
        id="smith-v-jones",
        reason="preservation order of 2026-11-02",
        placed_by="a.counsel",
        placed_at=utc_now(),
        covers_from=old.finished_at - timedelta(hours=1),
        covers_until=old.finished_at + timedelta(hours=1),
    )
    site.replica.put_register(keys.hold(hold.id), hold, locked_until=None)
    plan = run(site, tonight)
    assert not plan.primary.going
    assert not plan.replica.going
    assert [len(catalog.points(vault)) for vault in site.vaults] == [2, 2]


def test_every_version_and_delete_marker_of_a_key_goes(site: Site, nights: Nights, cloud: Cloud) -> None:
    old = night(nights, 12, documents=("gone.pdf",))
    root = cloud.client("s3")
    key = keys.document_object("matters", "gone.pdf", "1")
    root.put_object(Bucket=site.primary.bucket, Key=key, Body=b"another version")
    root.delete_object(Bucket=site.primary.bucket, Key=key)
    tonight = night(nights, 1)
    run(site, tonight)
    assert key not in held(site.primary)
    assert not {name for name in held(site.primary) if old.id in name}


def test_a_hidden_register_stops_everything(site: Site, nights: Nights, cloud: Cloud) -> None:
    old = night(nights, 12)
    tonight = night(nights, 1)
    register = keys.backup_register(tonight.id)
    cloud.client("s3").delete_object(Bucket=site.replica.bucket, Key=register)
    before = held(site.replica)
    with pytest.raises(RegisterHidden) as refused:
        run(site, tonight)
    assert refused.value.what == f"1 register in {site.replica.bucket} is hidden by delete markers: {register}"
    assert held(site.replica) == before
    assert set(old.keys()) <= before


def test_nothing_goes_before_the_point_is_in_both_vaults(site: Site, nights: Nights) -> None:
    night(nights, 12)
    backup = nights.take(utc_now())
    with pytest.raises(NotVerified, match=f"{site.primary.bucket}: it is not registered"):
        run(site, backup)


def test_nothing_goes_while_an_object_of_the_point_is_missing(site: Site, nights: Nights, cloud: Cloud) -> None:
    night(nights, 12)
    tonight = night(nights, 1)
    gone = keys.wal(nights.system_identifier, "000000010000000000001388"[:8] + f"{5003 // 256:08X}{5003 % 256:08X}")
    for item in list(site.replica.list_versions(gone)):
        cloud.client("s3").delete_object(Bucket=site.replica.bucket, Key=gone, VersionId=item.version_id)
    with pytest.raises(NotVerified, match=f"{site.replica.bucket}: 1 objects are missing"):
        run(site, tonight)


def test_nothing_goes_after_a_night_whose_proof_failed(site: Site, nights: Nights) -> None:
    night(nights, 12)
    last_good = night(nights, 2)
    failed = nights.take(utc_now())
    with pytest.raises(NotVerified) as refused:
        run(site, last_good)
    where = f"{site.primary.bucket}: its chain has not ended"
    assert refused.value.what == f"recovery point {failed.point} of firm {site.firm.id} is not verified in {where}"


def test_leftovers_of_killed_runs_go_after_the_grace_and_documents_after_the_retention(
    site: Site, nights: Nights
) -> None:
    """The night that copied the document has seen it, whatever became of that night."""
    chunk, document = keys.chunk("20260101T000000000Z", "base", 0), keys.document_object("matters", "half.pdf", "9")
    for key in (chunk, document):
        site.primary.put(key, b"left", locked_until=None)
    tonight = night(nights, 1, documents=("kept.pdf",))
    run(site, tonight, clock=utc_now)
    assert {chunk, document} <= held(site.primary)
    plan = run(site, tonight)
    assert {chunk, document} & held(site.primary) == {document}
    (verdict,) = [v for v in plan.primary.kept if keys.DOCUMENT_OBJECTS + v.group.id == document]
    assert verdict.why == "younger than 10 days, though no document snapshot names it"
    run(site, tonight, clock=lambda: utc_now() + RETENTION)
    assert document not in held(site.primary)


def test_what_only_a_failed_night_has_seen_stays_for_the_retention(site: Site, nights: Nights) -> None:
    """A version that was current on the one night whose copy did not come through."""
    night(nights, 5, documents=("first.pdf",))
    failed = nights.take(utc_now() - timedelta(days=4), documents=("only-then.pdf",))
    tonight = night(nights, 1, documents=("last.pdf",))
    only_then = keys.document_object("matters", "only-then.pdf", "1")
    plan = run(site, tonight)
    assert only_then in held(site.primary)
    assert catalog.find_snapshot(site.primary, failed.point).documents[0].object == only_then
    (verdict,) = [v for v in plan.primary.kept if v.group.kind == "snapshot" and v.group.id == failed.point]
    assert verdict.why == "younger than 10 days, though no recovery point names it"
    run(site, tonight, clock=lambda: utc_now() + RETENTION - timedelta(days=3))
    assert only_then not in held(site.primary)


def test_the_reasons_outlive_what_went(site: Site, nights: Nights) -> None:
    old = night(nights, 12)
    tonight = night(nights, 1)
    plan = run(site, tonight)
    for vault in site.vaults:
        (record,) = vault.list(keys.EXPIRED)
        written = json.loads(vault.get_sealed(record.key))
        assert written["point"] == tonight.point
        assert {"kind": "point", "id": old.point, "why": "older than 10 days"} in [
            {name: entry[name] for name in ("kind", "id", "why")} for entry in written["vaults"][0]["going"]
        ]
    assert plan.summary()["done"]


def test_thousands_of_chunks_need_no_thousands_of_requests(site: Site, nights: Nights) -> None:
    night(nights, 12)
    for number in range(300):
        site.primary.put(keys.chunk("20260101T000000000Z", "base", number), b"c", locked_until=None)
    tonight = night(nights, 1)
    with denied_from(locking(site, "governance"), 10_000) as seen:
        plan = run(locking(site, "governance"), tonight)
    assert len(plan.primary.contents_going()) > 300
    assert seen.count("HeadObject") < 20
    assert len([name for name in seen if name != "DeleteObject"]) < 64


def test_one_document_snapshot_is_in_memory_at_a_time(site: Site, nights: Nights) -> None:
    """A list may name a million: when the next one is asked for, the one before is gone."""
    for days_ago in range(6, 0, -1):
        tonight = night(nights, days_ago, documents=(f"{days_ago}.pdf", "same.pdf"))
    alive: list[int] = []

    def count(model: Any, params: dict[str, Any], **_: Any) -> None:
        if model.name == "GetObject" and keys.DOCUMENT_SNAPSHOTS in params["url_path"]:
            gc.collect()
            alive.append(sum(isinstance(each, catalog._Names | DocumentSnapshot) for each in gc.get_objects()))

    for vault in site.vaults:
        s3_of(vault).meta.events.register("before-call.s3", count)
    plan = run(site, tonight, dry_run=True)
    assert alive == [0] * 6
    assert plan.primary.going == ()


def test_whatever_call_fails_what_remains_is_usable_and_the_next_run_completes(site: Site, nights: Nights) -> None:
    """The fault sweep: after each broken run, every point that shows is complete in its vault.

    Only calls that change something are swept: a plan that fails half-way has changed nothing.
    """
    full = night(nights, 13, documents=("old.pdf",))
    night(nights, 12, parent=full)
    tonight = night(nights, 1, documents=("kept.pdf",))
    position = 0
    while not _expired_when_denied_from(site, tonight, position := position + 1):
        for vault in site.vaults:
            assert tonight.point in {point.id for point in catalog.points(vault)}
            for point in catalog.points(vault):
                _prove_usable(vault, point.chain[-1], point.documents)
    assert position > 8
    for vault in site.vaults:
        assert [point.id for point in catalog.points(vault)] == [tonight.point]
        assert not {key for key in held(vault) if full.id in key}


def _prove_usable(vault: Vault, backup_id: str, snapshot_id: str) -> None:
    for backup in catalog.chain_of(vault, catalog.find_backup(vault, backup_id)):
        assert all(vault.head(key) for key in backup.keys())  # noqa: SIM118
    assert all(vault.head(version.object) for version in catalog.find_snapshot(vault, snapshot_id).documents)


def _expired_when_denied_from(site: Site, backup: Backup, position: int) -> bool:
    with denied_from(site, position, only=CHANGES):
        try:
            run(site, backup)
        except AccessDenied:
            return False
    return True
