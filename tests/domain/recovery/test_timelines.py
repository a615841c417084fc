"""Which timeline is the present: the one on which the firm's cluster was seen last, whatever its number."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from muniment.domain.recovery.roll_back import RolledBack
from muniment.domain.recovery.timelines import Timelines
from tests.support.paper_archives import NOON, backup

HOUR = timedelta(hours=1)


def seen(written: Mapping[int, datetime], *backups: object, back: RolledBack | None = None) -> Timelines:
    return Timelines.of(written, written.__getitem__, backups, (back,) if back else ())  # type: ignore[arg-type]


def back_to(timeline: int, at: datetime) -> RolledBack:
    return RolledBack(
        id="20261121T083000123Z",
        firm="acme",
        run="test",
        why="the wrong night",
        was_live=True,
        abandoned=2,
        timeline=timeline,
        ended_at=at,
    )


def test_after_going_live_the_new_timeline_is_the_present() -> None:
    assert seen({1: NOON, 2: NOON + HOUR}).serving == 2


def test_after_a_roll_back_the_old_one_is_as_soon_as_it_archives_or_is_recorded() -> None:
    abandoned = {1: NOON, 2: NOON + HOUR}
    assert seen({**abandoned, 1: NOON + 2 * HOUR}).serving == 1
    assert seen(abandoned, back=back_to(1, NOON + 2 * HOUR)).serving == 1


def test_a_restore_that_goes_live_after_a_roll_back_is_the_present_again() -> None:
    later = {1: NOON + 3 * HOUR, 2: NOON + HOUR, 3: NOON + 4 * HOUR}
    assert seen(later, back=back_to(1, NOON + 2 * HOUR)).serving == 3


def test_a_workers_clock_does_not_outvote_the_servers() -> None:
    hasty = backup("b", 6, 6.5, timeline=2, at=NOON + 9 * HOUR)
    assert seen({1: NOON + HOUR, 2: NOON}, hasty).serving == 1


def test_without_any_wal_the_newest_backup_tells() -> None:
    newest, older = backup("b", 6, 6.5, timeline=4, at=NOON + HOUR), backup("a", 3, 3.5, timeline=7)
    assert seen({}, newest, older).serving == 4
    assert seen({}).serving == 1
