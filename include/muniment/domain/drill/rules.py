"""The rules of a drill: what it restores and from where, what it expects, and when one is overdue."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from muniment.domain.drill.evidence import DrillTarget, Means, PastDrill
from muniment.domain.evidence import Check, DrillSide
from muniment.domain.firm.firm import Policy, RecoveryClass
from muniment.domain.retention.rules import chain_locked_until
from muniment.domain.units import human_duration
from muniment.domain.vault.registers import Point, RecoveryWindow
from muniment.domain.wal.names import Lsn

OVERDUE_AFTER = timedelta(days=35)
"""A month, and a few days to repeat the one that failed."""

LONGEST = timedelta(hours=12)
"""Airflow ends a drill that takes longer; by then one of which nothing is known has ended, however."""

HISTORY_SHOWN = 24


@dataclass(frozen=True, slots=True)
class Route:
    """From which vault, and by what."""

    side: DrillSide
    by: Means


def route_of(number: int, *, side: DrillSide | None = None, by: Means | None = None) -> Route:
    """Every second drill has the replica vault alone, every fourth of all has the restore kit alone.

    ``number`` counts from 1. ``side`` and ``by`` are what a person asked for; neither changes the other.
    """
    chosen: DrillSide = side or ("replica" if number % 2 == 0 else "primary")
    means: Means = by or ("restore-kit" if number % 4 == 0 else "muniment")
    return Route(chosen, means)


def planned_steps(route: Route, policy: Policy) -> tuple[str, ...]:
    """What a drill that nothing stops goes through, in this order: the steps of ``Exercise``, and no others."""
    by_kit = route.by == "restore-kit"
    by_us = ("fetch, decrypt and verify the base backup", "fetch WAL", "pg_verifybackup")
    kit = (
        "take the restore kit out of the vault",
        "restore kit: fetch base backups and WAL",
        "restore kit: verify and combine",
    )
    return (
        "choose the target",
        *(kit if by_kit else by_us),
        *(("restore kit: start and recover", "start again, isolated") if by_kit else ("start and recover",)),
        "position reached",
        "extensions",
        "read every relation",
        "control totals and ledgers",
        "indexes and visibility maps",
        "embeddings and smoke queries",
        *(("restore kit: fetch documents",) if by_kit else ()),
        "documents",
        *(("rows and documents name each other",) if policy.document_references else ()),
        "what was promised",
        "destroy the server",
    )


def evidence_locked_until(policy: Policy, now: datetime) -> datetime:
    """As long as the audit log is kept, and never shorter than what the drill restored."""
    return max(chain_locked_until(policy, now), now + policy.audit_log)


def choose_target(points: Sequence[Point], *, window: timedelta, now: datetime, seed: int) -> DrillTarget | None:
    """The same seed and points lead to the same target; ``None`` where there is no point. One that names damaged files
    is drawn where there is no other: that it would fail is known.

    Half of the drills take a recovery point, which tells its control totals to the cent; the others any position
    between two neighbours, as far back as the point-in-time ``window`` reaches.
    """
    chance = random.Random(seed)
    sound = [point for point in points if not point.is_damaged] or points
    ordered = sorted(sound, key=lambda point: point.measured)
    gaps = list(_gaps(ordered, now - window)) if window else []
    # Numbers that were read on a busy server are nobody's exactly: they bracket others.
    exact = [point for point in ordered if point.control_totals.exact] or ordered[-1:]
    if gaps and chance.random() < 0.5:
        before, after = chance.choice(gaps)
        first, end = (point.control_totals.lsn.offset_bytes for point in (before, after))
        return DrillTarget(kind="between", lsn=Lsn(chance.randrange(first + 1, end)), before=before.id, after=after.id)
    if not exact:
        return None
    point = chance.choice(exact)
    return DrillTarget(kind="point", lsn=point.control_totals.lsn, before=point.id)


def _gaps(ordered: Sequence[Point], since: datetime) -> Iterator[tuple[Point, Point]]:
    """Neighbours between which any position can be recovered."""
    windows = ordered[-1].windows if ordered else ()
    for before, after in pairwise(ordered):
        begin, end = before.control_totals.lsn, after.control_totals.lsn
        same = (before.system_identifier, before.wal.timeline) == (after.system_identifier, after.wal.timeline)
        # The newest point's numbers were read after its windows; it was registered when the WAL up to them was there.
        reach = min(end, after.wal.through_lsn) if after is ordered[-1] else end
        within = any(_covers(window, before, begin) and _covers(window, after, reach) for window in windows)
        if same and within and before.taken_at >= since and end.offset_bytes > begin.offset_bytes + 1:
            yield before, after


def _covers(window: RecoveryWindow, point: Point, lsn: Lsn) -> bool:
    return window.timeline == point.wal.timeline and window.start_lsn <= lsn <= window.end_lsn


def promise_checks(promised: RecoveryClass, *, recover_s: float, data_lost_s: float | None) -> Iterator[Check]:
    """The firm's class, against what was measured. ``data_lost_s`` is ``None`` where nothing could be."""
    rto, rpo = promised.rto.total_seconds(), promised.rpo.total_seconds()
    yield _within("time to recover (RTO)", recover_s, rto)
    if data_lost_s is None:
        yield Check(
            name="data lost (RPO)",
            expected=_at_most(rpo),
            found="not known: the firm's server did not answer",
            passed=None,
        )
    else:
        yield _within("data lost (RPO)", data_lost_s, rpo)


def _within(name: str, found_s: float, limit_s: float) -> Check:
    return Check(name=name, expected=_at_most(limit_s), found=f"{found_s:.1f} s", passed=found_s <= limit_s)


def _at_most(limit_s: float) -> str:
    return f"at most {human_duration(limit_s)}"


def did_not_finish(started_at: datetime, *, runs: bool | None, now: datetime) -> bool:
    """Of a drill without evidence. ``runs``: what its own machine says; ``None`` on another one."""
    return now - started_at > LONGEST if runs is None else not runs


def passed_last(history: Sequence[PastDrill]) -> datetime | None:
    return max((drill.finished_at for drill in history if drill.passed), default=None)


def overdue_since(history: Sequence[PastDrill], *, first_point_at: datetime | None, now: datetime) -> datetime | None:
    """When the next drill should have passed; ``None`` where none is overdue."""
    due = owed_until(history, first_point_at=first_point_at)
    return due if due is not None and due < now else None


def owed_until(history: Sequence[PastDrill], *, first_point_at: datetime | None) -> datetime | None:
    """Until when the next drill has to pass.

    A firm that never passed one counts from its first recovery point, and one that has none owes no drill.
    """
    begin = passed_last(history) or first_point_at
    return begin + OVERDUE_AFTER if begin is not None else None


def sampled[T](items: Sequence[T], *, size: int, seed: int, wanted: Callable[[T], bool]) -> tuple[T, ...]:
    """At most ``size`` of those that are ``wanted``; the same ones for the same seed."""
    chosen = [item for item in items if wanted(item)]
    return tuple(random.Random(seed).sample(chosen, min(size, len(chosen))))
