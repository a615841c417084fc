from datetime import timedelta

from muniment.domain.fleet.documents_then import changed_since, documents_of_night, documents_then, follows
from tests.support.recovery_pictures import DAY, HOUR, NOW, night

FIRST = night(NOW - 3 * DAY, documents=10, added=None, overwritten=None, vanished=None)
SECOND = night(NOW - 2 * DAY, documents=14, added=5, vanished=1, overwritten=2)
UNTOLD = night(NOW - DAY, documents=20, added=None, vanished=None, overwritten=None)


def test_between_two_lists_that_follow_each_other_documents_are_those_of_the_instant() -> None:
    assert follows(FIRST, SECOND)
    found = documents_then((FIRST, SECOND), NOW - 2 * DAY - HOUR)
    assert (found.night, found.count, found.is_exact) == (FIRST.point, 10, True)
    assert found.told.startswith("as they were at that instant, by the lists of the nights")


def test_a_list_that_says_nothing_of_the_one_before_makes_it_uncertain() -> None:
    assert not follows(SECOND, UNTOLD)
    assert not follows(FIRST, SECOND.model_copy(update={"documents": 15}))
    found = documents_then((FIRST, SECOND, UNTOLD), NOW - DAY - HOUR)
    assert (found.night, found.is_exact) == (SECOND.point, False)
    assert f"it is not certain that the list of {UNTOLD.point} goes on from it" in found.told


def test_behind_the_last_list_they_are_older_than_the_database() -> None:
    found = documents_then((FIRST, SECOND), NOW - 2 * DAY + 3 * HOUR)
    assert (found.night, found.count, found.is_exact) == (SECOND.point, 14, False)
    assert "up to 2 h 59 min older than the database" in found.told


def test_before_the_first_list_there_are_none() -> None:
    found = documents_then((FIRST, SECOND), NOW - 4 * DAY)
    assert (found.night, found.count) == (None, None)
    assert found.told == "none: no list of documents in this vault is as old"
    assert documents_then((), NOW).count is None


def test_while_a_list_is_being_taken_either_counts() -> None:
    at = SECOND.taken_at + timedelta(seconds=30)
    assert "the second one was being taken" in documents_then((FIRST, SECOND), at).told
    assert "if it had been taken by then; else none" in documents_then((SECOND,), at).told


def test_a_point_has_its_own_list() -> None:
    assert documents_of_night(SECOND).told == "those of the night's own list, 14 documents (500 B)"


def test_what_changed_since_is_told_as_far_as_lists_tell() -> None:
    assert list(changed_since((FIRST,), NOW)) == [
        "documents: no night has listed them since; what changed is unknown",
    ]
    told = list(changed_since((FIRST, SECOND, UNTOLD), NOW - 3 * DAY + HOUR))
    assert told[0] == "documents: of 1 of 2 nights since, nobody knows what changed"
    assert "by the one night since: 2 overwritten and 1 vanished" in told[1]
    assert told[2] == f"documents, after the list of night {UNTOLD.point}: what changed is unknown"
