"""A firm's line on the fleet's page, in words: unknown is said, and what was seen too long ago is not told as what
is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote
from zoneinfo import ZoneInfo

from muniment.domain.fleet.moment import Moment, ago, moment_of, rounded_up
from muniment.domain.fleet.row import FirmRow, OpenIncident, VaultCell
from muniment.domain.fleet.spark import Spark, spark_of
from muniment.domain.fleet.standing import Standing, rpos_of, worst_of
from muniment.domain.incidents.severity import GRAVE, gravest
from muniment.domain.shown_text import shown
from muniment.domain.watch.freshness import ROTATION_STALE_AFTER, is_fresh


class Said(NamedTuple):
    """What a cell says: its first line, an instant, and a quieter line. ``is_bad``: it breaks a promise. ``is_old``: it
    was so when it was seen last, or nobody knows. ``path``: where its first line leads, below the fleet's page."""

    text: str = ""
    at: Moment | None = None
    beside: str = ""
    is_bad: bool = False
    is_old: bool = False
    path: str = ""
    spark: Spark | None = None

    @property
    def look(self) -> str:
        """Its class on a page."""
        return "bad" if self.is_bad else "grey" if self.is_old else ""


@dataclass(frozen=True, slots=True)
class FleetLine:
    """``cells``: of what can be recovered, RPO, last point, last drill, window, incidents, next run."""

    firm: str
    path: str
    name: str
    place: str
    left: str
    """When it left the registry; empty: it is in it."""
    standing: Standing
    why: str
    cells: tuple[Said, ...]


def fleet_line(row: FirmRow, standing: Standing, incidents: Sequence[OpenIncident], now: datetime) -> FleetLine:
    zone, path = ZoneInfo(row.time_zone), f"firm/{quote(row.firm, safe='')}"
    return FleetLine(
        firm=row.firm,
        path=path,
        name=shown(row.name),
        place=f"{row.tier} · {row.region}",
        left=f"left the registry on {row.left_registry_at.astimezone(zone):%Y-%m-%d}" if row.left_registry_at else "",
        standing=standing,
        why=_why(standing, incidents),
        cells=(
            _recover(row, zone, now),
            _rpo(row, now)._replace(spark=spark_of(row, now)),
            _point(row, zone, now),
            _drill(row, path, zone, now),
            _window(row, zone, now),
            _incidents(incidents, path),
            _night(row, zone, now),
        ),
    )


def _why(standing: Standing, incidents: Sequence[OpenIncident]) -> str:
    """Of a firm that is well: what may make it unwell."""
    why = standing.why or tuple(f"warning: {each.subject}" for each in incidents)
    if len(why) < 2:
        return "".join(why)
    return f"{why[0]}; and {len(why) - 1} more"


def _recover(row: FirmRow, zone: ZoneInfo, now: datetime) -> Said:
    """By the vault that reaches furthest, of those that were seen lately."""
    looked = [cell for cell in row.vaults if is_fresh(cell.seen_at, now)] if is_fresh(row.seen_at, now) else []
    best = _furthest(looked)
    if best and best.recoverable_to and best.seen_at:
        lost = rounded_up(max((now - best.recoverable_to).total_seconds(), 0))
        return Said(f"now − {lost}", moment_of(best.recoverable_to, zone, now), f"seen {ago(best.seen_at, now)}")
    last = _furthest(row.vaults)
    if last is None:
        return Said("unknown" if row.points or not looked else "nothing yet", is_old=True)
    seen = f"when last seen, {ago(last.seen_at, now)}" if last.seen_at else "when last seen"
    return Said("unknown", moment_of(last.recoverable_to, zone, now), seen, is_old=True)


def _furthest(cells: Sequence[VaultCell]) -> VaultCell | None:
    reaching = [(cell.recoverable_to, number) for number, cell in enumerate(cells) if cell.recoverable_to]
    return cells[max(reaching)[1]] if reaching else None


