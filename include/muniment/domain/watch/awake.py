"""Whether the watch is awake, asked from outside of it: what is late, in words."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import AwareDatetime

from muniment.domain.incidents.trouble import Trouble
from muniment.domain.record import Record
from muniment.domain.units import human_duration
from muniment.domain.watch.freshness import STALE_AFTER
from muniment.domain.watch.passes import Pass

UNTOLD_AFTER = timedelta(minutes=5)
"""Every channel of its route was tried, and the next round's are to come."""


class Late(Record):
    """``kind``: ``store``, ``registry``, ``pass``, ``notice``, or the cause of a trouble that Airflow has."""

    kind: str
    what: str
    since: AwareDatetime | None = None
    hint: str = ""


def late_passes(queues: Sequence[str], passes: Sequence[Pass], now: datetime) -> Iterator[Late]:
    """``queues``: those that the registry's firms have. ``passes``: the newest ended one of each."""
    ended = {each.queue: each.ended_at for each in passes if each.ended_at}
    for queue in queues:
        at = ended.get(queue)
        if at is not None and abs(now - at) <= STALE_AFTER:
            continue
        yield Late(kind="pass", what=f"queue {queue}: {_told(at, now)}", since=at, hint=_SEE_THE_DAG)


_SEE_THE_DAG = "see whether the scheduler runs, fleet__watch is not paused and a worker serves that queue; meanwhile:"
_SEE_THE_DAG += " muniment watch pass"


def _told(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "no pass of the watch has ended yet"
    if at > now:
        return f"the last pass of the watch ended in the future, at {at:%Y-%m-%d %H:%M} UTC: a clock is wrong"
    return f"the last pass of the watch ended {human_duration((now - at).total_seconds())} ago"


def untold(notices: Mapping[str, Mapping[str, str]], now: datetime) -> Iterator[Late]:
    """Of ``runbooks/incidents/tell.py``: what no channel of its route has taken."""
    for facts in notices.values():
        made_at = datetime.fromisoformat(facts["made_at"])
        if now - made_at >= UNTOLD_AFTER:
            what = f"nobody was told of: {facts['subject']} ({facts['why']})"
            yield Late(kind="notice", what=what, since=made_at, hint="muniment alerts test")


def of_airflow(troubles: Sequence[Trouble]) -> Iterator[Late]:
    """Whatever keeps Airflow from running the watch itself."""
    for trouble in troubles:
        yield Late(kind=trouble.cause, what=trouble.what, hint=trouble.hint.rstrip("."))
