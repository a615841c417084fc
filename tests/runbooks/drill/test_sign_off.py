"""A reviewer's word: of a named person, about proven evidence, once, in both vaults, signed."""

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from muniment.adapters.drill.records import (
    find_drill,
    prove_evidence,
    prove_sign_off,
    sign_offs,
    write_sign_off,
)
from muniment.adapters.site.site import Site
from muniment.adapters.vault.vault import Vault
from muniment.domain.drill.sign_off import SignOff
from muniment.domain.vault import keys
from muniment.errors import (
    AlreadySignedOff,
    NotAReviewer,
    ObjectDamaged,
    ObjectMissing,
    SignOffOverdue,
    StoreUnavailable,
)
from muniment.ports import utc_now
from muniment.runbooks.drill.sign_off import awaited_sign_offs, sign_off_drill
from muniment_demo.cloud import Cloud
from tests.fixtures.sites import with_firm
from tests.support.drills import drilled
from tests.support.signing import with_signing_key

NOTE = "Seen with the managing partner."


@pytest.fixture
def firm(site17: Site, cloud: Cloud) -> Site:
    return with_firm(with_signing_key(cloud, site17), drill_reviewers=("marlow", "lead"))


def sign(site: Site, drill_id: str, **changes: Any) -> SignOff:
    asked = {"by": "marlow", "through": "a test", "note": NOTE, "signed_at": utc_now(), "clock": utc_now, **changes}
    return sign_off_drill(site, drill_id=drill_id, **asked)


def test_the_record_is_in_both_vaults_locked_signed_and_on_a_page(firm: Site, tmp_path: Path) -> None:
    found = drilled(firm)
    record = sign(firm, found.id)
    assert (record.by, record.note, record.verdict, record.drill_sha256) == ("marlow", NOTE, "failed", found.sha256)
    assert sign_offs(firm.primary) == sign_offs(firm.replica) == {found.id: record}
    for vault in firm.vaults:
        prove_sign_off(vault, found.id)
        held = vault.head(keys.sign_off(found.id))
        assert held
        assert held.locked_until
        assert held.locked_until > utc_now() + firm.policy.audit_log - timedelta(minutes=5)
    page = firm.replica.get(keys.beside_sign_off(found.id, record.sha256, "html")).decode()
    assert f"Signed off for {record.quarter} by marlow" in page
    assert NOTE in page
    assert find_drill(firm.replica, found.id) == found
    openssl_agrees(lambda ending: keys.beside_sign_off(found.id, record.sha256, ending), firm, record, tmp_path)


def openssl_agrees(named: Callable[[str], str], site: Site, record: SignOff, folder: Path) -> None:
    (folder / "record.json").write_bytes(site.primary.get(keys.sign_off(record.drill)))
    for ending in ("sig", "pem"):
        (folder / f"record.{ending}").write_bytes(site.primary.get(named(ending)))
    argv = ["openssl", "dgst", "-sha256", "-verify", "record.pem", "-signature", "record.sig", "record.json"]
    assert subprocess.run(argv, cwd=folder, check=True, capture_output=True).stdout == b"Verified OK\n"


def test_nobody_else_signs_and_nobody_twice(firm: Site) -> None:
    found = drilled(firm)
    with pytest.raises(NotAReviewer) as stranger:
        sign(firm, found.id, by="mallory")
    assert str(stranger.value) == (
        f"mallory does not sign off drills of firm {firm.firm.id}: its drill_reviewers are marlow, lead\n"
        "KEPT: the drill's evidence; it still waits\n"
        "HINT: ask one of drill_reviewers, or let a change of the firm's file name mallory."
    )
    with pytest.raises(NotAReviewer, match="its file names no drill_reviewers"):
        sign(with_firm(firm, drill_reviewers=()), found.id)
    assert not sign_offs(firm.primary)
    done = sign(firm, found.id)
    assert sign(firm, found.id, signed_at=done.signed_at) == done
    with pytest.raises(AlreadySignedOff) as twice:
        sign(firm, found.id, by="lead")
    assert str(twice.value) == (
        f"drill {found.id} of firm {firm.firm.id} was signed off by marlow on {done.signed_at:%Y-%m-%d %H:%M} UTC\n"
        "KEPT: that sign-off\n"
        f"HINT: `muniment drills {firm.firm.id}` tells which drills wait."
    )
    assert sign_offs(firm.replica) == {found.id: done}


def test_what_a_killed_answer_left_without_pages_gets_them_from_whoever_answers_again(firm: Site) -> None:
    """The evidence has none either: whoever made it was killed before them."""
    found = drilled(firm, pages=False)
    done, soon = sign(firm, found.id), utc_now() + timedelta(minutes=1)
    again = drilled(firm, pages=False)
    left = done.model_copy(update={"drill": again.id, "drill_sha256": again.sha256})
    write_sign_off(firm, left, locked_until=soon)
    with pytest.raises(AlreadySignedOff):
        sign(firm, again.id)
    for vault in firm.vaults:
        prove_sign_off(vault, again.id)
        assert vault.head(keys.beside_sign_off(again.id, left.sha256, "pages.json"))


