import threading

import pytest

from muniment.errors import WatchStoreUnavailable
from muniment_airflow.recovery_page import stored as module
from muniment_airflow.recovery_page.stored import Stored

AWAY = WatchStoreUnavailable(place="postgresql watch", reason="it does not answer")


class Reader:
    """Of ``Stored`` alone: what it reads is the caller's affair."""

    def __init__(self, *, is_away: bool = False) -> None:
        self.is_away = is_away

    def fleet(self) -> str:
        if self.is_away:
            raise AWAY
        return "the fleet"


def stored_with(*readers: Reader | WatchStoreUnavailable) -> tuple[Stored, list[object]]:
    """Opened as often as there are readers; each opening is counted."""
    left, opened = list(readers), []

    def opens() -> Reader:
        reader = left.pop(0)
        opened.append(reader)
        if isinstance(reader, WatchStoreUnavailable):
            raise reader
        return reader

    return Stored(opens), opened  # type: ignore[arg-type]


def fleet(reader: object) -> str:
    assert isinstance(reader, Reader)
    return reader.fleet()


def test_it_is_opened_once() -> None:
    stored, opened = stored_with(Reader())
    told = [stored.ask("fleet", fleet) for _ in range(3)]
    assert [(each.what, each.stale) for each in told] == [("the fleet", None)] * 3
    assert len(opened) == 1


def test_while_it_is_away_the_last_answer_is_given_and_said_to_be_old() -> None:
    reader = Reader()
    stored, _ = stored_with(reader, AWAY, AWAY)
    stored.ask("fleet", fleet)
    reader.is_away = True
    for _ in range(2):
        told = stored.ask("fleet", fleet)
        assert told.what == "the fleet"
        assert told.stale is not None
        assert told.stale.startswith("Shown as it was ")
        assert "the watch's store postgresql watch does not do what it was asked for: it does not answer" in told.stale


def test_once_it_is_back_it_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REST_S", 0.0)
    first, second = Reader(), Reader()
    stored, opened = stored_with(first, second)
    stored.ask("fleet", fleet)
    first.is_away = True
    assert stored.ask("fleet", fleet).stale is not None
    assert stored.ask("fleet", fleet).stale is None
    assert opened == [first, second]


def test_what_was_never_read_cannot_be_shown() -> None:
    stored, _ = stored_with(AWAY)
    with pytest.raises(WatchStoreUnavailable):
        stored.ask("fleet", fleet)


def test_another_question_has_no_old_answer() -> None:
    reader = Reader()
    stored, _ = stored_with(reader)
    stored.ask(("firm", "a"), fleet)
    reader.is_away = True
    with pytest.raises(WatchStoreUnavailable):
        stored.ask(("firm", "b"), fleet)


def test_old_answers_are_not_kept_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 2)
    reader = Reader()
    stored, _ = stored_with(reader, AWAY)
    for number in range(3):
        stored.ask(number, fleet)
    reader.is_away = True
    with pytest.raises(WatchStoreUnavailable):
        stored.ask(0, fleet)


def test_a_store_that_has_just_been_away_is_not_waited_for_again() -> None:
    reader, asked = Reader(is_away=True), list[object]()
    stored, opened = stored_with(reader, Reader())

    def counted(found: object) -> str:
        asked.append(found)
        return fleet(found)

    for _ in range(3):
        with pytest.raises(WatchStoreUnavailable):
            stored.ask("fleet", counted)
    assert (asked, opened) == ([reader], [reader])


def test_one_that_says_nothing_is_left_behind_and_the_last_answer_given() -> None:
    stored, _ = stored_with(Reader())
    stored.ask("fleet", fleet)
    comes = threading.Event()

    def hangs(reader: object) -> str:
        comes.wait()
        return "too late"

    try:
        told = stored.ask("fleet", hangs, deadline_s=0.01)
        assert (told.what, told.stale is None) == ("the fleet", False)
        assert "no answer within 0.01 s" in str(told.stale)
    finally:
        comes.set()


def test_one_whose_opening_hangs_keeps_nobody_from_the_last_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REST_S", 0.0)
    comes, reader = threading.Event(), Reader()
    opened = list[object]()

    def opens() -> Reader:
        opened.append(reader)
        if len(opened) > 1:
            comes.wait()
        return reader

    stored = Stored(opens)  # type: ignore[arg-type]
    stored.ask("fleet", fleet)
    reader.is_away = True
    stored.ask("fleet", fleet)
    try:
        for _ in range(2):
            assert stored.ask("fleet", fleet, deadline_s=0.01).what == "the fleet"
    finally:
        comes.set()


def test_no_more_wait_for_it_at_once_than_airflow_can_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 1)
    monkeypatch.setattr(module, "_REST_S", 0.0)
    stored, _ = stored_with(Reader(), Reader())
    comes = threading.Event()
    try:
        with pytest.raises(WatchStoreUnavailable, match="no answer within"):
            stored.ask("fleet", lambda reader: comes.wait() and fleet(reader), deadline_s=0.01)
        with pytest.raises(WatchStoreUnavailable, match="still wait for an answer"):
            stored.ask("fleet", fleet)
    finally:
        comes.set()
