"""A firm's own vault has the record of what touched the firm, also where the vault was away when it ended."""

from pathlib import Path
from typing import Any

import pytest

from muniment.adapters.site.site import Site, build_site
from muniment.adapters.vault.authenticity import read_register
from muniment.domain.incidents.kept import KeptIncident
from muniment.domain.incidents.trouble import Trouble
from muniment.domain.vault import keys
from muniment.runbooks.incidents.keep_in_vault import keep_closed
from muniment.runbooks.vault.verify_firm import verify_vault
from tests.faults.worker import through
from tests.fixtures.faults import FaultProxy
from tests.fixtures.sites import PRIMARY_REGION, SiteFactory
from tests.support.kept_watch import KeptWatch
from tests.support.troubles import judged, trouble

pytestmark = pytest.mark.timeout(360)


@pytest.fixture
def site(site_factory: SiteFactory, cluster: Any) -> Site:
    return site_factory(cluster)


@pytest.fixture
def watch(tmp_path: Path) -> KeptWatch:
    return KeptWatch(tmp_path / "watch.sqlite")


def ended(watch: KeptWatch, *bad: Trouble) -> None:
    firms = judged([each.firm for each in bad if each.firm])
    told = [kind for _ in range(2) for kind in watch.look(*bad, judged=firms)]
    told += [kind for _ in range(3) for kind in watch.look(judged=firms)]
    assert told == ["opened", "resolved"]


def records(site: Site) -> list[KeptIncident]:
    found = sorted(each.key for each in site.primary.list(keys.INCIDENTS))
    return [read_register(site.primary, KeptIncident, key) for key in found]


def test_each_end_is_kept_once_locked_and_names_no_other_firm(site: Site, watch: KeptWatch) -> None:
    mine = site.firm.id
    ended(watch, trouble(mine), trouble("other-firm", severity="critical"))
    assert keep_closed(watch.store, {mine: site}.__getitem__, [mine], clock=watch.clock) == 1
    assert keep_closed(watch.store, {mine: site}.__getitem__, [mine], clock=watch.clock) == 0
    (kept,) = records(site)
    assert (kept.firm, kept.cause, kept.others, kept.what) == (mine, "wal-at-risk", 1, f"wal-at-risk of {mine}")
    assert [each.what for each in kept.changes] == ["opened", "resolved: good in 3 passes"]
    assert "other-firm" not in kept.model_dump_json()
    found = site.primary.head(next(each.key for each in site.primary.list(keys.INCIDENTS)))
    assert found is not None
    assert found.locked_until == (watch.now + site.policy.audit_log).replace(microsecond=0)


def test_one_that_comes_back_has_a_record_of_each_end(site: Site, watch: KeptWatch) -> None:
    mine = site.firm.id
    for number in (1, 2):
        firms = judged([mine, "other"])
        for _ in range(2):
            watch.look(trouble(mine), judged=firms)
        for _ in range(3):
            watch.look(judged=firms)
        assert keep_closed(watch.store, {mine: site}.__getitem__, [mine], clock=watch.clock) == 1
        assert len(records(site)) == number
    first, second = records(site)
    assert first.id == second.id
    assert first.resolved_at < second.resolved_at


def test_what_the_vault_did_not_take_is_tried_again(site: Site, watch: KeptWatch, faulty_store: FaultProxy) -> None:
    mine = site.firm.id
    ended(watch, trouble(mine), trouble("other-firm"))
    firm, postgres, aws = through(site, faulty_store.endpoint_url)
    faulty_store.fail("reset", region=PRIMARY_REGION)
    away = {mine: build_site(firm, postgres.conninfo(), aws.clients(hasty=True))}
    assert keep_closed(watch.store, away.__getitem__, [mine], clock=watch.clock) == 0
    faulty_store.heal()
    assert keep_closed(watch.store, {mine: site}.__getitem__, [mine], clock=watch.clock) == 1
    assert len(records(site)) == 1


def test_a_worker_keeps_what_is_of_its_own_firms_and_so_much_in_a_pass(site: Site, watch: KeptWatch) -> None:
    mine = site.firm.id
    ended(watch, trouble(mine), trouble("other-firm"))
    sites = {mine: site}.__getitem__
    assert keep_closed(watch.store, sites, [], clock=watch.clock) == 0
    assert keep_closed(watch.store, sites, [mine], clock=watch.clock, at_most=0) == 0
    assert keep_closed(watch.store, sites, [mine], clock=watch.clock) == 1


def test_a_vault_with_such_records_is_whole(site: Site, watch: KeptWatch) -> None:
    mine = site.firm.id
    ended(watch, trouble(mine), trouble("other-firm"))
    keep_closed(watch.store, {mine: site}.__getitem__, [mine], clock=watch.clock)
    found = verify_vault(site.primary, deep=True)
    assert (found.faults, found.unproven) == ((), ())
