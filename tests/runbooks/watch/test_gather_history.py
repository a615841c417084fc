"""A firm's history out of two real vaults: what it says, how little each look asks, and what is told as not read."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from muniment.adapters.acts import records as acts
from muniment.adapters.drill.records import write_begun, write_sign_off
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.restore.records import write_record, write_rolled_back
from muniment.adapters.site.site import Site
from muniment.domain.acts.act import BegunAct, EndedAct
from muniment.domain.drill.evidence import BegunDrill, RestoreFigures
from muniment.domain.drill.sign_off import SignOff
from muniment.domain.evidence import Check
from muniment.domain.fleet.history import FirmHistory
from muniment.domain.record import new_id
from muniment.domain.recovery.roll_back import RolledBack
from muniment.domain.retention.stock import Going, KindHeld, Stock
from muniment.domain.vault import keys
from muniment.domain.vault.registers import DocumentChanges, RecoveryWindow, WalHole
from muniment.domain.wal.names import Lsn
from muniment.errors import StoreUnavailable
from muniment.ports import utc_now
from muniment.runbooks.watch import new_registers, parts_of_history
from muniment.runbooks.watch.gather_history import gather_history
from muniment_demo.cloud import Cloud
from tests.fixtures.sites import SiteFactory, as_root
from tests.support.registered import away, drilled, register
from tests.support.restore_records import record_of
from tests.support.vault_looks import NOW, clear, requests_of

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def shared(site_factory: SiteFactory, cluster: LocalCluster) -> Site:
    return site_factory(cluster, lock="none")


@pytest.fixture
def firm(shared: Site, cloud: Cloud) -> Iterator[Site]:
    """With empty vaults."""
    yield shared
    clear(as_root(cloud, shared), keys.POINTS, keys.DRILLS, keys.RESTORES, keys.ACTS, keys.STOCK)


def gathered(site: Site, before: FirmHistory | None = None, **known: Any) -> FirmHistory:
    """``days``: how much later."""
    now = NOW + known.pop("days", 0) * DAY
    return gather_history(site, before, clock=lambda: now, **known)


def spoil(site: Site, key: str) -> None:
    body, metadata = site.primary.read(key)
    site.primary.store.put(key, body + b" ", metadata=dict(metadata))


def window(backup: str, nights_ago: int) -> RecoveryWindow:
    at = NOW - nights_ago * DAY
    return RecoveryWindow(backup=backup, timeline=1, start_lsn=Lsn(1), end_lsn=Lsn(2), start_at=at, end_at=None)


def begin(site: Site, days_ago: float) -> BegunDrill:
    at = NOW - timedelta(days=days_ago)
    begun = BegunDrill(
        id=new_id(at), firm=site.firm.id, number=3, seed=1, side="primary", by="muniment", started_at=at,
        process="elsewhere 1 1",
    )  # fmt: skip
    write_begun(site, begun, locked_until=utc_now())
    return begun


def act(site: Site, days_ago: float, *, outcome: Any = None) -> BegunAct:
    at = NOW - timedelta(days=days_ago)
    begun = BegunAct(
        act="matter", what="matter 2026-00417", by="muniment matter by engineer on db-1", asked_by="engineer",
        id=new_id(at), firm=site.firm.id, began_at=at, process="elsewhere 1 1",
    )  # fmt: skip
    acts.write(site.primary, begun, locked_until=utc_now())
    if outcome:
        end(site, begun, outcome)
    return begun


def end(site: Site, begun: BegunAct, outcome: Any = "done") -> None:
    ended = EndedAct(id=begun.id, firm=begun.firm, outcome=outcome, ended_at=begun.began_at + timedelta(minutes=1))
    acts.write(site.primary, ended, locked_until=utc_now())


def take_stock(site: Site, nights_ago: int, side: Any = "primary") -> Stock:
    at, vault = NOW - nights_ago * DAY, site.vault(side)
    going = (Going(kind="point", groups=1, size_bytes=7, first="p", last="p", why="older than 10d"),)
    stock = Stock(
        id=new_id(at), firm=site.firm.id, bucket=vault.bucket, at=at, went=going, next_at=at + DAY, next_goes=going,
        held=(KindHeld(kind="point", groups=3, objects=3, size_bytes=21),),
    )  # fmt: skip
    vault.put_register(keys.stock(stock.id), stock, locked_until=None)
    return stock


def test_three_nights_a_drill_and_a_restore_are_as_their_registers_say(firm: Site) -> None:
    full = register(firm, 2, stored_bytes=100, document_count=5, windows=(window("a", 2),))
    changes = DocumentChanges(before=5, overwritten=1, vanished=2)
    hole = WalHole(start_at=NOW - DAY, end_at=NOW - DAY / 2)
    incremental = register(
        firm, 1, stored_bytes=10, kind="incremental", chain=(full.id, "b"), document_count=6,
        document_changes=changes, began_at=NOW - 1.1 * DAY, new_holes=(hole,), windows=(window("a", 1),),
    )  # fmt: skip
    newest = register(firm, 0, stored_bytes=1, chain=("gone", "c"), copied=False, windows=(window("a", 0),))
    figures = RestoreFigures(
        base_bytes=9, base_stored_bytes=8, base_s=7.0, wal_segments=6, wal_bytes=5, wal_s=4.0, replay_s=3.0
    )
    failed = (Check(name="rows", expected="1", found="2", passed=False),)
    drill = drilled(firm, 5, failed, figures=figures)
    restore = write_record(firm, record_of(firm, new_id(NOW - 3 * DAY)), locked_until=utc_now())

    found = gathered(firm)
    assert (found.firm, found.read_at, found.unread) == (firm.firm.id, NOW, ())
    assert [night.point for night in found.nights] == [full.id, incremental.id, newest.id]
    assert [(n.chain_length, n.chain_stored_bytes) for n in found.nights] == [(1, 100), (2, 110), (2, None)]
    assert [(n.in_replica, n.verified_replica_at) for n in found.nights] == [
        (True, full.taken_at), (True, incremental.taken_at), (False, None),
    ]  # fmt: skip
    assert [(n.added, n.overwritten, n.vanished) for n in found.nights] == [(None,) * 3, (3, 1, 2), (None,) * 3]
    for night, point in zip(found.nights, (full, incremental, newest), strict=True):
        said = {"taken_at", "registered_at", "began_at", "kind", "size_bytes", "stored_bytes", "effective_rpo_s"}
        assert night.model_dump(include=said) == point.model_dump(include=said)
        assert night.lsn == point.control_totals.lsn
    assert (found.windows, found.holes) == (newest.windows, (hole,))

    [seen] = found.drills
    assert (seen.id, seen.passed, seen.checks, seen.checks_passed) == (drill.id, False, 1, 0)
    assert (seen.failed, seen.target, seen.finished_at) == (("rows",), str(drill.target), drill.finished_at)
    assert (seen.base_stored_bytes, seen.base_s, seen.wal_segments, seen.wal_s, seen.replay_s) == (8, 7.0, 6, 4.0, 3.0)
    [staged] = found.restores
    assert restore.plan
    assert (staged.id, staged.end, staged.target) == (restore.id, "not approved", restore.plan.target)
    assert (staged.asked_by, staged.not_approved, staged.was_rolled_back) == (
        "engineer", "nobody answered in time", False,
    )  # fmt: skip


def test_a_second_look_reads_no_register_again(firm: Site) -> None:
    for night in range(3):
        register(firm, night)
        for side in ("primary", "replica"):
            take_stock(firm, night, side)
    drill = drilled(firm, 1)
    sign(firm, drill.id, drill.sha256)
    act(firm, 1, outcome="done")
    begin(firm, 4)
    begun = gathered(firm)
    with requests_of(firm) as asked:
        again = gathered(firm, begun)
    assert again == begun
    assert sorted(asked) == ["s3.GetObject", *["s3.ListObjectsV2"] * 7], "the mark, and listings"


def sign(site: Site, drill_id: str, sha256: str) -> SignOff:
    signed = SignOff(
        firm=site.firm.id, drill=drill_id, drill_sha256=sha256, verdict="passed", quarter="2026-Q4",
        by="R. Castellanos", through="test", signed_at=NOW,
    )  # fmt: skip
    write_sign_off(site, signed, locked_until=utc_now())
    return signed


def test_what_left_the_vault_leaves_the_history(firm: Site, cloud: Cloud) -> None:
    register(firm, 2)
    kept = register(firm, 1)
    take_stock(firm, 2)
    begun = gathered(firm)
    assert (len(begun.nights), len(begun.stocks)) == (2, 1)
    clear(as_root(cloud, firm), keys.point(begun.nights[0].point))
    found = gathered(firm, begun)
    assert [night.point for night in found.nights] == [kept.id]
    assert found.stocks == (), "of the night that is gone"


def test_what_changes_is_read_again(firm: Site) -> None:
    """A copy that came later, a drill that ended, its sign-off, an act that ended, a restore that was undone."""
    night = register(firm, 0, copied=False)
    drill, begun, restore = begin(firm, 0.5), act(firm, 0.5), record_of(firm, new_id(NOW - DAY))
    write_record(firm, restore, locked_until=utc_now())
    first = gathered(firm)
    assert not first.nights[0].in_replica
    assert (first.drills[0].finished_at, first.drills[0].did_not_finish) == (None, False)
    assert first.acts[0].ended == "not finished yet"

    firm.replica.put_register(keys.point(night.id), night, locked_until=None)
    ended = drilled(firm, 0.5)
    assert ended.id == drill.id
    signed = sign(firm, ended.id, ended.sha256)
    end(firm, begun)
    back = RolledBack(
        id=restore.id, firm=firm.firm.id, run="engineer", why="wrong", was_live=True, abandoned=2, timeline=1,
        ended_at=NOW,
    )  # fmt: skip
    write_rolled_back(firm.primary, back, locked_until=utc_now())
    later = gathered(firm, first)
    assert later.nights[0].in_replica
    assert (later.drills[0].finished_at, later.drills[0].passed) == (ended.finished_at, True)
    assert (later.drills[0].signed_off_by, later.drills[0].signed_off_at) == (signed.by, NOW)
    assert (later.acts[0].ended, later.acts[0].what) == ("done", "matter 2026-00417")
    assert later.restores[0].was_rolled_back
    assert later.unread == ()


def test_what_never_ended_did_not_finish_once_its_time_is_over(firm: Site) -> None:
    begin(firm, 0.5)
    act(firm, 0.5)
    first = gathered(firm)
    later = gathered(firm, first, days=3)
    assert (later.drills[0].did_not_finish, later.acts[0].ended) == (True, "did not finish")


def test_a_damaged_register_is_named_and_hides_nothing_else(firm: Site) -> None:
    sound, spoilt = register(firm, 1), register(firm, 0)
    spoil(firm, keys.point(spoilt.id))
    found = gathered(firm)
    assert [night.point for night in found.nights] == [sound.id]
    [line] = found.unread
    assert keys.point(spoilt.id) in line
    assert gathered(firm, found).unread == found.unread


def test_many_registers_take_several_looks_and_each_says_what_is_left(
    firm: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest first; and what is damaged does not take the place of what nobody has read yet."""
    monkeypatch.setattr(new_registers, "READS", 3)
    nights = [register(firm, ago) for ago in range(6)]
    for night in nights[:3]:
        spoil(firm, keys.point(night.id))
    first = gathered(firm)
    assert (first.nights, len(first.unread)) == ((), 4)
    assert first.unread[-1] == "3 registers more are read by the next looks, the newest first"
    second = gathered(firm, first)
    assert [night.point for night in second.nights] == [each.id for each in reversed(nights[3:])]
    assert second.unread == ("3 registers more are read by the next looks, the newest first",)
    third = gathered(firm, second)
    assert len(third.unread) == 3
    assert all("points/" in line for line in third.unread)


