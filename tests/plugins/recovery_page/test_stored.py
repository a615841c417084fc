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


def test_once_it_is_back_it_is_read_again() -> None:
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
