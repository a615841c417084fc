from datetime import datetime, timedelta

import pytest

from muniment.domain.fleet.pictures import FirmPicture
from muniment.domain.fleet.recoverable import held_by_each
from muniment.domain.fleet.verdict import Verdict, verdict_of
from tests.support.fleet_rows import firm_row, vault_cell
from tests.support.recovery_pictures import (
    DAY,
    HOUR,
    NOW,
    firm_seen,
    history,
    night,
    nightly,
    picture,
    vault_seen,
    whole_picture,
    window,
)

NIGHTS = nightly(5)
MINUTE = timedelta(minutes=1)


def verdict(known: FirmPicture, at: datetime, now: datetime = NOW) -> Verdict:
    return verdict_of(held_by_each(known.seen, known.row, known.history, now)[0], at, now, "UTC")


def with_vault(**changed: object) -> FirmPicture:
    known = whole_picture()
    primary = known.seen.vaults[0].model_copy(update=changed)
    return picture(known.seen.model_copy(update={"vaults": (primary,)}), known.history)


@pytest.mark.parametrize(
    ("at", "kind", "why"),
    [
        (NIGHTS[0].taken_at - MINUTE, "before", "the first instant that comes back from it is 2026-11-24 10:00 UTC"),
        (NIGHTS[0].taken_at, "point", f"recovery point {NIGHTS[0].point} was taken then"),
        (
            NIGHTS[0].taken_at + MINUTE,
            "any instant",
            "the vault has a base backup before it, and all WAL from there on",
        ),
        (NOW, "any instant", "the vault has a base backup before it, and all WAL from there on"),
        (NOW + MINUTE, "future", "it lies in the future"),
    ],
)
def test_within_whole_windows_every_instant_comes_back(at: datetime, kind: str, why: str) -> None:
    found = verdict(whole_picture(), at)
    assert (found.kind, found.why) == (kind, why)
    assert found.comes_back == (kind in {"point", "any instant"})


def test_what_is_not_in_the_vault_yet_is_no_hole() -> None:
    known = with_vault(rpo_s=600.0)
    assert verdict(known, NOW - MINUTE).kind == "not there yet"
    assert verdict(known, NOW - 11 * MINUTE).kind == "any instant"


def test_behind_a_segment_that_is_missing_now_nothing_comes_back() -> None:
    held = whole_picture().seen.vaults[0].held
    assert held is not None
    hurt = held.model_copy(update={"missing": ("000000010000000000000042",), "was_held": True})
    found = verdict(with_vault(rpo_s=600.0, held=hurt), NOW - MINUTE)
    assert found.kind == "hole"
    assert "000000010000000000000042 is not in the vault" in found.why


def test_behind_an_old_look_nobody_knows() -> None:
    later = NOW + 3 * HOUR
    found = verdict(whole_picture(), NOW + HOUR, later)
    assert (found.kind, found.is_known, found.comes_back) == ("unknown", False, False)
    assert "it lies behind the last look, of 2026-11-28 12:00 UTC" in found.why


def test_a_vault_that_nobody_looked_into_is_not_empty() -> None:
    never = with_vault(seen_at=None, held=None, windows=(), rpo_s=None)
    assert verdict(picture(never.seen, None), NOW - DAY).why == "nobody has looked into this vault yet"
    unread = picture(with_vault(windows=()).seen, None)
    assert verdict(unread, NOW - DAY).kind == "unknown"
    away = firm_row(vaults=(vault_cell("primary", seen_at=NOW - DAY, unseen="timed out", recoverable_to=None),))
    lost = picture(with_vault(windows=()).seen, history(()), row=away)
    assert verdict(lost, NOW - 2 * DAY).kind == "unknown"
    empty = picture(with_vault(windows=()).seen, history(()))
    assert verdict(empty, NOW - DAY).kind == "nothing"


def test_a_vault_whose_key_cannot_be_used_is_no_yes() -> None:
    for changed in ({"key_fault": "key k is disabled"}, {"key_pending_deletion": True}):
        known = with_vault(**changed)
        for at in (NIGHTS[0].taken_at, NOW - HOUR):
            found = verdict(known, at)
            assert (found.kind, found.comes_back, found.is_known) == ("barred", False, False)
        assert held_by_each(known.seen, None, known.history, NOW)[0].stretches == ()
    assert "sealed in the vault: key key/primary is pending deletion" in found.why


def test_where_wal_was_let_go_or_lost_the_sentence_says_between_what() -> None:
    nights = (night(NOW - 9 * DAY), night(NOW - 8 * DAY), night(NOW - DAY))
    windows = [window(each.taken_at, each.taken_at + HOUR) for each in nights]
    for promised, kind, why in (
        ("3 days", "points alone", "the policy has let WAL go between 2026-11-19 13:00 UTC and 2026-11-20 12:00 UTC"),
        ("90 days", "hole", "WAL is missing between 2026-11-19 13:00 UTC and 2026-11-20 12:00 UTC"),
    ):
        seen = firm_seen(vault_seen("primary", windows), promised=promised)
        found = verdict(picture(seen, history(nights)), NOW - 9 * DAY + 3 * HOUR)
        if promised == "3 days":
            assert found.kind in {"points alone", "unsure"}
        else:
            assert (found.kind, found.why) == (kind, why)


def test_another_clusters_instants_can_be_staged() -> None:
    old, own = night(NOW - 9 * DAY, is_present=False), night(NOW - DAY)
    windows = [window(own.taken_at, own.registered_at)]
    known = history((old, own), windows=(window(old.taken_at, old.taken_at + 5 * HOUR), *windows))
    shown = picture(firm_seen(vault_seen("primary", windows)), known)
    for at in (old.taken_at, old.taken_at + HOUR):
        found = verdict(shown, at)
        assert (found.kind, found.comes_back) == ("another cluster", True)
        assert "it can be staged, and does not go live" in found.why
    assert verdict(shown, old.taken_at + 6 * HOUR).kind == "before"
