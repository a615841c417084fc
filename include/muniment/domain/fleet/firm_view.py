"""A firm's page: how it stands, what comes back, what happened, and what its nights and vaults tell over time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from muniment.domain.fleet.firm_plots import drill_plot, night_plots, rpo_plot, rpo_span, stock_plots
from muniment.domain.fleet.frame import Frame, in_address
from muniment.domain.fleet.history import ActSeen, DrillSeen, FirmHistory, NightSeen, RestoreSeen
from muniment.domain.fleet.instant_view import NOW
from muniment.domain.fleet.marks import drill_state
from muniment.domain.fleet.open_incidents import open_by_firm
from muniment.domain.fleet.pictures import FirmPicture
from muniment.domain.fleet.plot import Plot
from muniment.domain.fleet.recoverable import Held, held_by_each, point_in_time_window
from muniment.domain.fleet.restore_link import restore_form
from muniment.domain.fleet.sight import Sight
from muniment.domain.fleet.span import Span, span_asked, whole_span
from muniment.domain.fleet.standing import Standing, standing_of
from muniment.domain.fleet.time_line import TimeLine, time_line
from muniment.domain.incidents.incident import Incident
from muniment.domain.incidents.trouble import Severity
from muniment.domain.retention.stock import Going
from muniment.domain.watch.duty import DutyState, Suspension
from muniment.domain.watch.passes import Sample
from muniment.domain.watch.vault import SIDES, VaultSeen, VaultSide

NIGHTS_SHOWN = 90
INCIDENTS_SHOWN = 100
"""That are over: a firm whose incidents come and go has thousands in a year."""


@dataclass(frozen=True, slots=True)
class VaultLine:
    seen: VaultSeen
    held: Held
    recoverable_to: datetime | None
    rpo_s: float | None
    """``None``: unknown."""
    rpo_known_at: datetime | None


@dataclass(frozen=True, slots=True)
class NightLine:
    night: NightSeen
    address: str
    restore: str


@dataclass(frozen=True, slots=True)
class DrillLine:
    drill: DrillSeen
    word: str
    css: str
    address: str


@dataclass(frozen=True, slots=True)
class IncidentLine:
    id: str
    address: str
    cause: str
    severity: Severity
    what: str
    since: datetime
    over_at: datetime | None
    state: str


@dataclass(frozen=True, slots=True)
class NextExpiry:
    """``told_at``: by which night."""

    side: VaultSide
    told_at: datetime
    next_at: datetime
    goes: tuple[Going, ...]

    @property
    def size_bytes(self) -> int:
        return sum(each.size_bytes for each in self.goes)


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    href: str


@dataclass(frozen=True, slots=True)
class FirmView:
    picture: FirmPicture
    standing: Standing | None
    """``None``: no pass has written its line yet."""
    recoverable_to: datetime | None
    is_current: bool
    """By looks that are not old; else it was so when they were made, and is unknown now."""
    vaults: tuple[VaultLine, ...]
    line: TimeLine
    span: Span
    has_asked: bool
    """The address says from when to when."""
    rpo: Plot
    rpo_span: Span
    plots: tuple[Plot, ...]
    expiries: tuple[NextExpiry, ...]
    nights: tuple[NightLine, ...]
    """Newest first."""
    more_nights: int
    drills: tuple[DrillLine, ...]
    restores: tuple[RestoreSeen, ...]
    acts: tuple[ActSeen, ...]
    incidents: tuple[IncidentLine, ...]
    more_incidents: int
    suspensions: tuple[Suspension, ...]
    duties: tuple[DutyState, ...]
    dags: tuple[Link, ...]
    window: timedelta | None
    """How far back any instant is promised; 0: nightly points only; ``None``: unknown."""
    now_address: str
    at_form: str


def span_of(picture: FirmPicture, begin: str | None, end: str | None, now: datetime) -> Span:
    """Of ``?from=&to=``. Raises ``InvalidRequest``."""
    return span_asked(begin, end, picture.seen.time_zone, _whole(picture, now))


def samples_span(span: Span) -> Span:
    """Whose samples ``firm_view`` wants."""
    return rpo_span(span)


def firm_view(
    picture: FirmPicture,
    frame: Frame,
    span: Span,
    *,
    samples: Sequence[Sample],
    unwatched: Sequence[tuple[datetime, datetime]],
    sight: Sight,
) -> FirmView:
    """``span``: ``span_of``'s. ``samples``: of ``samples_span(span)``. ``unwatched``: when no pass looked within it.
    ``sight``: what may be read of incidents that other firms share."""
    seen, row, history, now = picture.seen, picture.row, picture.history, frame.now
    whole, firm = _whole(picture, now), seen.firm
    open_now = open_by_firm(picture.incidents).get(firm, ())
    held = held_by_each(seen, row, history, now)
    current = [each for each in held if each.is_current]
    incidents = tuple(_incidents(picture.incidents, frame, firm, sight))
    over = [each for each in incidents if each.over_at]
    left_out = frozenset(each.id for each in over[INCIDENTS_SHOWN:])
    return FirmView(
        picture=picture,
        standing=standing_of(row, open_now, now) if row else None,
        recoverable_to=_newest(current or held),
        is_current=bool(current),
        vaults=tuple(_vault(picture, each) for each in held),
        line=time_line(picture, held, frame, span, whole, unwatched),
        span=span,
        has_asked=span != whole,
        rpo=rpo_plot(seen, samples, rpo_span(span)),
        rpo_span=rpo_span(span),
        plots=tuple(_plots(picture, history, span)) if history else (),
        expiries=tuple(_expiries(history)) if history else (),
        nights=tuple(_nights(history, frame)) if history else (),
        more_nights=max(0, len(history.nights) - NIGHTS_SHOWN) if history else 0,
        drills=tuple(_drills(history, frame)) if history else (),
        restores=tuple(reversed(history.restores)) if history else (),
        acts=tuple(reversed(history.acts)) if history else (),
        incidents=tuple(each for each in incidents if each.id not in left_out),
        more_incidents=len(left_out),
        suspensions=picture.suspensions,
        duties=seen.duties,
        dags=tuple(_dags(frame, firm)),
        window=point_in_time_window(seen),
        now_address=frame.page("firm", firm, "at", NOW),
        at_form=frame.page("firm", firm, "at"),
    )


def _whole(picture: FirmPicture, now: datetime) -> Span:
    history = picture.history
    begins = [each.start_at for vault in picture.seen.vaults for each in vault.windows]
    begins += [each.taken_at for each in history.nights] if history else []
    return whole_span(min(begins, default=None), now)


def _newest(held: Sequence[Held]) -> datetime | None:
    return max((each.reaches_at for each in held if each.reaches_at), default=None)


def _vault(picture: FirmPicture, held: Held) -> VaultLine:
    seen = picture.seen.vault(held.side)
    assert seen is not None, "each Held is of one"
    cells = picture.row.vaults if picture.row else ()
    cell = next((each for each in cells if each.side == held.side), None)
    known_at = cell.rpo_known_at if cell else seen.rpo_known_at
    return VaultLine(seen, held, held.reaches_at, seen.rpo_s if held.is_current else None, known_at)


def _plots(picture: FirmPicture, history: FirmHistory, span: Span) -> Iterator[Plot]:
    zone = picture.seen.time_zone
    yield from night_plots(history, span, zone)
    yield from stock_plots(history, span, zone)
    if history.drills:
        yield drill_plot(picture.seen, history, span)


def _expiries(history: FirmHistory) -> Iterator[NextExpiry]:
    """By the newest night's own word, of each vault."""
    for side in SIDES:
        newest = next((each.stock for each in reversed(history.stocks) if each.side == side), None)
        if newest is not None:
            yield NextExpiry(side, newest.at, newest.next_at, newest.next_goes)


