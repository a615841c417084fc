from datetime import datetime

import pytest

from muniment.domain.fleet.frame import Frame
from muniment.domain.fleet.history import RestoreSeen
from muniment.domain.fleet.instant_view import InstantView, instant_asked, instant_view, side_asked
from muniment.domain.fleet.pictures import FirmPicture
from muniment.errors import InvalidRequest
from tests.support.recovery_pictures import DAY, HOUR, NOW, nightly, picture, whole_picture

NIGHTS = nightly(5)
FRAME = Frame("/airflow", NOW)


def view(known: FirmPicture, at: datetime, now: datetime = NOW) -> InstantView:
    return instant_view(known, Frame("/airflow", now), at)


def test_an_instant_is_answered_from_each_vault_with_the_form_filled_in() -> None:
    found = view(whole_picture(), NOW - 30 * HOUR)
    assert (found.is_recoverable, found.is_known) == (True, True)
    assert found.told == "It can be restored from the primary vault and from the replica vault."
    primary, replica = found.vaults
    assert primary.restore is not None
    assert replica.restore is not None
    assert primary.restore.startswith("/airflow/dags/acme__restore/")
    assert "restore_time=2026-11-27T06%3A00%3A00Z" in primary.restore
    assert "restore_side=replica" in replica.restore
    assert primary.latest is None


def test_behind_the_last_point_as_far_as_the_wal_reaches_is_offered_too() -> None:
    found = view(whole_picture(), NOW - HOUR).vaults[0]
    assert found.latest is not None
    assert "restore_target=latest" in found.latest


def test_a_point_is_restored_by_its_name() -> None:
    found = view(whole_picture(), NIGHTS[1].taken_at).vaults[0]
    assert found.restore is not None
    assert f"restore_position={NIGHTS[1].point}" in found.restore
    assert found.documents is not None
    assert found.documents.count == NIGHTS[1].documents


def test_what_cannot_be_restored_names_the_points_around() -> None:
    found = view(whole_picture(), NIGHTS[0].taken_at - DAY)
    assert (found.is_recoverable, found.is_known) == (False, True)
    assert found.told == "It cannot be restored from any vault."
    primary = found.vaults[0]
    assert (primary.restore, primary.way, primary.documents, primary.before) == (None, None, None, None)
    assert primary.after is not None
    assert primary.after.point == NIGHTS[0].point
    assert primary.after.address == "/airflow/recovery/firm/acme/at/2026-11-24T10%3A00%3A00Z?side=primary"


def test_an_old_look_is_never_taken_for_yes_or_no() -> None:
    found = view(whole_picture(), NOW - 30 * HOUR, NOW + 5 * HOUR)
    assert (found.is_recoverable, found.is_known) == (False, False)
    assert found.told.startswith("Unknown: the look at the primary and the replica vault is old")
    gone = view(whole_picture(), NIGHTS[0].taken_at - DAY, NOW + 5 * HOUR)
    assert gone.told == "Unknown: nobody can say whether it can be restored."
    nobody = view(picture(whole_picture().seen.model_copy(update={"vaults": ()}), None), NOW - DAY)
    assert (nobody.told, nobody.is_known) == ("Unknown: nobody can say whether it can be restored.", False)


def test_registers_that_were_never_read_are_not_taken_for_empty() -> None:
    found = view(picture(whole_picture().seen, None), NOW - 30 * HOUR)
    assert found.read_at is None
    assert found.vaults[0].documents is None
    assert "documents: what changed since is unknown, for the registers were never read" in found.lost


def test_what_would_be_lost_is_told() -> None:
    lost = view(whole_picture(), NOW - 30 * HOUR).lost
    assert lost[0] == "whatever was committed after that instant: the work of 1 d 6 h"
    assert "by the 2 nights since: 2 overwritten and 0 vanished" in lost[1]
    assert "it lies in the future" in view(whole_picture(), NOW + HOUR).vaults[0].verdict.why
    assert view(whole_picture(), NOW + HOUR).lost == ()


def test_an_instant_on_a_timeline_that_a_restore_left_says_so() -> None:
    restore = RestoreSeen(
        id="r",
        run="r",
        where="live",
        asked_at=NOW - 28 * HOUR,
        end="live",
        reached_at=NOW - 50 * HOUR,
        finished_at=NOW - 27 * HOUR,
    )
    known = whole_picture()
    assert known.history is not None
    known = picture(known.seen, known.history.model_copy(update={"restores": (restore,)}))
    found = view(known, NOW - 30 * HOUR)
    assert "the firm was restored to 2026-11-26 11:00 CET after that instant" in found.notes[0]
    assert "the restore of 2026-11-27 10:00 CET went live after it" in found.lost
    assert view(known, NOW - 51 * HOUR).notes == ()
    assert view(known, NOW - 26 * HOUR).notes == ()


def test_now_is_the_newest_instant_that_comes_back() -> None:
    assert instant_asked(whole_picture(), "now", NOW) == NOW
    assert instant_asked(picture(whole_picture().seen.model_copy(update={"vaults": ()}), None), "now", NOW) is None
    assert instant_asked(whole_picture(), "2026-11-20T18:00", NOW) == datetime.fromisoformat("2026-11-20T17:00Z")
    found = instant_view(whole_picture(), FRAME, NOW, is_newest=True)
    assert found.vaults[0].restore is not None
    assert "restore_target=latest" in found.vaults[0].restore


def test_one_vault_is_asked_where_the_address_names_it() -> None:
    assert side_asked(None) is None
    assert side_asked("replica") == "replica"
    assert [each.held.side for each in instant_view(whole_picture(), FRAME, NOW, side="replica").vaults] == ["replica"]
    with pytest.raises(InvalidRequest) as refused:
        side_asked("<b>")
    assert refused.value.facts["faults"] == "side: '<b>' is no vault: it is primary or replica"
