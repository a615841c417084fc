"""What changes live data is on the record of both vaults before it begins and after it ended, whatever happens."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import pytest

from muniment.adapters.acts.records import acts, complete
from muniment.adapters.host.processes import still_runs
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.retention.inventory import read_inventories
from muniment.adapters.site.site import Site
from muniment.adapters.vault.vault import Vault
from muniment.domain.vault import keys
from muniment.errors import AccessDenied, ActNotRecorded, EndNotRecorded
from muniment.ports import utc_now
from muniment.runbooks.acts.on_record import on_record
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import LOGINS, SiteFactory, iam_policy
from tests.support.acts import ORDER, kill_in_the_middle, ledger_of
from tests.support.denials import denied_from
from tests.support.progress import Told
from tests.support.s3 import impatient, s3_of, with_store


@pytest.fixture(scope="module")
def made(site_factory: SiteFactory, module_cluster_factory: ClusterFactory, programs17: PostgresPrograms) -> Site:
    return site_factory(module_cluster_factory(programs17))


@pytest.fixture
def site(made: Site, cloud: Cloud) -> Site:
    """Without any act."""
    for vault in made.vaults:
        for version in vault.list_versions(keys.ACTS):
            place = {"Bucket": vault.bucket, "Key": version.key, "VersionId": version.version_id}
            cloud.client("s3", vault.region).delete_object(**place, BypassGovernanceRetention=True)
    return made


def away(vault: Vault) -> Vault:
    """Nobody answers there."""
    return with_store(vault, s3=impatient("http://127.0.0.1:1", vault.region))


def test_both_vaults_know_of_it_before_and_after_and_nobody_can_take_that_away(site: Site) -> None:
    with on_record(ledger_of(site), ORDER) as doing:
        for vault in site.vaults:
            (act,) = acts(vault)
            assert act.end(runs=still_runs(act.begun.process), now=utc_now()) == "not finished yet"
        doing.did["updated"] = 3
    for vault in site.vaults:
        (act,) = acts(vault)
        assert (act.begun.what, act.begun.asked_by, act.begun.firm) == ("matter M-1", "engineer", site.firm.id)
        assert act.ended is not None
        assert (act.ended.outcome, act.ended.did) == ("done", {"updated": 3})
        for key in (keys.begun_act(act.begun.id), keys.act(act.begun.id)):
            locked = vault.find(key).locked_until
            assert locked is not None
            assert locked > utc_now() + timedelta(days=364)
    assert all(inventory.versions == () for inventory in read_inventories(site))


def test_of_what_failed_the_kind_is_kept_and_no_row(site: Site) -> None:
    with pytest.raises(ValueError, match="privileged"), on_record(ledger_of(site), ORDER):
        raise ValueError("invalid input syntax: 'privileged and confidential'")
    for vault in site.vaults:
        (act,) = acts(vault)
        assert act.ended is not None
        assert (act.ended.outcome, act.ended.failure) == ("failed", "ValueError")
        assert b"privileged" not in vault.get(keys.act(act.begun.id))


def test_what_was_killed_in_the_middle_did_not_finish(site: Site) -> None:
    kill_in_the_middle(site)
    for vault in site.vaults:
        (act,) = acts(vault)
        assert act.ended is None
        assert act.end(runs=still_runs(act.begun.process), now=utc_now()) == "did not finish"


@pytest.mark.parametrize("side", ["primary", "replica"])
def test_one_vault_is_enough_and_the_other_gets_the_record_later(site: Site, side: str) -> None:
    told, other = Told(), replace(site, **{side: away(site.vault(side))})  # type: ignore[arg-type]
    with on_record(ledger_of(other, told), ORDER):
        pass
    lacking = site.vault(side)  # type: ignore[arg-type]
    assert [len(acts(vault)) for vault in site.vaults] == [side != "primary", side != "replica"]
    assert f"NOT YET ON RECORD in {lacking.bucket}: act " in "\n".join(told.notes)
    with on_record(ledger_of(site, told), ORDER):
        assert len(acts(lacking)) == 2
    assert acts(site.primary) == acts(site.replica)
    assert [note.partition(" ")[2] for note in told.notes[-2:]] == ["was in one vault alone: now it is in both"] * 2


def test_a_damaged_record_is_not_copied_over(site: Site, cloud: Cloud) -> None:
    with on_record(ledger_of(replace(site, replica=away(site.replica))), ORDER):
        pass
    (act,) = acts(site.primary)
    place = {"Bucket": site.primary.bucket, "Key": keys.begun_act(act.begun.id)}
    body = site.primary.get(place["Key"]).replace(b"engineer", b"somebody")
    cloud.client("s3", site.primary.region).put_object(**place, Body=body)
    assert complete(site.vaults, locked_until=utc_now()) == [keys.act(act.begun.id)]
    assert acts(site.replica) == ()  # an end alone is nothing that we wrote


def test_without_any_vault_nothing_is_begun_unless_it_must_not_wait(site: Site) -> None:
    nowhere = replace(site, primary=away(site.primary), replica=away(site.replica))
    done = []
    with pytest.raises(ActNotRecorded) as refused, on_record(ledger_of(nowhere), ORDER):
        done.append("begun")
    assert done == []
    assert str(refused.value).startswith(
        f"matter M-1 of firm {site.firm.id} is not begun: neither vault takes the record of it: "
    )
    told = Told()
    with on_record(ledger_of(nowhere, told), ORDER, must=False):
        done.append("the way back")
    assert done == ["the way back"]
    assert sum("NOT YET ON RECORD" in note for note in told.notes) == 4


def test_what_is_done_and_cannot_be_recorded_any_more_is_said_to_be_done(site: Site) -> None:
    with ExitStack() as denial, pytest.raises(EndNotRecorded) as unrecorded, on_record(ledger_of(site), ORDER) as doing:
        denial.enter_context(denied_from(site, 1, only=frozenset({"PutObject"})))
    assert f"is done, and neither vault takes the record of its end: act {doing.begun.id}\n" in str(unrecorded.value)
    assert [act.ended for act in acts(site.primary)] == [None]


@pytest.mark.parametrize("role", ["restore", "restore-documents"])
def test_whoever_restores_may_write_acts_and_not_take_them_away(site: Site, cloud: Cloud, role: str) -> None:
    user = cloud.create_user(f"{site.firm.id}-{role}", iam_policy(role, site.firm))
    login = replace(LOGINS[site.firm.id]["aws"], user=user.access_key_id, password=user.secret_access_key)
    clients = login.clients()
    mine = replace(
        site,
        primary=with_store(site.primary, s3=clients("s3", site.primary.region)),
        replica=with_store(site.replica, s3=clients("s3", site.replica.region)),
    )
    told = Told()
    with on_record(ledger_of(mine, told), ORDER):
        pass
    assert told.notes == []
    (act,) = acts(site.primary)
    for key in (keys.restore("x"), keys.point("x"), "acts"):
        with pytest.raises(AccessDenied):
            mine.primary.put(key, b"mine", locked_until=None)
    (version,) = site.primary.list_versions(keys.act(act.begun.id))
    for how in ({}, {"VersionId": version.version_id}):
        with pytest.raises(Exception, match="AccessDenied"):
            s3_of(mine.primary).delete_object(Bucket=mine.primary.bucket, Key=version.key, **how)
