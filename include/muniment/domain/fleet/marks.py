"""What happened at an instant, as a mark of the time line: a link with a form that says what it is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from muniment.domain.fleet.frame import Frame, in_address
from muniment.domain.fleet.history import DrillSeen, NightSeen, RestoreSeen
from muniment.domain.fleet.instants import in_zone
from muniment.domain.fleet.pictures import FirmPicture
from muniment.domain.incidents.incident import Incident

SQUARE = "M-5-5h10v10h-10z"
CIRCLE = "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z"
TRIANGLE = "M0-6L6 5H-6z"
CROSS = "M-5-5L5 5M5-5L-5 5"
DIAMOND = "M0-6L6 0L0 6L-6 0z"
RING = "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0zM-2 0h4"
BACK = "M5-5v10L-6 0z"


@dataclass(frozen=True, slots=True)
class Mark:
    """``lane``: of the time line. ``label`` says all of it; ``what`` is its kind and ``told`` the rest."""

    at: datetime
    lane: str
    what: str
    told: str
    href: str
    form: str
    """Path of SVG around its place."""
    css: str
    ends_at: datetime | None = None
    """Of what lasts."""

    @property
    def sorts_by(self) -> tuple[datetime, str, str]:
        return self.at, self.lane, self.href


def marks_of(picture: FirmPicture, frame: Frame) -> tuple[Mark, ...]:
    """In time order."""
    history, firm, zone = picture.history, picture.seen.firm, picture.seen.time_zone
    found: list[Mark] = []
    if history is not None:
        found += (_point(each, frame, firm) for each in history.nights)
        found += (_drill(each, frame, firm) for each in history.drills)
        found += (_restore(each) for each in history.restores)
    found += _incidents(picture.incidents, frame, firm, zone)
    return tuple(sorted(found, key=lambda each: each.sorts_by))


def _point(night: NightSeen, frame: Frame, firm: str) -> Mark:
    lacking = "damaged pages" if night.is_damaged else "incomplete" if night.lacks else None
    form = CROSS if night.is_damaged else TRIANGLE if night.lacks else SQUARE if night.kind == "full" else CIRCLE
    copies = "in both vaults" if night.in_replica else "in the primary vault alone"
    of = "" if night.is_present else "of a cluster that was replaced"
    told = ", ".join(filter(None, (night.kind, lacking, copies, of)))
    css = "s-lost" if night.is_damaged else "s-risk" if night.lacks else "two" if night.in_replica else "one"
    href = frame.page("firm", firm, "at", in_address(night.taken_at))
    return Mark(night.taken_at, "points", f"Point {night.point}", told, href, form, css)


def _drill(drill: DrillSeen, frame: Frame, firm: str) -> Mark:
    word, form, css = drill_state(drill)
    told = f"{word}, from the {drill.side} vault"
    href = frame.page("firm", firm, "drill", drill.id)
    return Mark(drill.started_at, "drills", f"Drill {drill.number}", told, href, form, css)


def drill_state(drill: DrillSeen) -> tuple[str, str, str]:
    """Word, form, class."""
    if drill.finished_at is None or drill.did_not_finish:
        return ("did not finish" if drill.did_not_finish else "has not ended"), RING, "s-unknown"
    return ("passed", DIAMOND, "s-safe") if drill.passed else ("failed", CROSS, "s-lost")


def _restore(restore: RestoreSeen) -> Mark:
    back = ", rolled back" if restore.was_rolled_back else ""
    to = f" to {restore.target}" if restore.target else ""
    told = f"{restore.where}{to}: {restore.end}{back}"
    href = f"#restore-{restore.id}"
    return Mark(restore.asked_at, "restores", "Restore", told, href, BACK, "one", restore.finished_at)


def _incidents(incidents: Iterable[Incident], frame: Frame, firm: str, zone: str) -> Iterator[Mark]:
    for each in incidents:
        own = next((member for member in each.members if member.firm == firm), None)
        if own is None or each.opened_at is None:
            continue
        over = own.well_since or each.resolved_at
        told = f"{each.cause}, {each.severity}, " + (f"over at {in_zone(over, zone)}" if over else "not over")
        css = "s-risk" if over is None else "one"
        href = frame.page("incident", each.id)
        yield Mark(max(own.since, each.observed_at), "incidents", "Incident", told, href, TRIANGLE, css, over)
