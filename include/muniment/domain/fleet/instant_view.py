"""What would I get: an instant of a firm, asked of each vault by what the watch has kept.

It agrees with ``muniment restore --plan`` as far as registers and a vault's WAL tell. What only the WAL's own records
say, such as the last transaction before a hole, the plan finds out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from muniment.domain.fleet.documents_then import DocumentsThen, changed_since, documents_of_night, documents_then
from muniment.domain.fleet.frame import Frame, in_address
from muniment.domain.fleet.history import DrillSeen, NightSeen
from muniment.domain.fleet.instants import in_zone, parse_instant
from muniment.domain.fleet.pictures import FirmPicture
from muniment.domain.fleet.recoverable import Held, held_by_each
from muniment.domain.fleet.restore_link import restore_form
from muniment.domain.fleet.verdict import Verdict, verdict_of
from muniment.domain.fleet.way_there import Way, way_to
from muniment.domain.units import human_duration
from muniment.domain.watch.vault import SIDES, VaultSide
from muniment.errors import InvalidRequest

NOW = "now"
"""In the address: the newest instant that comes back."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """A point that can be restored where the instant cannot."""

    point: str
    at: datetime
    address: str
    restore: str


@dataclass(frozen=True, slots=True)
class OfVault:
    held: Held
    verdict: Verdict
    way: Way | None
    """``None``: nothing leads there."""
    documents: DocumentsThen | None
    """``None`` where it comes back: nobody knows, the registers were never read."""
    restore: str | None
    """Address of the form, filled in."""
    latest: str | None
    """The same to as far as the WAL reaches, where the instant lies near that."""
    before: Nearest | None
    after: Nearest | None


@dataclass(frozen=True, slots=True)
class InstantView:
    firm: str
    name: str
    time_zone: str
    at: datetime
    is_newest: bool
    """Nobody named an instant: it is the newest that comes back."""
    is_recoverable: bool
    """From one vault at least, by looks that are not old."""
    is_known: bool
    """False: whether it is, nobody knows."""
    told: str
    vaults: tuple[OfVault, ...]
    lost: tuple[str, ...]
    notes: tuple[str, ...]
    read_at: datetime | None
    """When the vaults' registers were read last; ``None``: never."""
    unread: tuple[str, ...]


def instant_asked(picture: FirmPicture, text: str, now: datetime) -> datetime | None:
    """``now`` is the newest instant that comes back; ``None``: nothing does. Raises ``InvalidRequest``."""
    if text != NOW:
        return parse_instant(text, picture.seen.time_zone)
    held = held_by_each(picture.seen, picture.row, picture.history, now)
    return max((each.reaches_at for each in held if each.reaches_at), default=None)


def side_asked(text: str | None) -> VaultSide | None:
    """``None``: both. Raises ``InvalidRequest``."""
    found = next((side for side in SIDES if side == text), None)
    if text and found is None:
        raise InvalidRequest(count=1, faults=f"side: {text!r} is no vault: it is primary or replica")
    return found


def instant_view(
    picture: FirmPicture, frame: Frame, at: datetime, *, side: VaultSide | None = None, is_newest: bool = False
) -> InstantView:
    """``side``: of one vault alone."""
    seen, now = picture.seen, frame.now
    history = picture.history
    held = held_by_each(seen, picture.row, history, now)
    asked = [each for each in held if side in (None, each.side)]
    drills = history.drills if history else ()
    vaults = tuple(_of_vault(each, at, drills, frame, seen.firm, seen.time_zone, is_newest=is_newest) for each in asked)
    return InstantView(
        firm=seen.firm,
        name=seen.name,
        time_zone=seen.time_zone,
        at=at,
        is_newest=is_newest,
        is_recoverable=any(each.verdict.comes_back and each.held.is_current for each in vaults),
        is_known=any(each.verdict.is_known and each.held.is_current for each in vaults),
        told=_told(vaults, at, now),
        vaults=vaults,
        lost=tuple(_lost(picture, held, at, now)),
        notes=tuple(_notes(picture, at)),
        read_at=history.read_at if history else None,
        unread=history.unread if history else (),
    )