def test_a_vault_that_says_nothing_more_ends_the_look_and_not_the_history(
    firm: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_registers, "PATIENCE_S", 0.0)
    register(firm, 0)
    assert gathered(firm).unread == ("1 registers more are read by the next looks, the newest first",)


def test_without_the_first_region_the_replica_tells_what_is_new_and_nothing_leaves(firm: Site) -> None:
    register(firm, 2)
    alone = register(firm, 1, copied=False)
    begun = gathered(firm)
    register(firm, 0)
    take_stock(firm, 1, "replica")
    found = gathered(away(firm, "primary"), begun, answered=("replica",))
    assert [night.point for night in found.nights][1] == alone.id
    assert len(found.nights) == 3
    assert [stock.side for stock in found.stocks] == ["replica"]
    assert found.unread == (
        "the primary vault could not be asked: what left it since is still shown, and the replica told the rest",
    )
    with pytest.raises(StoreUnavailable):
        gathered(away(firm, "primary"), begun)


def test_without_the_second_region_a_copy_is_what_it_was(firm: Site) -> None:
    register(firm, 1)
    take_stock(firm, 1, "replica")
    begun = gathered(firm)
    register(firm, 0)
    found = gathered(away(firm, "replica"), begun, answered=("primary",))
    assert [night.in_replica for night in found.nights] == [True, True], "of the new one: as that night has proven it"
    assert len(found.stocks) == 1
    [line] = found.unread
    assert line.startswith("the replica vault could not be asked: ")
    lines = gathered(away(firm, "replica"), begun).unread
    assert any(keys.STOCK in each for each in lines), lines


def test_old_stocks_say_what_was_held_and_the_newest_of_each_vault_what_the_next_night_takes(
    firm: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts_of_history, "WENT", 2)
    register(firm, 4)
    primary, replica = ([take_stock(firm, ago, side) for ago in (3, 2, 1)] for side in ("primary", "replica"))
    found = gathered(firm).stocks
    assert [each.stock.at for each in found] == sorted(each.at for each in (*primary, *replica))
    for side, taken in (("primary", primary), ("replica", replica)):
        stocks = [each.stock for each in found if each.side == side]
        assert stocks[2] == taken[2]
        assert stocks[1] == taken[1].model_copy(update={"next_goes": ()})
        assert stocks[0] == taken[0].model_copy(update={"next_goes": (), "went": ()})
