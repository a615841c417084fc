"""One incident's page: what is wrong, for whom, what is safe, what to do, and who was told of it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from muniment.domain.fleet.incident_words import since, state_word, whose
from muniment.domain.fleet.pictures import IncidentPicture, ToldNotice
from muniment.domain.fleet.shown_word import ShownWord
from muniment.domain.fleet.sight import Sight, firms_of
from muniment.domain.incidents.incident import Change, Incident, Member, Silence
from muniment.domain.incidents.lifecycle import OPEN
from muniment.domain.incidents.telling import is_silenced
from muniment.domain.incidents.trouble import Cause, Severity
from muniment.domain.watch.passes import PASS_EVERY

_ON_ITS_WAY = 2 * PASS_EVERY
"""Each pass tells what it claims."""


@dataclass(frozen=True, slots=True)
class MemberLine:
    firm: str
    name: str
    zone: str
    severity: Severity
    since: datetime
    what: str
    at_stake: str
    breaks_at: datetime | None
    also: tuple[Cause, ...]
    well_since: datetime | None


@dataclass(frozen=True, slots=True)
class Told:
    """A notice, and each try to tell it."""

    kind: str
    severity: Severity
    made_at: datetime
    word: ShownWord
    tries: tuple[tuple[str, datetime, str], ...]
    """Channel, when, and why it did not take it; empty: it did."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Other:
    """Another incident, as this one names it."""

    id: str
    subject: str


@dataclass(frozen=True, slots=True)
class IncidentView:
    id: str
    key: str
    cause: Cause
    subject: str
    severity: Severity
    word: ShownWord
    is_open: bool
    flaps: bool
    whose: str
    zone: str
    """The firm's, where it is one firm's; else UTC."""
    since: datetime
    opened_at: datetime | None
    resolved_at: datetime | None
    last_seen_at: datetime
    what: str | None
    """``None``: its words are of a firm that is hidden; then so are ``kept`` and ``hint``."""
    kept: str
    hint: str
    members: tuple[MemberLine, ...]
    hidden: int
    """So many more firms are in it."""
    changes: tuple[Change, ...]
    told: tuple[Told, ...]
    acknowledged_by: str | None
    acknowledged_until: datetime | None
    silences: tuple[Silence, ...]
    is_held_back: bool
    held_back_by: Other | None
    holds_back: tuple[Other, ...]
    runbook: str
    """Below the documents' address."""
    log: str | None
    """Of the task that failed."""


def incident_view(picture: IncidentPicture, sight: Sight, now: datetime) -> IncidentView | None:
    """``None`` where ``sight`` does not see it."""
    incident = picture.incident
    if not sight.sees(incident):
        return None
    sight, whole = sight.among(firms_of(incident)), sight.sees_all_of(incident)
    words = sight.text
    members = _members(picture, sight)
    quiet = tuple(each for each in picture.silences if is_silenced(incident, [each]))
    is_acknowledged = incident.state == "acknowledged"
    return IncidentView(
        id=incident.id,
        key=words(incident.key),
        cause=incident.cause,
        subject=words(incident.subject),
        severity=incident.severity,
        word=state_word(incident),
        is_open=incident.state in OPEN,
        flaps=incident.flapping_told_at is not None,
        whose=whose(incident, {firm: row.name for firm, row in picture.rows.items()}, sight),
        zone=members[0].zone if len(members) == 1 and whole else "UTC",
        since=since(incident),
        opened_at=incident.opened_at,
        resolved_at=incident.resolved_at if incident.state == "resolved" else None,
        last_seen_at=incident.last_bad_at,
        what=words(incident.what) if whole else None,
        kept=words(incident.kept) if whole else "",
        hint=words(incident.hint) if whole else "",
        members=members,
        hidden=len(firms_of(incident) - sight.allowed),
        changes=tuple(each.model_copy(update={"what": words(each.what)}) for each in incident.changes),
        told=tuple(_told(each, bool(quiet), words, now) for each in picture.notices),
        acknowledged_by=incident.acknowledged_by if is_acknowledged else None,
        acknowledged_until=incident.acknowledged_until if is_acknowledged else None,
        silences=tuple(_silences(quiet, sight, whole)),
        is_held_back=incident.held_back_by is not None,
        held_back_by=next(_others([picture.held_back_by], sight), None),
        holds_back=tuple(_others(picture.holds_back, sight)),
        runbook=incident.runbook,
        log=_address(incident.links.get("log"), words) if whole else None,
    )


def _silences(quiet: Iterable[Silence], sight: Sight, whole: bool) -> Iterator[Silence]:
    """Why is a person's own words, of whichever firm; and one of a hidden firm is that firm's."""
    for each in quiet:
        if each.firm is None or each.firm in sight.allowed:
            yield each.model_copy(update={"why": sight.text(each.why) if whole else ""})


def _members(picture: IncidentPicture, sight: Sight) -> tuple[MemberLine, ...]:
    """Who is in it, then who is out of it, each by name."""
    lines = [_member(each, picture, sight.text) for each in sight.members(picture.incident)]
    return tuple(sorted(lines, key=lambda each: (each.well_since is not None, each.name, each.firm)))


def _member(member: Member, picture: IncidentPicture, words: Callable[[str], str]) -> MemberLine:
    row = picture.rows.get(member.firm)
    return MemberLine(
        firm=member.firm,
        name=row.name if row else member.firm,
        zone=row.time_zone if row else "UTC",
        severity=member.severity,
        since=member.since,
        what=words(member.what),
        at_stake=words(member.at_stake),
        breaks_at=member.breaks_at,
        also=member.also,
        well_since=member.well_since,
    )


def _told(told: ToldNotice, is_quiet: bool, words: Callable[[str], str], now: datetime) -> Told:
    notice = told.notice
    tries = tuple((each.channel, each.at, words(each.failure or "")) for each in told.deliveries)
    word = ShownWord("told", "safe") if told.delivered_at else _untold(told, is_quiet, now)
    why = words(told.untold or "") if told.delivered_at is None else ""
    return Told(notice.kind, notice.severity, notice.made_at, word, tries, why)


def _untold(told: ToldNotice, is_quiet: bool, now: datetime) -> ShownWord:
    if told.untold is not None:
        return ShownWord("nobody took it yet; it is tried again", "lost")
    if is_quiet:
        return ShownWord("waits: it is silenced", "suspended")
    if now - told.notice.made_at <= _ON_ITS_WAY or told.notice.severity == "critical":
        return ShownWord("on its way", "new")
    return ShownWord("waits for the end of quiet hours", "suspended")


def _others(incidents: Iterable[Incident | None], sight: Sight) -> Iterator[Other]:
    for each in incidents:
        if each is not None and sight.sees(each):
            yield Other(each.id, sight.among(firms_of(each)).text(each.subject))


def _address(url: str | None, words: Callable[[str], str]) -> str | None:
    """Of a web page: nothing else becomes a link, nor what names a hidden firm. Browsers read a backslash as a slash,
    and pass over a tab."""
    if url is None or words(url) != url or not url.isprintable() or url.startswith(("//", "/\\")):
        return None
    return url if url.startswith("/") or urlsplit(url).scheme in {"http", "https"} else None
