"""What a pass, a probe or a failed task saw becomes incidents, and what is told of them: in one transaction."""

from collections.abc import Sequence
from datetime import timedelta

from muniment.adapters.watch.store import WatchStore
from muniment.domain.incidents.assess import Known, assess
from muniment.domain.incidents.incident import Notice
from muniment.domain.incidents.judged import Judged
from muniment.domain.incidents.lifecycle import REOPENS_WITHIN
from muniment.domain.incidents.trouble import Trouble
from muniment.ports import Clock

# So that a clock which was put forth by an hour finds again what it knew.
_AND_MORE = timedelta(hours=2)


def record_troubles(
    store: WatchStore, troubles: Sequence[Trouble], judged: Judged, *, clock: Clock
) -> tuple[Notice, ...]:
    """Returns what is new to tell; it is in the store, as undelivered, with the change that it tells of.

    ``judged``: nothing is good that is not in it, so whoever only has a trouble to tell (a failed task) gives
    ``Judged()``. Raises ``WatchStoreUnavailable``: then nothing is kept, and the next pass sees it all again.
    """
    with store.book() as book:
        now = clock()  # in the book: who waited for another pass comes after it
        since = now - REOPENS_WITHIN - _AND_MORE
        found = book.incidents(since=since)
        active = [each for each in found if each.state != "resolved"]
        lately = [each for each in found if each.state == "resolved"]
        outcome = assess(troubles, judged, Known(active, lately, book.silences(now)), now)
        for incident in outcome.incidents:
            book.put(incident)
        for notice in outcome.notices:
            book.enqueue(notice)
    return outcome.notices
