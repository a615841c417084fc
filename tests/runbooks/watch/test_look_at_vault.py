"""A look at a vault, on a real server: what it tells, what it costs, and what stays of the look before."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.logins import Login
from muniment.adapters.site.site import Site, build_site
from muniment.domain.record import new_id
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Point, RecoveryWindow, WalHole, WalRange
from muniment.domain.watch.server import ServerSeen
from muniment.domain.watch.vault import VaultSeen
from muniment.runbooks.watch.look_at_vault import look_at_vault
from muniment_demo.cloud import Cloud
from tests.fixtures.sites import SiteFactory, as_root, make_policy, with_firm
from tests.support.points import make_point
from tests.support.s3 import s3_of
from tests.support.vault_looks import (
    NOW,
    clear,
    make_server,
    push_names,
    remove_names,
    requests_of,
    run,
    segment,
)

LATER = NOW + timedelta(minutes=5)
A_LIST = ["s3.ListObjectsV2"]


@pytest.fixture(scope="module")
def shared(site_factory: SiteFactory, cluster: LocalCluster) -> Site:
    return site_factory(cluster, lock="none")


@pytest.fixture
def firm(shared: Site, cloud: Cloud) -> Iterator[Site]:
    """With empty vaults."""
    yield shared
    clear(as_root(cloud, shared), keys.WAL, keys.POINTS)


@pytest.fixture
def own(site_factory: SiteFactory, cluster: LocalCluster) -> Site:
    """Another one, for what is not made good."""
    return site_factory(cluster, lock="none")


def look(
    site: Site, before: VaultSeen | None, server: ServerSeen | None, *, whole: bool = False, later: bool = True
) -> VaultSeen:
    at = LATER if later else NOW
    return look_at_vault(site, "primary", before, server, whole=whole, clock=lambda: at)


def push(site: Site, *names: str) -> None:
    push_names(site.primary, site.postgres.system_identifier(), names)


def register(site: Site, first: int, last: int, *, hours_ago: float = 1, timeline: int = 1, **known: Any) -> Point:
    at = NOW - timedelta(hours=hours_ago)
    end = segment(last, timeline)
    wal = WalRange(
        timeline=timeline, first_segment=segment(first, timeline).name, last_segment=end.name, through_lsn=end.end
    )
    known = {"windows": (window(first, last, timeline=timeline),), **known}
    system = site.postgres.system_identifier()
    point = make_point(new_id(at), wal, at=at, firm=site.firm.id, system_identifier=system, **known)
    site.primary.put_register(keys.point(point.id), point, locked_until=None)
    return point


def window(first: int, last: int, *, timeline: int = 1) -> RecoveryWindow:
    return RecoveryWindow(
        backup="-",
        timeline=timeline,
        start_lsn=segment(first, timeline).start,
        end_lsn=segment(last, timeline).end,
        start_at=NOW - timedelta(hours=3),
        end_at=NOW - timedelta(hours=1),
    )


@pytest.mark.parametrize("old", [10, 1100])
def test_an_ordinary_look_costs_one_list_however_old_the_archive_is(firm: Site, old: int) -> None:
    push(firm, *run(0, old - 1))
    register(firm, old - 6, old - 4)
    first = look(firm, None, make_server(firm, old), later=False)
    assert first.held is not None
    assert (first.held.first, first.held.number, first.unseen) == (old - 6, old - 1, None)

    push(firm, segment(old).name)
    with requests_of(firm) as asked:
        seen = look(firm, first, make_server(firm, old + 1))
    assert asked == A_LIST
    assert seen.held is not None
    assert (seen.held.number, seen.held_lsn, seen.seen_at) == (old, segment(old).end, LATER)
    with requests_of(firm) as asked:
        idle = look(firm, seen, None)
    assert (asked, idle.held) == (A_LIST, seen.held)


def test_without_a_point_a_look_begins_where_the_server_writes(firm: Site) -> None:
    push(firm, *run(195, 300))
    seen = look(firm, None, make_server(firm, 301))
    assert seen.held is not None
    assert (seen.held.first, seen.held.number) == (201, 300)


def test_nothing_is_known_of_a_vault_without_wal_nor_without_a_server_that_ever_answered(firm: Site) -> None:
    empty = look(firm, None, make_server(firm, 3))
    assert (empty.held, empty.held_lsn, empty.seen_at, empty.unseen) == (None, None, LATER, None)
    push(firm, *run(0, 2))
    register(firm, 0, 1)
    assert look(firm, empty, None).held is None
    held = look(firm, empty, make_server(firm, 3)).held
    assert held is not None
    assert held.number == 2


def test_a_segment_that_is_deleted_is_named_in_the_next_look_and_its_return_is_seen(firm: Site, cloud: Cloud) -> None:
    system = firm.postgres.system_identifier()
    push(firm, *run(0, 19))
    register(firm, 2, 4)
    seen = look(firm, None, make_server(firm, 20))
    remove_names(as_root(cloud, firm), "primary", system, [segment(12).name])
    hole = look(firm, seen, make_server(firm, 20)).held
    assert hole is not None
    assert (hole.number, hole.missing, hole.ahead) == (11, (segment(12).name,), tuple(run(13, 19)))
    push(firm, segment(12).name)
    mended = look(firm, seen.model_copy(update={"held": hole}), make_server(firm, 20)).held
    assert mended is not None
    assert (mended.number, mended.missing, mended.ahead) == (19, (), ())


def test_what_lies_before_a_newer_point_is_no_hole_in_what_is_held(firm: Site, cloud: Cloud) -> None:
    """A night behind a hole begins anew, and expire takes what no point needs."""
    system = firm.postgres.system_identifier()
    push(firm, *run(0, 19))
    register(firm, 2, 4, hours_ago=5)
    seen = look(firm, None, make_server(firm, 20))
    remove_names(as_root(cloud, firm), "primary", system, run(3, 9))
    register(firm, 10, 11)
    held = look(firm, seen, make_server(firm, 20)).held
    assert held is not None
    assert (held.first, held.number, held.missing) == (10, 19, ())


def test_by_rotation_old_wal_is_listed_again(firm: Site, cloud: Cloud) -> None:
    system = firm.postgres.system_identifier()
    push(firm, *run(0, 160))
    register(firm, 3, 5, hours_ago=20, windows=())
    register(firm, 45, 50, hours_ago=2, windows=(window(4, 50),))
    seen = look(firm, None, make_server(firm, 161))
    assert seen.held is not None
    assert (seen.held.missing_before, seen.held.walked_to) == ((), None)
    gone = [segment(number).name for number in (1, 20, 55)]
    remove_names(as_root(cloud, firm), "primary", system, gone)
    unaware = look(firm, seen, make_server(firm, 161))
    assert unaware.held is not None
    assert unaware.held.number == 160
    aware = look(firm, unaware, make_server(firm, 161), whole=True).held
    assert aware is not None
    assert aware.missing_before == (gone[1],), "what is older than the window's oldest point may have expired"
    assert (aware.number, aware.missing) == (54, (gone[2],))


def put_history(site: Site, timeline: int, text: str) -> None:
    key = keys.wal(site.postgres.system_identifier(), f"{timeline:08X}.history")
    site.primary.put_sealed(key, text.encode(), locked_until=None)


def test_a_promotion_is_followed_when_its_history_and_first_segment_are_there(firm: Site) -> None:
    push(firm, *run(0, 12))
    register(firm, 2, 4)
    seen = look(firm, None, make_server(firm, 10))
    promoted = make_server(firm, 10, timeline=2)

    waiting = look(firm, seen, promoted)
    assert waiting.held is not None
    assert (waiting.held.timeline, waiting.held.number, waiting.held.missing) == (1, 12, ("00000002.history",))

    put_history(firm, 2, f"1\t{segment(9).start}\tno recovery target specified\n")
    parent = look(firm, waiting, promoted)
    assert parent.held is not None
    assert (parent.held.timeline, parent.held.number, parent.held.missing) == (2, 8, ())
    push(firm, segment(9, 2).name)
    child = look(firm, parent, promoted)
    assert child.held is not None
    assert (child.held.timeline, child.held.number) == (2, 9)
    with requests_of(firm) as asked:
        again = look(firm, child, promoted)
    assert (asked, again.held) == (A_LIST, child.held)
    anew = look(firm, None, promoted)
    assert anew.held is not None
    assert (anew.held.first, anew.held.number, anew.held.timeline) == (2, 9, 2)


def test_another_database_under_the_name_takes_nothing_away(firm: Site) -> None:
    push(firm, *run(0, 9))
    register(firm, 2, 4)
    seen = look(firm, None, make_server(firm, 10))
    foreign = make_server(firm, 700, system_identifier=4711)
    other = look(firm, seen, foreign)
    assert other.held == (seen.held and seen.held.model_copy(update={"seen_at": LATER}))
    own = firm.postgres.system_identifier()
    assert (seen.system_identifier, other.system_identifier) == (own, own)
    assert look(firm, None, foreign).system_identifier == own, "on the first look, too"


def test_an_adopted_cluster_begins_anew(site_factory: SiteFactory, cluster: LocalCluster, firm: Site) -> None:
    push(firm, *run(0, 9))
    register(firm, 2, 4)
    before = look(firm, None, make_server(firm, 10))
    assert before.held is not None
    held = before.held.model_copy(update={"system_identifier": 4711})
    adopted = look(firm, before.model_copy(update={"held": held, "system_identifier": 4711}), make_server(firm, 10))
    own = firm.postgres.system_identifier()
    assert adopted.held is not None
    assert (adopted.held.system_identifier, adopted.held.number) == (own, 9)
    assert adopted.system_identifier == own, "else the firm's own cluster were another one until the next whole look"


def suspend_versioning(site: Site) -> None:
    s3 = s3_of(site.primary)
    s3.put_bucket_versioning(Bucket=site.primary.bucket, VersioningConfiguration={"Status": "Suspended"})


def test_by_rotation_a_look_tells_of_the_key_the_bucket_and_the_newest_points_windows(own: Site, cloud: Cloud) -> None:
    push(own, *run(0, 9))
    lost = RecoveryWindow(
        backup="-",
        timeline=1,
        start_lsn=segment(0).start,
        end_lsn=segment(1).end,
        start_at=NOW - timedelta(hours=9),
        end_at=NOW - timedelta(hours=8),
    )
    point = register(own, 2, 4, windows=(lost, window(2, 4)))
    seen = look(own, None, make_server(own, 10), later=False)
    assert (seen.key, seen.key_fault, seen.key_pending_deletion) == (own.primary.kms_key, None, False)
    assert (seen.setting_faults, seen.windows) == ({}, point.windows)
    assert seen.holes == (WalHole(start_at=lost.end_at or NOW, end_at=window(2, 4).start_at),)
    assert seen.key_seen_at == seen.settings_seen_at == NOW

    suspend_versioning(as_root(cloud, own))
    cloud.client("kms").disable_key(KeyId=own.primary.kms_key)
    ordinary = look(own, seen, make_server(own, 10))
    assert (ordinary.setting_faults, ordinary.key_fault, ordinary.key_seen_at) == ({}, None, NOW)
    whole = look(own, seen, make_server(own, 10), whole=True)
    assert whole.setting_faults == {"versioning": "versioning is suspended"}
    assert whole.key_fault == f"key {own.primary.kms_key} is disabled"
    assert (whole.key_pending_deletion, whole.unseen, whole.key_seen_at) == (False, None, LATER)

    cloud.client("kms").schedule_key_deletion(KeyId=own.primary.kms_key, PendingWindowInDays=7)
    ending = look(own, whole, make_server(own, 10), whole=True)
    assert (ending.key_fault, ending.key_pending_deletion) == (
        f"key {own.primary.kms_key} is pending deletion",
        True,
    )
    assert ending.held is not None
    assert ending.held.number == 9


def test_a_vault_that_cannot_be_asked_keeps_what_was_known_with_its_time(firm: Site) -> None:
    push(firm, *run(0, 9))
    register(firm, 2, 4)
    seen = look(firm, None, make_server(firm, 10), later=False)
    away = Login(
        id="away",
        extra={"endpoint_url": "http://127.0.0.1:9", "config_kwargs": {"retries": {"total_max_attempts": 1}}},
        user="a",
    )
    site = build_site(firm.firm, firm.postgres.conninfo, away.clients())
    blind = look(site, seen.model_copy(update={"rpo_s": 0.0, "behind_bytes": 0, "at_risk_since": NOW}), None)
    assert blind.unseen is not None
    assert blind.unseen.startswith(f"S3 ListObjectsV2 on {firm.primary.bucket}/wal/")
    assert blind.unseen_kind == "StoreUnavailable"
    assert (blind.held, blind.seen_at, blind.windows) == (seen.held, NOW, seen.windows)
    assert (blind.rpo_s, blind.at_risk_since, blind.behind_bytes) == (None, None, None)
    assert look(firm, blind, make_server(firm, 10)).unseen is None
    never = look(site, None, None)
    assert (never.seen_at, never.unseen_kind) == (None, "StoreUnavailable")


@pytest.mark.parametrize("whole", [True, False])
def test_another_firms_vault_is_an_error_and_not_this_firms(
    firm: Site, site_factory: SiteFactory, cluster: LocalCluster, cloud: Cloud, whole: bool
) -> None:
    """By rotation, and on the first look at a bucket that the firm's file names newly."""
    other = site_factory(cluster)
    known = look(firm, None, make_server(firm, 10))
    vaults = firm.firm.vaults.model_copy(update={"primary": other.firm.vaults.primary})
    swapped = as_root(cloud, with_firm(firm, vaults=vaults, policy=make_policy()))
    before = known.model_copy(update={"bucket": other.primary.bucket}) if whole else known
    seen = look(swapped, before, make_server(firm, 10), whole=whole)
    assert seen.unseen_kind == "WrongVault"
    assert seen.unseen is not None
    assert other.firm.id in seen.unseen


def damage(site: Site) -> None:
    body, _ = site.primary.read(keys.FIRM)
    site.primary.store.put(keys.FIRM, body.replace(b'"role": "primary"', b'"role": "replica"'), metadata={})


def remove(site: Site) -> None:
    s3_of(site.primary).delete_object(Bucket=site.primary.bucket, Key=keys.FIRM)


@pytest.mark.parametrize(("harm", "kind"), [(damage, "ObjectDamaged"), (remove, "MarkMissing")])
def test_a_mark_that_is_not_as_it_was_written_is_seen_by_rotation(
    own: Site, cloud: Cloud, harm: Callable[[Site], None], kind: str
) -> None:
    push(own, *run(0, 9))
    known = look(own, None, make_server(own, 10))
    harm(as_root(cloud, own))
    assert look(own, known, make_server(own, 10)).unseen is None
    assert look(own, known, make_server(own, 10), whole=True).unseen_kind == kind
