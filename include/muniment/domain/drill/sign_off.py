"""Once a quarter a named person looks at a drill and signs it off: which one, who may, by when, and what is recorded.

A quarter's drill is the newest that passed, or where none did the newest. Any that passed and was signed off is enough,
so that one that came later does not undo what a person has done.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime

from muniment.domain.drill.evidence import Drill, PastDrill
from muniment.domain.firm.firm import Firm
from muniment.domain.firm.schedule import drill_cron
from muniment.domain.record import HashedRecord
from muniment.domain.units import human_duration

QUARTER_ENDS_IN = "3,6,9,12"
"""Months: in each, the firm's drill is the one that waits for a person."""


class SignOff(HashedRecord):
    """``drills/<id>.sign-off.json``: written once, in both vaults."""

    format: Literal[1] = 1
    firm: str
    drill: str
    drill_sha256: str
    """Of the evidence that was looked at (hex)."""
    verdict: Literal["passed", "failed"]
    quarter: str
    by: str
    through: str
    """Where the person was: a run of Airflow's, which has asked for a password, or a user of a machine."""
    note: str = ""
    signed_at: AwareDatetime
    signing_key: str | None = None
    """As in the evidence: of the signature beside it; ``None``: a sealed digest lies there."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """The drill of a quarter that nobody has signed off, and by when somebody should have."""

    drill: str
    quarter: str
    due: datetime

    def is_overdue(self, now: datetime) -> bool:
        return self.due < now


def quarter_of(instant: datetime, time_zone: str) -> str:
    """``2026-Q4``, by the firm's own calendar."""
    local = instant.astimezone(ZoneInfo(time_zone))
    return f"{local.year}-Q{(local.month + 2) // 3}"


def awaited(
    history: Sequence[PastDrill], signed: Iterable[str], *, time_zone: str, within: timedelta, now: datetime
) -> tuple[Awaited, ...]:
    """Each quarter's drill that waits for its sign-off, oldest first. ``signed``: ids of drills.

    The running quarter's waits from its last month on; one without a drill owes none: that the drill itself is missing
    is told elsewhere.
    """
    done = set(signed)
    by_quarter: dict[str, list[PastDrill]] = {}
    for drill in sorted((each for each in history if each.finished), key=lambda each: (each.finished_at, each.id)):
        by_quarter.setdefault(quarter_of(drill.finished_at, time_zone), []).append(drill)
    waiting = {quarter: _in_question(drills) for quarter, drills in by_quarter.items()}
    return tuple(
        Awaited(drills[-1].id, quarter, drills[-1].finished_at + within)
        for quarter, drills in waiting.items()
        if done.isdisjoint(drill.id for drill in drills) and _is_due(quarter, by_quarter[quarter][-1], time_zone, now)
    )


def why_none_waits(history: Sequence[PastDrill], signed: Mapping[str, SignOff], *, time_zone: str) -> str:
    """Where ``awaited`` has none: the quarter has its word, its last month is to come, or nothing was drilled."""
    last = max((each for each in history if each.finished), key=lambda each: each.finished_at, default=None)
    if last is None:
        unfinished = f"; {len(history)} began and did not finish" if history else ""
        return f"no drill has left evidence yet{unfinished}"
    quarter = quarter_of(last.finished_at, time_zone)
    for drill_id, found in signed.items():
        if found.quarter == quarter:
            return f"drill {drill_id} was signed off for {quarter} by {found.by}"
    return f"{quarter} is not in its last month, from which on its drill waits; the last drill is {last.id}"


def _in_question(drills: Sequence[PastDrill]) -> Sequence[PastDrill]:
    """Of one quarter's, oldest first: a person's word on any of these is enough, and the last one is asked about."""
    return [drill for drill in drills if drill.passed] or drills[-1:]


def _is_due(quarter: str, last: PastDrill, time_zone: str, now: datetime) -> bool:
    in_last_month = last.finished_at.astimezone(ZoneInfo(time_zone)).month % 3 == 0
    return in_last_month or quarter != quarter_of(now, time_zone)


def sign_off_cron(firm: Firm) -> str:
    """Every quarter, a day after the drill of its last month began: by then it has ended, or somebody knows."""
    minute, hour, day, *_ = drill_cron(firm).split()
    return f"{minute} {hour} {int(day) + 1} {QUARTER_ENDS_IN} *"


def signed_by(sign_offs: Mapping[str, SignOff], drill: PastDrill) -> PastDrill:
    """``drill`` as a later page tells it."""
    found = sign_offs.get(drill.id)
    return drill.model_copy(update={"signed_off_by": found.by}) if found else drill


def summary(drill: Drill, buckets: Sequence[str]) -> str:
    """What a reviewer is shown, as Markdown: enough to see whether to open the page."""
    open_ = drill.unjudged_checks
    of = f"{len(drill.passed_checks)} of {len(drill.checks) - len(open_)} checks"
    left = f"; {len(open_)} more could not be judged" if open_ else ""
    took = "never" if drill.recover_s is None else human_duration(drill.recover_s)
    lost = "not known" if drill.data_lost_s is None else human_duration(drill.data_lost_s)
    wrong = [f"* {check.name}: expected {check.expected}, found {check.found}" for check in drill.failed_checks]
    return "\n".join(
        [
            f"Restore drill {drill.number} of {drill.firm_name}, {drill.started_at:%Y-%m-%d %H:%M} UTC: "
            f"**{drill.verdict}**, {of}{_ended(drill)}{left}.",
            "",
            f"* Recovered in {took}; {human_duration(drill.rto_s)} were promised.",
            f"* Would have lost {lost}; {human_duration(drill.rpo_s)} were promised.",
            f"* Target: {drill.target}, from the {drill.side} vault alone, by {drill.by}.",
            *wrong,
            *(f"* Not judged: {check.name}: {check.found}" for check in open_),
            *([f"* It ended with: {drill.failure}"] if drill.failure else []),
            "",
            f"Read `drills/{drill.id}.pdf` (or `.html`) in {' or '.join(f'`{bucket}`' for bucket in buckets)}.",
        ]
    )


def _ended(drill: Drill) -> str:
    """Few checks that all passed say little of a drill that came no further."""
    if drill.failure is None:
        return ""
    done = len(drill.planned) - len(drill.not_done)
    return f" that were made before it was ended, after {done} of {len(drill.planned)} steps"