def _nights(history: FirmHistory, frame: Frame) -> Iterator[NightLine]:
    for each in reversed(history.nights[-NIGHTS_SHOWN:]):
        address = frame.page("firm", history.firm, "at", in_address(each.taken_at))
        form = restore_form(frame, history.firm, instant=None, point=each.point, side="primary")
        yield NightLine(each, address, form)


def _drills(history: FirmHistory, frame: Frame) -> Iterator[DrillLine]:
    for each in reversed(history.drills):
        word, _, css = drill_state(each)
        yield DrillLine(each, word, css, frame.page("firm", history.firm, "drill", each.id))


def _incidents(incidents: Sequence[Incident], frame: Frame, firm: str, sight: Sight) -> Iterator[IncidentLine]:
    """Those that were told of, the newest first."""
    for each in sorted(incidents, key=lambda one: one.observed_at, reverse=True):
        own = next((member for member in each.members if member.firm == firm), None)
        if each.opened_at is None or (own is None and each.members):
            continue
        over = (own.well_since if own else None) or each.resolved_at
        yield IncidentLine(
            id=each.id,
            address=frame.page("incident", each.id),
            cause=each.cause,
            severity=own.severity if own else each.severity,
            what=sight.text(own.what if own else each.subject),
            since=own.since if own else each.observed_at,
            over_at=over,
            state="over" if over else each.state,
        )


def _dags(frame: Frame, firm: str) -> Iterator[Link]:
    kinds = {"Nightly backup": "backup", "Restore": "restore", "Drill": "restore_test"}
    for label, kind in kinds.items():
        yield Link(label, frame.dag(f"{firm}__{kind}"))
