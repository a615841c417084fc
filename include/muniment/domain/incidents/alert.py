"""What on-call hears once, however many nights it lasts: when it begins, every seventh night, and when it is over.

``told`` are the names of what was told before, as the primary vault keeps them. A trouble that lasts is named by the
instant at which it was told first; what is told of it later bears that name and an ending.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime

from muniment.domain.record import Record, instant_of, new_id
from muniment.domain.vault.incomplete import Incomplete
from muniment.domain.vault.registers import WalHole

type Topic = Literal["second-region", "wal-hole", "incomplete"]

REMIND_EVERY_NIGHTS = 7
_OVER = ".over"
_LACKING = "-lacking"
"""A trouble that began while the region answered."""
_DIGEST_DIGITS = 16
_AWAY = ".away"
"""And in which it then went away: that is news, whatever on-call knew before."""


class Alert(Record):
    """``audit/alerts/<topic>/<name>.json``: on-call was told this."""

    format: Literal[1] = 1
    firm: str
    topic: Topic
    name: str
    subject: str
    message: str
    told_at: AwareDatetime
    told: str
    """Who was told, by which way."""


@dataclass(frozen=True, slots=True)
class Notice:
    """``message`` has what happened, KEPT and HINT."""

    topic: Topic
    name: str
    subject: str
    message: str


def open_since(told: Set[str]) -> str | None:
    """The name of the trouble that is not over."""
    begun = {name for name in told if "." not in name}
    return max((name for name in begun if name + _OVER not in told), default=None)


def last_over(told: Set[str]) -> str | None:
    """The name of what was told when everything was in both regions again, the last time."""
    return max((name for name in told if name.endswith(_OVER)), default=None)


def second_region_notice(
    *, firm: str, region: str, away: str | None, waiting: Sequence[str], told: Set[str], now: datetime
) -> Notice | None:
    """``away``: why the region does not answer. ``waiting``: points that it does not have, oldest first."""
    since = open_since(told)
    if since is None:
        name = new_id(now) + ("" if away else _LACKING)
        return _begun(firm, region, away, waiting, name) if away or waiting else None
    if not away and not waiting:
        what = f"the second region {region} of firm {firm} has everything again"
        kept = "every recovery point, in both regions"
        return Notice(
            "second-region", since + _OVER, f"{firm}: whole in both regions again", _text(what, kept, "none.")
        )
    if away and since.endswith(_LACKING) and since + _AWAY not in told:
        return _begun(firm, region, away, waiting, since + _AWAY)
    nights = _nights_since(since, now) // REMIND_EVERY_NIGHTS * REMIND_EVERY_NIGHTS
    if nights and f"{since}.{nights}" not in told:
        return _begun(firm, region, away, waiting, f"{since}.{nights}")
    return None


def _nights_since(since: str, now: datetime) -> int:
    """Nights begin at about the same hour. By the clock and not by points: a region that answers and still lacks one
    point lacks no more of them next week."""
    began = instant_of(since.removesuffix(_LACKING))
    return int((now - began) / timedelta(days=1) + 0.5)


def hole_notices(*, firm: str, holes: Sequence[WalHole], point: str, told: Set[str]) -> tuple[Notice, ...]:
    """One for each that was not told of yet: a hole is known by the instant at which it begins."""
    return tuple(_of_hole(firm, hole, point) for hole in holes if new_id(hole.start_at) not in told)


def incomplete_notice(
    *, firm: str, point: str, lacking: Incomplete | None, told: Set[str], now: datetime
) -> Notice | None:
    """Of the newest point: told when what it lacks is not what on-call knows, and when nothing is lacking any more.

    A night that has it as the night before is silent. Each note is named by its instant and by the set's digest.
    """
    last = max(told, default=None)
    if lacking is None:
        if last is None or last.endswith(_OVER):
            return None
        what = f"recovery point {point} of firm {firm} has all again that the firm's file names"
        text = _text(what, "that point, whole; the points before it as they are", "none.")
        return Notice("incomplete", new_id(now) + _OVER, f"{firm}: recovery points are complete again", text)
    if last is not None and last.endswith(f"-{lacking.digest[:_DIGEST_DIGITS]}"):
        return None
    listed = "".join(f"\n  {line}" for line in lacking.lines())
    what = f"recovery point {point} of firm {firm} is incomplete: {lacking.count:,} could not be read{listed}"
    kept = "all else of the firm is in the point: database, WAL, the other documents and settings"
    if lacking.damages:
        kept = "the recovery points before it; in this one all that is not named, which a person chose to take so"
    hint = (
        "give the backup's role what it lacks, or take what nobody needs out of the firm's file; the next night tries"
        f" it again. `muniment points {firm}` names it for each point. This is told again when the list changes."
    )
    name = f"{new_id(now)}-{lacking.digest[:_DIGEST_DIGITS]}"
    return Notice("incomplete", name, f"{firm}: incomplete recovery point", _text(what, kept, hint))


def _begun(firm: str, region: str, away: str | None, waiting: Sequence[str], name: str) -> Notice:
    why = f"does not answer: {away}" if away else "answers, and lacks what it should have"
    count = f"\nrecovery points in the primary region alone: {len(waiting)}, since {waiting[0]}" if waiting else ""
    what = f"the second region {region} of firm {firm} {why}{count}"
    kept = "every recovery point in the primary region; each night goes on there"
    hint = (
        f"look at the health of S3 and KMS in {region}. When it is back, the next night brings everything over; "
        f"`muniment points {firm}` shows which points are in both regions. This is told again every "
        f"{REMIND_EVERY_NIGHTS} nights, and when it is over."
        if away
        else f"`muniment verify {firm}`, then `muniment repair {firm}`; the night's log says what it could not bring."
    )
    return Notice("second-region", name, f"{firm}: no second copy", _text(what, kept, hint))


def _of_hole(firm: str, hole: WalHole, point: str) -> Notice:
    kept = (
        f"recovery point {point} and whatever lies behind it; everything before {hole.start_at:%Y-%m-%d %H:%M:%S} UTC"
    )
    hint = (
        f"find out what removed the WAL or kept it from the archive. Where the other vault still has it, "
        f"`muniment repair {firm}` brings it back. Tonight's full backup is where recovery begins again."
    )
    what = f"the WAL archive of firm {firm} has a hole: {hole}"
    return Notice("wal-hole", new_id(hole.start_at), f"{firm}: a hole in the WAL", _text(what, kept, hint))


def _text(what: str, kept: str, hint: str) -> str:
    return f"{what}\nKEPT: {kept}\nHINT: {hint}"