def _of_vault(
    held: Held,
    at: datetime,
    drills: Sequence[DrillSeen],
    frame: Frame,
    firm: str,
    time_zone: str,
    *,
    is_newest: bool,
) -> OfVault:
    verdict = verdict_of(held, at, frame.now, time_zone)
    nights = tuple(sorted((*held.points, *held.other_points), key=lambda each: each.taken_at))
    point = verdict.point
    documents = None
    if verdict.comes_back and held.knows_points:
        documents = documents_of_night(point) if point else documents_then(nights, at)
    way = way_to(held, at, documents, drills, verdict) if verdict.comes_back else None
    restore = latest = None
    if verdict.comes_back:
        named = point.point if point else None
        instant = None if point or is_newest else at
        restore = restore_form(frame, firm, instant=instant, point=named, side=held.side)
        if not point and not is_newest and _is_near_the_end(held, at):
            latest = restore_form(frame, firm, instant=None, point=None, side=held.side)
    whole = [each for each in held.points if each.point not in held.lacking]
    earlier = [each for each in whole if each.taken_at < at]
    later = [each for each in whole if each.taken_at > at]
    return OfVault(
        held=held,
        verdict=verdict,
        way=way,
        documents=documents,
        restore=restore,
        latest=latest,
        before=_nearest(earlier[-1], frame, firm, held.side) if earlier else None,
        after=_nearest(later[0], frame, firm, held.side) if later else None,
    )


def _is_near_the_end(held: Held, at: datetime) -> bool:
    """Behind the last point, where no register tells that anything was committed later."""
    return bool(held.stretches) and held.stretches[-1].has(at) and all(each.taken_at <= at for each in held.points)


def _nearest(night: NightSeen, frame: Frame, firm: str, side: VaultSide) -> Nearest:
    address = frame.page("firm", firm, "at", in_address(night.taken_at), side=side)
    form = restore_form(frame, firm, instant=None, point=night.point, side=side)
    return Nearest(night.point, night.taken_at, address, form)


def _told(vaults: Sequence[OfVault], at: datetime, now: datetime) -> str:
    """The answer in one sentence."""
    if at > now:
        return "It lies in the future: nothing of it is anywhere."
    current = [each for each in vaults if each.held.is_current]
    leading = [each.held.side for each in current if each.verdict.comes_back]
    if leading:
        return f"It can be restored from the {' vault and from the '.join(leading)} vault."
    old = [each.held.side for each in vaults if each.verdict.comes_back and not each.held.is_current]
    if old:
        return (
            f"Unknown: the look at the {' and the '.join(old)} vault is old; by then it could be restored from there."
        )
    if any(not each.verdict.is_known or not each.held.is_current for each in vaults) or not vaults:
        return "Unknown: nobody can say whether it can be restored."
    return "It cannot be restored from any vault."


def _lost(picture: FirmPicture, held: Sequence[Held], at: datetime, now: datetime) -> Iterator[str]:
    """What is between that instant and now, were it restored into live."""
    if at >= now:
        return
    yield f"whatever was committed after that instant: the work of {human_duration((now - at).total_seconds())}"
    if picture.history is None:
        yield "documents: what changed since is unknown, for the registers were never read"
    else:
        yield from changed_since(max((each.points for each in held), key=len, default=()), at)
    for each in picture.history.restores if picture.history else ():
        if each.where == "live" and each.end == "live" and at < each.finished_at:
            yield f"the restore of {in_zone(each.finished_at, picture.seen.time_zone)} went live after it"


def _notes(picture: FirmPicture, at: datetime) -> Iterator[str]:
    """What is not as the instant alone would make one think."""
    for each in picture.history.restores if picture.history else ():
        is_live = each.where == "live" and each.end == "live" and not each.was_rolled_back
        if is_live and each.reached_at is not None and each.reached_at < at < each.finished_at:
            yield (
                f"the firm was restored to {in_zone(each.reached_at, picture.seen.time_zone)} after that instant: its"
                " history goes on from there, and what it had been committing until then lies on another timeline"
            )
