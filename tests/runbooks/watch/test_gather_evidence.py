"""What both vaults prove of a firm's duties, on real servers, and how little is asked for it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from muniment.adapters.drill.records import write_begun, write_sign_off
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.site import Site
from muniment.adapters.wal.archive import FREE_BYTES, PG_WAL_BYTES
from muniment.domain.drill.evidence import BegunDrill
from muniment.domain.drill.sign_off import SignOff
from muniment.domain.evidence import Check
from muniment.domain.record import new_id
from muniment.domain.vault import keys
from muniment.domain.vault.incomplete import Incomplete, NotRead
from muniment.domain.vault.registers import DocumentChanges
from muniment.domain.watch.evidence import Evidence
from muniment.errors import StoreUnavailable
from muniment.ports import utc_now
from muniment.runbooks.watch.gather_evidence import gather_evidence
from muniment_demo.cloud import Cloud
from tests.fixtures.sites import SiteFactory, as_root, with_firm
from tests.support.registered import away, drilled, register
from tests.support.vault_looks import NOW, clear, push_names, requests_of, run, segment

REVIEWER = "R. Castellanos"
FAILED = (Check(name="rows", expected="1", found="2", passed=False),)


@pytest.fixture(scope="module")
def shared(site_factory: SiteFactory, cluster: LocalCluster) -> Site:
    return site_factory(cluster, lock="none")


@pytest.fixture
def firm(shared: Site, cloud: Cloud) -> Iterator[Site]:
    """With empty vaults."""
    yield with_firm(shared, drill_reviewers=(REVIEWER,))
    clear(as_root(cloud, shared), keys.WAL, keys.POINTS, keys.DRILLS, keys.DOCUMENT_SNAPSHOTS, keys.CONFIGS)


def gathered(site: Site) -> Evidence:
    return gather_evidence(site, clock=lambda: NOW)


def test_a_firm_whose_vaults_were_only_just_made_has_done_nothing_yet(firm: Site) -> None:
    found = gathered(firm)
    assert found.vaults_made_at is not None
    bare = Evidence(read_at=NOW, vaults_made_at=found.vaults_made_at)
    assert found == bare


def test_a_point_that_is_dated_ahead_keeps_no_night(firm: Site) -> None:
    """By a clock that was a month ahead for one night: for a month no night would have been missing."""
    real = register(firm, 2)
    register(firm, -30)
    found = gathered(firm)
    assert (found.last_point_at, found.last_copied_at, found.last_verified_at) == (real.taken_at,) * 3


def test_the_newest_point_tells_of_itself_its_copy_and_its_documents(firm: Site) -> None:
    oldest = register(firm, 3)
    register(firm, 2, document_count=90)
    before = register(firm, 1, document_count=100)
    lacking = Incomplete.of([NotRead(what="secret", name="app", reason="denied")])
    changes = DocumentChanges(before=100, overwritten=40, vanished=7)
    newest = register(
        firm, 0, copied=False, document_count=103, document_changes=changes, incomplete=lacking, size_bytes=9
    )
    found = gathered(firm)
    assert (found.points, found.first_point_at) == (4, oldest.taken_at)
    assert (found.last_point, found.last_point_at, found.point_sizes_bytes) == (newest.id, newest.taken_at, 9)
    assert (found.last_copied_at, found.last_verified_at) == (before.taken_at, newest.taken_at)
    assert found.incomplete == ("secret app: denied",)
    assert (found.documents, found.documents_before) == (103, 100)
    assert (found.documents_changed, found.documents_vanished) == (40, 7)


def test_of_points_from_before_changes_were_kept_only_the_counts_are_known(firm: Site) -> None:
    register(firm, 1, document_count=90)
    register(firm, 0, document_count=100)
    found = gathered(firm)
    assert (found.documents, found.documents_before, found.documents_changed) == (100, 90, None)


def test_a_damaged_point_is_no_verified_one(firm: Site) -> None:
    sound = register(firm, 1)
    damage = Incomplete.of([NotRead(what="relation file", name="base/5/1", reason="damaged")])
    newest = register(firm, 0, incomplete=damage)
    found = gathered(firm)
    assert (found.last_point_at, found.last_verified_at) == (newest.taken_at, sound.taken_at)


def test_a_register_that_was_changed_is_no_point_and_is_told(firm: Site) -> None:
    sound, changed = register(firm, 1), register(firm, 0)
    body, metadata = firm.primary.read(keys.point(changed.id))
    firm.primary.store.put(keys.point(changed.id), body.replace(b'"full"', b'"full" '), metadata=dict(metadata))
    found = gathered(firm)
    assert (found.points, found.last_point, found.last_copied_at) == (2, sound.id, sound.taken_at)
    (told,) = found.incomplete
    assert keys.point(changed.id) in told


def test_a_later_copy_counts_though_the_point_does_not_say_so(firm: Site) -> None:
    newest = register(firm, 0, copied=False)
    assert gathered(firm).last_copied_at is None
    firm.replica.put_register(keys.point(newest.id), newest, locked_until=None)
    assert gathered(firm).last_copied_at == newest.taken_at


def test_without_the_second_region_what_the_nights_have_copied_counts(firm: Site) -> None:
    copied = register(firm, 1)
    register(firm, 0, copied=False)
    assert gathered(away(firm, "replica")).last_copied_at == copied.taken_at


def test_without_the_first_region_nothing_is_said(firm: Site) -> None:
    register(firm, 0)
    with pytest.raises(StoreUnavailable):
        gathered(away(firm, "primary"))


def test_documents_and_configuration_are_dated_by_the_store(firm: Site) -> None:
    before = utc_now().replace(microsecond=0)
    old, new = new_id(NOW - timedelta(days=40)), new_id(NOW - timedelta(hours=1))
    firm.primary.store.put(keys.document_snapshot(old), b"-", metadata={})
    firm.primary.store.put(keys.config(new), b"-", metadata={})
    found = gathered(firm)
    assert found.last_documents_at is not None
    assert found.last_configuration_at is not None
    assert before <= found.last_documents_at <= utc_now()
    assert before <= found.last_configuration_at <= utc_now()


def test_room_under_pg_wal_is_as_the_last_push_has_told_it(firm: Site) -> None:
    register(firm, 0)
    system = firm.postgres.system_identifier()
    push_names(firm.primary, system, run(3, 6))
    assert gathered(firm).wal_free_bytes is None
    told = {FREE_BYTES: str(5 * 2**30), PG_WAL_BYTES: str(2**30)}
    firm.primary.store.put(keys.wal(system, segment(7).name), b"", metadata=told)
    found = gathered(firm)
    assert (found.wal_free_bytes, found.wal_free_at_pg_wal_bytes) == (5 * 2**30, 2**30)
    assert found.wal_free_at is not None


def test_the_last_drill_that_passed_the_one_that_failed_since_and_the_one_that_did_not_finish(firm: Site) -> None:
    drilled(firm, 95)
    passed = drilled(firm, 20, recover_s=61.5)
    found = gathered(firm)
    assert (found.last_drill, found.last_drill_at, found.drill_rto_s) == (passed.id, passed.finished_at, 61.5)
    assert (found.last_drill_failed, found.unfinished_drill) == (False, None)

    drilled(firm, 10, FAILED)
    began = NOW - timedelta(days=2)
    begun = BegunDrill(
        id=new_id(began), firm=firm.firm.id, number=3, seed=1, side="primary", by="muniment", started_at=began,
        process="elsewhere 1 1",
    )  # fmt: skip
    write_begun(firm, begun, locked_until=utc_now())
    found = gathered(firm)
    assert (found.last_drill, found.last_drill_failed, found.unfinished_drill) == (passed.id, True, begun.id)

    drilled(firm, 1)
    assert gathered(firm).unfinished_drill is None


def test_a_drill_waits_for_its_sign_off_until_somebody_signs(firm: Site) -> None:
    waiting = drilled(firm, 70)  # September: the quarter's last month
    found = gathered(firm)
    within = firm.policy.drills.sign_off_within
    assert (found.sign_off_due_at, found.last_sign_off_at) == (waiting.finished_at + within, None)
    assert gathered(with_firm(firm, drill_reviewers=())).sign_off_due_at is None

    signed = SignOff(
        firm=firm.firm.id, drill=waiting.id, drill_sha256=waiting.sha256, verdict="passed", quarter="2026-Q3",
        by=REVIEWER, through="test", signed_at=NOW - timedelta(days=60),
    )  # fmt: skip
    write_sign_off(firm, signed, locked_until=utc_now())
    found = gathered(firm)
    assert (found.sign_off_due_at, found.last_sign_off_at) == (None, signed.signed_at)


def test_a_drill_whose_evidence_was_changed_has_passed_for_nobody(firm: Site) -> None:
    older = drilled(firm, 20)
    newer = drilled(firm, 2)
    body, metadata = firm.primary.read(keys.drill(newer.id))
    firm.primary.store.put(keys.drill(newer.id), body.replace(b"100.0", b"001.0"), metadata=dict(metadata))
    assert gathered(firm).last_drill == older.id


def test_what_is_asked_does_not_grow_with_the_years(firm: Site) -> None:
    for night in range(12):
        register(firm, night * 20)
    for month in range(9):
        drilled(firm, month * 30 + 1)
    with requests_of(firm) as asked:
        gathered(firm)
    reads = [each for each in asked if each == "s3.GetObject"]
    assert len(reads) <= 2 + 12 + 8, "the mark twice, what was stored within an hour of the newest point, two quarters"
    assert len(asked) <= len(reads) + 12
