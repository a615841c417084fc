"""A drill's evidence in real vaults, read with the watch's own rights: proven, damaged, without proof, out of reach."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from muniment.adapters.drill.records import write_begun
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.logins import Login
from muniment.adapters.site.site import Site, build_site
from muniment.adapters.watch.store import WatchStore
from muniment.domain.drill.evidence import BegunDrill, Drill
from muniment.domain.fleet.history import DrillSeen, FirmHistory
from muniment.domain.fleet.kept_evidence import CopySeen, KeptEvidence, Proven
from muniment.domain.record import new_id
from muniment.domain.vault import keys
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.errors import InvalidConfiguration
from muniment.ports import utc_now
from muniment.runbooks.drill.sign_off import sign_off_drill
from muniment.runbooks.fleet.evidence import look_at_evidence
from muniment.runbooks.fleet.reader import FleetReader
from muniment_demo.cloud import ROOT as ROOT_CREDENTIALS
from muniment_demo.cloud import Cloud
from tests.fixtures.faults import FaultProxy
from tests.fixtures.sites import SiteFactory, with_firm
from tests.support.drills import drilled
from tests.support.restores import Intruder
from tests.support.signing import with_signing_key
from tests.support.watch_rights import watching
from tests.support.watched import firm_seen


@pytest.fixture(scope="module")
def sealing(site_factory: SiteFactory, cluster: LocalCluster) -> Site:
    return site_factory(cluster, lock="none")


@pytest.fixture(scope="module")
def signing(site_factory: SiteFactory, cluster: LocalCluster, cloud: Cloud) -> Site:
    return with_firm(with_signing_key(cloud, site_factory(cluster, lock="none")), drill_reviewers=("marlow", "lead"))


@pytest.fixture(scope="module")
def signed(signing: Site) -> Drill:
    return drilled(signing)


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as found:
        yield found


@pytest.fixture(scope="module")
def watch(cloud: Cloud, signing: Site) -> Site:
    return watching(cloud, signing)


def shown(copies: tuple[CopySeen, ...]) -> list[tuple[str, str | None]]:
    return [(each.copy, each.proven.proof if each.proven else None) for each in copies]


def test_signed_evidence_is_proven_in_both_vaults_by_the_watchs_rights(
    watch: Site, signed: Drill, pool: ThreadPoolExecutor
) -> None:
    primary, replica = found = look_at_evidence(watch, signed.id, pool)
    assert shown(found) == [("there", "signed"), ("there", "signed")]
    assert primary.drill == replica.drill == signed
    assert primary.files["json"] == signed.to_json()
    assert primary.files["html"].startswith(b"<!doctype html>")
    assert primary.files["pdf"].startswith(b"%PDF")
    assert (primary.side, primary.region, replica.side) == ("primary", "us-east-1", "replica")


def test_a_seal_is_opened_by_the_watchs_rights(cloud: Cloud, sealing: Site, pool: ThreadPoolExecutor) -> None:
    drill = drilled(sealing, pages=False)
    found = look_at_evidence(watching(cloud, sealing), drill.id, pool)
    assert shown(found) == [("there", "sealed"), ("there", "sealed")]
    assert dict(found[0].not_made) == dict.fromkeys(("html", "pdf"), "no page was made of it (yet)")


def test_a_sign_off_is_proven(watch: Site, signing: Site, pool: ThreadPoolExecutor) -> None:
    drill = drilled(signing)
    sign_off_drill(
        signing, drill_id=drill.id, by="marlow", through="a test", note="Seen.", signed_at=utc_now(), clock=utc_now
    )
    for each in look_at_evidence(watch, drill.id, pool):
        assert each.sign_off is not None
        assert (each.sign_off.by, each.sign_off_proven) == ("marlow", Proven("signed"))


def test_a_changed_word_is_damage_and_the_other_vault_is_shown(
    watch: Site, signing: Site, signed: Drill, pool: ThreadPoolExecutor, intruder: Intruder
) -> None:
    lie = signed.model_copy(update={"recover_s": 1.0})
    intruder.write(signing.primary, keys.drill(signed.id), lie.to_json())
    primary, replica = found = look_at_evidence(watch, signed.id, pool)
    assert shown(found) == [("damaged", None), ("there", "signed")]
    assert signed.id in primary.why
    kept = KeptEvidence("x", signed.id, utc_now(), found)
    assert kept.shown == replica
    assert (primary.drill, dict(primary.files)) == (None, {})


def test_whoever_signs_the_lie_with_a_key_of_his_own_has_not_the_firms_code(
    watch: Site, signing: Site, signed: Drill, pool: ThreadPoolExecutor, intruder: Intruder
) -> None:
    """The key that lies beside the evidence is believed, because the firm has put it there."""
    body, _ = signing.primary.read(keys.beside_drill(signed.id, "pem"))
    intruder.write(signing.primary, keys.beside_drill(signed.id, "pem"), body, {})
    assert shown(look_at_evidence(watch, signed.id, pool)) == [("there", "damaged"), ("there", "signed")]


@pytest.mark.parametrize(
    ("ending", "proof"), [("sig", "proof missing"), ("pem", "proof missing"), ("html", "damaged"), ("pages.json", "")]
)
def test_what_lies_beside_it_and_is_gone(
    ending: str,
    proof: str,
    watch: Site,
    signing: Site,
    signed: Drill,
    pool: ThreadPoolExecutor,
    intruder: Intruder,
) -> None:
    intruder.remove(signing.primary, keys.beside_drill(signed.id, ending))
    primary, replica = look_at_evidence(watch, signed.id, pool)
    assert primary.proven is not None
    assert primary.proven.proof == (proof or "signed")
    assert ending in primary.proven.why or not proof
    assert replica.proven == Proven("signed")
    assert ("html" in primary.files) is (ending not in ("html", "pages.json"))


def test_a_page_that_was_changed_is_not_handed_out(
    watch: Site, signing: Site, signed: Drill, pool: ThreadPoolExecutor, intruder: Intruder
) -> None:
    intruder.write(signing.primary, keys.beside_drill(signed.id, "html"), b"<h1>passed</h1>")
    primary, _ = look_at_evidence(watch, signed.id, pool)
    assert primary.proven is not None
    assert primary.proven.proof == "damaged"
    assert "html" not in primary.files
    assert "it is not the page" in primary.not_made["html"]


def test_in_the_replica_alone(
    watch: Site, signing: Site, signed: Drill, pool: ThreadPoolExecutor, intruder: Intruder
) -> None:
    intruder.remove(signing.primary, keys.drill(signed.id))
    found = look_at_evidence(watch, signed.id, pool)
    assert shown(found) == [("absent", None), ("there", "signed")]
    kept = KeptEvidence("x", signed.id, utc_now(), found)
    assert kept.shown == found[1]
    assert kept.is_known


def test_a_vault_without_its_mark_proves_nothing(
    watch: Site, signing: Site, signed: Drill, pool: ThreadPoolExecutor, intruder: Intruder
) -> None:
    intruder.remove(signing.primary, keys.FIRM)
    assert shown(look_at_evidence(watch, signed.id, pool)) == [("damaged", None), ("there", "signed")]


def test_a_region_that_is_away(
    cloud: Cloud, signing: Site, signed: Drill, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("muniment.runbooks.fleet.evidence.DEADLINE_S", 60.0)
    with FaultProxy(cloud.endpoint_url) as proxy:
        site = through(proxy, signing)
        proxy.fail("503", times=10_000, region="us-east-1")
        found = look_at_evidence(site, signed.id, pool)
    assert shown(found) == [("away", None), ("there", "signed")]
    assert "did not succeed" in found[0].why


def test_nobody_waits_for_a_region_that_accepts_and_never_answers(
    cloud: Cloud, signing: Site, signed: Drill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("muniment.runbooks.fleet.evidence.DEADLINE_S", 12.0)
    with ThreadPoolExecutor(4) as own, FaultProxy(cloud.endpoint_url) as proxy:
        site = through(proxy, signing)
        proxy.fail("timeout", times=10_000, path=signing.primary.bucket)
        primary, replica = look_at_evidence(site, signed.id, own)
        assert (primary.copy, primary.why) == ("away", "it did not answer within 12 s")
        assert replica.proven == Proven("signed")


def through(proxy: FaultProxy, site: Site) -> Site:
    login = Login(
        id="root",
        user=ROOT_CREDENTIALS.access_key_id,
        password=ROOT_CREDENTIALS.secret_access_key,
        extra={"endpoint_url": proxy.endpoint_url, "region_name": "us-east-1"},
    )
    return build_site(site.firm, site.postgres.conninfo, login.clients(brief=True))


def test_one_that_began_and_left_nothing(watch: Site, signing: Site, pool: ThreadPoolExecutor) -> None:
    begun = BegunDrill(
        id=new_id(utc_now()), firm=signing.firm.id, number=3, seed=1, side="primary", by="muniment",
        started_at=utc_now(), process="elsewhere",
    )  # fmt: skip
    write_begun(signing, begun, locked_until=utc_now() + timedelta(minutes=1))
    found = look_at_evidence(watch, begun.id, pool)
    assert [(each.copy, each.begun) for each in found] == [("begun", begun), ("begun", begun)]


@pytest.fixture
def store(tmp_path: Path, signing: Site) -> WatchStore:
    found = WatchStore.open(str(tmp_path / "watch.sqlite"))
    found.put_firms([seen(signing)])
    return found


def seen(site: Site) -> FirmSeen:
    return firm_seen(site.firm.id).model_copy(update={"definition": site.firm.model_dump(mode="json")})


def reader(store: WatchStore, site: Site) -> FleetReader:
    return FleetReader(store, lambda firm: replace(site, firm=firm), utc_now)


def test_the_reader_knows_the_firm_by_what_the_watch_has_kept(
    store: WatchStore, watch: Site, signing: Site, signed: Drill
) -> None:
    found = reader(store, watch).evidence(signing.firm.id, signed.id)
    assert found is not None
    assert found.shown is not None
    assert found.shown.drill == signed
    assert hashlib.sha256(found.shown.files["json"]).hexdigest() == signed.sha256
    assert not found.differ


@pytest.mark.parametrize("drill_id", ["../../firm", "20261120T170000000Z.begun", "", "a/b", "x" * 65, "20261120é"])
def test_a_key_of_nonsense_never_reaches_a_vault(store: WatchStore, drill_id: str) -> None:
    def never(firm: Any) -> Site:
        raise AssertionError(firm)

    asked = FleetReader(store, never, utc_now)
    [firm] = store.firms()
    assert asked.evidence(firm, drill_id) is None
    assert asked.evidence("nobody", "20261120T170000000Z") is None


def test_one_that_nobody_knows_is_none_and_one_that_the_watch_has_seen_is_told_to_be_missing(
    store: WatchStore, watch: Site, signing: Site
) -> None:
    asked, drill_id = reader(store, watch), "20200101T000000000Z"
    assert asked.evidence(signing.firm.id, drill_id) is None
    known = DrillSeen(id=drill_id, number=1, side="primary", by="muniment", started_at=utc_now())
    store.put_histories([FirmHistory(firm=signing.firm.id, read_at=utc_now(), drills=(known,))])
    found = asked.evidence(signing.firm.id, drill_id)
    assert found is not None
    assert [each.copy for each in found.copies] == ["absent", "absent"]


def test_what_keeps_it_from_being_read_is_said(store: WatchStore, signing: Site, signed: Drill, tmp_path: Path) -> None:
    def missing(firm: Any) -> Site:
        raise InvalidConfiguration(count=1, faults="there is no connection x_aws")

    found = FleetReader(store, missing, utc_now).evidence(signing.firm.id, signed.id)
    assert found is not None
    assert "there is no connection x_aws" in found.unread
    assert found.is_known
    nowhere = FleetReader(store, None, utc_now).evidence(signing.firm.id, signed.id)
    assert nowhere is not None
    assert nowhere.unread == "this machine has no access to vaults"
    store.put_firms([seen(signing).model_copy(update={"definition": {"id": "of another release"}})])
    old = FleetReader(store, missing, utc_now).evidence(signing.firm.id, signed.id)
    assert old is not None
    assert "form that this release reads" in old.unread