def _rpo(row: FirmRow, now: datetime) -> Said:
    promised = f"of {rounded_up(row.rpo_promise_s)}"
    if row.is_unread:
        return Said("unknown", is_old=True)
    if row.evidence_at and row.points == 0:
        return Said("no point yet", beside=promised, is_bad=not row.is_new, is_old=row.is_new)
    rpos = rpos_of(row, now)
    is_bad = any(rpo is not None and rpo > row.rpo_promise_s for rpo in rpos)
    worst = worst_of(rpos)
    if worst is not None and not is_bad:
        return Said(rounded_up(worst), beside=promised)
    each = ", ".join(
        f"{cell.side} {'unknown' if rpo is None else rounded_up(rpo)}"
        for cell, rpo in zip(row.vaults, rpos, strict=True)
    )
    if worst is None:
        is_partly = any(rpo is not None for rpo in rpos)
        return Said(
            "unknown", beside=f"{promised}; {each}" if is_partly else promised, is_bad=is_bad, is_old=not is_bad
        )
    return Said(rounded_up(worst), beside=f"{promised}; {each}", is_bad=True)


def _point(row: FirmRow, zone: ZoneInfo, now: datetime) -> Said:
    is_old = not is_fresh(row.evidence_at, now, ROTATION_STALE_AFTER)
    if row.evidence_at is None:
        return Said("unknown", is_old=True)
    if row.last_point_at is None:
        return Said("none", beside=_as_read(row, now) if is_old else "", is_bad=not row.is_new, is_old=is_old)
    is_copied = row.last_copied_at is not None and row.last_copied_at >= row.last_point_at
    is_verified = row.last_verified_at is not None and row.last_verified_at >= row.last_point_at
    beside = f"{'in both vaults' if is_copied else 'not in the replica'}, {'' if is_verified else 'not '}verified"
    if is_old:
        beside += f", {_as_read(row, now)}"
    return Said(
        at=moment_of(row.last_point_at, zone, now),
        beside=beside,
        is_bad=not (is_copied and is_verified) and not is_old,
        is_old=is_old,
    )


def _as_read(row: FirmRow, now: datetime) -> str:
    return f"as read {ago(row.evidence_at, now)}" if row.evidence_at else "never read"


def _drill(row: FirmRow, path: str, zone: ZoneInfo, now: datetime) -> Said:
    is_old = not is_fresh(row.evidence_at, now, ROTATION_STALE_AFTER)
    failed = "the newest failed" if row.last_drill_failed else ""
    if row.last_drill_at is None:
        text = "unknown" if row.evidence_at is None else "none has passed"
        return Said(text, beside=failed, is_bad=bool(failed), is_old=is_old)
    promised = rounded_up(row.rto_promise_s)
    took = "RTO unknown" if row.drill_rto_s is None else f"RTO {rounded_up(row.drill_rto_s)} of {promised}"
    is_late = row.drill_rto_s is not None and row.drill_rto_s > row.rto_promise_s
    beside = "; ".join(each for each in (failed, took, _as_read(row, now) if is_old else "") if each)
    return Said(
        text=ago(row.last_drill_at, now),
        at=moment_of(row.last_drill_at, zone, now),
        beside=beside,
        is_bad=(bool(failed) or is_late) and not is_old,
        is_old=is_old,
        path=f"{path}/drill/{quote(row.last_drill, safe='')}" if row.last_drill else "",
    )


def _window(row: FirmRow, zone: ZoneInfo, now: datetime) -> Said:
    is_old = not is_fresh(row.seen_at, now)
    if row.window_start_at is None:
        return Said("unknown" if row.points or row.evidence_at is None else "none", is_old=True)
    holes = "" if row.holes == 0 else "1 hole" if row.holes == 1 else f"{row.holes} holes"
    beside = ", ".join(each for each in ("a hole now" if row.hole_now else "", holes) if each)
    since = moment_of(row.window_start_at, zone, now)
    return Said("since", since, beside or "no holes", is_bad=row.hole_now, is_old=is_old)


def _incidents(incidents: Sequence[OpenIncident], path: str) -> Said:
    if not incidents:
        return Said("none")
    worst = gravest(each.severity for each in incidents)
    at = f"incident/{quote(incidents[0].id, safe='')}" if len(incidents) == 1 else f"{path}#incidents"
    return Said(f"{len(incidents)} open", beside=worst, is_bad=worst in GRAVE, path=at)


def _night(row: FirmRow, zone: ZoneInfo, now: datetime) -> Said:
    if row.next_night_at is None or row.left_registry_at is not None:
        return Said("none" if row.left_registry_at else "unknown", is_old=True)
    text = ago(row.next_night_at, now)
    if row.next_night_at < now:
        return Said(f"was due {text}", moment_of(row.next_night_at, zone, now), is_old=True)
    return Said(text, moment_of(row.next_night_at, zone, now))
