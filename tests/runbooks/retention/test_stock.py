"""The stock that a night takes of two real vaults: equal to what expire says dry, before, and a night later."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.site import Site
from muniment.adapters.vault.authenticity import read_register
from muniment.adapters.vault.vault import Vault
from muniment.domain.retention.stock import Going, Stock
from muniment.domain.vault import keys
from muniment.errors import AccessDenied
from muniment.ports import utc_now
from muniment_demo.cloud import Cloud
from tests.fixtures.sites import SiteFactory
from tests.support.denials import denied_from
from tests.support.expiry import expiring_site, held, later, night, run
from tests.support.nights import Nights
from tests.support.s3 import with_store

pytestmark = pytest.mark.timeout(540)
PUTS = frozenset({"PutObject"})


@pytest.fixture
def site(site_factory: SiteFactory, cluster: LocalCluster) -> Site:
    return expiring_site(site_factory, cluster)


def stocks(vault: Vault) -> list[Stock]:
    return [read_register(vault, Stock, item.key) for item in vault.list(keys.STOCK)]


def sums(lines: tuple[Going, ...]) -> dict[tuple[str, str], tuple[int, int]]:
    return {(each.kind, each.why): (each.groups, each.size_bytes) for each in lines}


def sums_of(summary: dict[str, Any]) -> dict[tuple[str, str], tuple[int, int]]:
    """Of what ``muniment expire --dry-run --json`` prints."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for each in summary["going"]:
        groups, size = found.get((each["kind"], each["why"]), (0, 0))
        found[each["kind"], each["why"]] = groups + 1, size + each["bytes"]
    return found


def test_it_says_what_is_held_what_went_and_what_the_next_night_takes(site: Site, nights: Nights) -> None:
    night(nights, 12, documents=("kept.pdf", "deleted.pdf"))
    nights.push_wal(2)
    night(nights, 6.9, documents=("kept.pdf", "changed.pdf"))
    tonight = night(nights, 1, documents=("kept.pdf",))
    dry = run(site, tonight, dry_run=True)
    assert [stocks(vault) for vault in site.vaults] == [[], []]

    done = run(site, tonight)
    [[primary], [replica]] = [stocks(vault) for vault in site.vaults]
    assert (primary.bucket, replica.bucket) == tuple(vault.bucket for vault in site.vaults)
    for stock, vault, plan in zip((primary, replica), site.vaults, dry.vaults, strict=True):
        assert (stock.at, stock.id) == (done.planned_at, stock.id)
        assert sums(stock.went) == sums_of(plan.summary())
        assert {each.kind: each.groups for each in stock.held} == {k: n for k, n in plan.summary()["kept"].items() if n}
        assert sum(each.size_bytes for each in stock.held) == plan.kept_bytes
        assert sum(each.objects for each in stock.held) == len(held(vault))
        assert {each.kind for each in stock.went} >= {"point", "backup", "wal", "document"}

    a_night_later = run(site, tonight, clock=lambda: primary.next_at, dry_run=True)
    for stock, plan in zip((primary, replica), a_night_later.vaults, strict=True):
        assert sums(stock.next_goes) == sums_of(plan.summary())
        assert {each.kind for each in stock.next_goes} >= {"point", "backup", "document"}


def test_what_is_locked_for_longer_is_not_foretold(site: Site, nights: Nights, cloud: Cloud) -> None:
    following = night(nights, 6.9)
    tonight = night(nights, 1)
    key = keys.backup_register(following.id)
    retention = {"Mode": "GOVERNANCE", "RetainUntilDate": utc_now() + timedelta(days=30)}
    cloud.client("s3").put_object_retention(Bucket=site.primary.bucket, Key=key, Retention=retention)  # type: ignore[arg-type]
    run(governed(site), tonight)
    [[primary], [replica]] = [stocks(vault) for vault in site.vaults]
    kinds = [{each.kind for each in stock.next_goes} for stock in (primary, replica)]
    assert kinds[1] - kinds[0] == {"backup"}
    assert "point" in kinds[0]


def governed(site: Site) -> Site:
    primary, replica = (with_store(vault, lock_mode="governance") for vault in site.vaults)
    return replace(site, primary=primary, replica=replica)


def test_it_is_locked_as_long_as_the_reasons_are(site: Site, nights: Nights) -> None:
    night(nights, 12)
    tonight = night(nights, 1)
    plan = run(governed(site), tonight, clock=later)
    for vault in site.vaults:
        [reasons], [stock] = vault.list(keys.EXPIRED), vault.list(keys.STOCK)
        assert stock.key == keys.stock(reasons.key.removeprefix(keys.EXPIRED))
        found = vault.find(stock.key)
        assert found.locked_until == vault.find(reasons.key).locked_until
        assert found.locked_until is not None
        assert abs(found.locked_until - plan.planned_at - site.policy.audit_log) < timedelta(seconds=1)


def test_a_vault_that_refuses_it_ends_the_night_and_the_next_try_takes_it(site: Site, nights: Nights) -> None:
    night(nights, 12)
    tonight = night(nights, 1)
    with denied_from(site, 10_000, only=PUTS) as seen:
        run(site, tonight)
    quiet = len(seen) - 2  # without what was going, there is no plan to keep
    with denied_from(site, quiet, only=PUTS), pytest.raises(AccessDenied) as refused:
        run(site, tonight, clock=lambda: later() + timedelta(minutes=1))
    assert refused.value.what_is_kept.startswith("whatever the plan keeps, whole and in both vaults")
    before = [len(stocks(vault)) for vault in site.vaults]
    assert before[1] == 1
    run(site, tonight, clock=lambda: later() + timedelta(minutes=2))
    assert len(stocks(site.replica)) == 2


def test_it_costs_a_request_a_vault_where_nothing_goes(site: Site, nights: Nights) -> None:
    tonight = night(nights, 1)
    with denied_from(site, 10_000) as dry:
        run(site, tonight, dry_run=True)
    with denied_from(site, 10_000) as seen:
        run(site, tonight)
    assert stocks(site.primary)[0].went == ()
    assert seen.count("HeadObject") == dry.count("HeadObject")
    assert seen.count("PutObject") == 4, "two marks and two stocks"