def test_a_damaged_sign_off_of_another_drill_stands_in_nobodys_way(firm: Site, cloud: Cloud) -> None:
    found = drilled(firm)
    key = keys.sign_off("20260101T000000000Z")
    cloud.client("s3", firm.replica.region).put_object(Bucket=firm.replica.bucket, Key=key, Body=b"{")
    done = sign(firm, found.id)
    assert sign_offs(firm.primary) == {found.id: done}


def test_evidence_that_was_changed_is_not_signed_off_and_is_noticed_afterwards(firm: Site, cloud: Cloud) -> None:
    def change(key: str) -> None:
        text = firm.primary.get(key)
        cloud.client("s3", firm.primary.region).put_object(
            Bucket=firm.primary.bucket, Key=key, Body=text.replace(b'"seed": 7', b'"seed": 8').replace(b"Seen", b"seen")
        )

    first, second = drilled(firm), drilled(firm)
    change(keys.drill(first.id))
    with pytest.raises(ObjectDamaged, match="it is not what was signed when the drill ended"):
        sign(firm, first.id)
    with pytest.raises(ObjectMissing):
        sign(firm, "20200101T000000000Z")
    sign(firm, second.id)
    change(keys.drill(second.id))
    with pytest.raises(ObjectDamaged, match="it is not the evidence that was signed off"):
        prove_sign_off(firm.primary, second.id)
    change(keys.sign_off(second.id))
    with pytest.raises(ObjectDamaged, match="it is not what was recorded when the drill was signed off"):
        prove_sign_off(firm.primary, second.id)


@pytest.mark.parametrize("ending", ["html", "pdf", "pages.json"])
def test_a_page_that_was_changed_is_not_signed_off_and_is_noticed(firm: Site, cloud: Cloud, ending: str) -> None:
    found = drilled(firm)
    key = keys.beside_drill(found.id, ending)
    place = {"Bucket": firm.primary.bucket, "Key": key}
    cloud.client("s3", firm.primary.region).put_object(**place, Body=firm.primary.get(key).replace(b"a", b"b", 1))
    with pytest.raises(ObjectDamaged, match=f"drills/{found.id}.{ending}"):
        sign(firm, found.id)
    prove_evidence(firm.replica, found.id)


@pytest.mark.parametrize("signed", [True, False])
def test_a_sign_off_that_was_killed_anywhere_is_finished_by_the_same_answer(
    firm: Site, signed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each of its writes in turn."""
    site = firm if signed else with_firm(firm, signing_key=None)
    found, at = drilled(site), utc_now()
    for allowed in range(20):
        with monkeypatch.context() as patch:
            dying(patch, allowed)
            try:
                done = sign(site, found.id, signed_at=at)
            except StoreUnavailable:
                continue
        break
    assert allowed > 5
    assert sign_offs(site.primary) == sign_offs(site.replica) == {found.id: done}
    for vault in site.vaults:
        prove_sign_off(vault, found.id)
        for ending in ("html", "pdf", "pages.json"):
            assert vault.head(keys.beside_sign_off(found.id, done.sha256, ending))


def dying(patch: pytest.MonkeyPatch, allowed: int) -> None:
    """The real vault, whose store is gone after so many writes."""
    left, put = [allowed], Vault.put

    def limited(vault: Vault, *args: Any, **options: Any) -> str:
        if not left[0]:
            raise StoreUnavailable(service="S3", operation="PutObject", place=vault.bucket, reason="killed here")
        left[0] -= 1
        return put(vault, *args, **options)

    patch.setattr(Vault, "put", limited)


def test_a_quarter_that_nobody_looked_at_is_told(firm: Site) -> None:
    """Only to a firm that names reviewers."""
    found = drilled(firm)
    later = utc_now() + timedelta(days=100)
    (one,) = awaited_sign_offs(firm.primary, firm.firm, clock=lambda: later)
    assert (one.drill, one.due) == (found.id, found.finished_at + firm.policy.drills.sign_off_within)
    assert one.is_overdue(later)
    unwatched = firm.firm.model_copy(update={"drill_reviewers": ()})
    assert awaited_sign_offs(firm.primary, unwatched, clock=lambda: later) == ()
    sign(firm, found.id)
    assert awaited_sign_offs(firm.primary, firm.firm, clock=lambda: later) == ()


def test_the_error_word_for_word() -> None:
    overdue = SignOffOverdue(drill="d", firm="acme", quarter="2026-Q4", due="2026-12-24", reviewers="marlow, lead")
    assert str(overdue) == (
        "drill d of firm acme is not signed off for 2026-Q4; it was due by 2026-12-24\n"
        "KEPT: the drill's evidence, in both vaults\n"
        "HINT: one of marlow, lead reads its page, then `muniment sign-off acme d --by NAME`."
    )
