"""What was owed to a firm and did not come: a trouble for each duty that is missing, and what brings it about by hand.

A cause that explains it (a paused DAG, a vault that is away) is a trouble of its own, and holds this one back:
``domain/incidents/explains.py``. So each names the places that it depends on.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from muniment.domain.drill.rules import OVERDUE_AFTER
from muniment.domain.incidents.severity import severity_of
from muniment.domain.incidents.trouble import Cause, Scope, Severity, Trouble
from muniment.domain.units import human_duration
from muniment.domain.watch.duty import Duty, DutyState
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.firm_trouble import Words, trouble_of
from muniment.domain.watch.vault import VaultSide

_DAY = timedelta(days=1)
_NEVER = "never"


@dataclass(frozen=True, slots=True)
class _Missing:
    """``what`` follows "firm acme was owed" and an instant; ``hint`` is a command or where to look."""

    cause: Cause
    subject: str
    what: str
    kept: str
    hint: str
    at_stake: str
    side: VaultSide = "primary"


_MISSING: Mapping[Duty, _Missing] = {
    "nightly point": _Missing(
        "point-missing",
        "no recovery point of the last night",
        "a recovery point",
        "every recovery point before it, and the WAL in the vaults",
        "see in Airflow why {firm}__backup did not run to its end, or take the point now: `muniment backup {firm}`",
        "documents and configuration as they were since the last point; the database as far as WAL reaches",
    ),
    "second copy": _Missing(
        "copy-missing",
        "the last night has no copy in the other region",
        "a copy of the night's recovery point in the other region",
        "the recovery point itself, in the primary vault, and older ones in both",
        "bring it over: `muniment copy {firm}`, and see in Airflow why copy_to_replica of {firm}__backup did not",
        "the newest night, if the primary region is lost now",
        "replica",
    ),
    "verification": _Missing(
        "verification-missing",
        "the last night is not verified",
        "a verified recovery point",
        "every recovery point that is verified; the newest is there, and not proven",
        "look at what its verification found: `muniment points {firm}`, then `muniment verify {firm}`",
        "nobody knows that the newest nights can be restored",
    ),
    "drill": _Missing(
        "drill-missing",
        "no restore drill has passed",
        "a restore drill that passes",
        "every recovery point: that the last ones restore is what nobody has shown",
        "see what the last one found: `muniment drills {firm}`; run one now: `muniment drill {firm}`",
        "nobody has shown lately that this firm can be restored, and how long it takes",
    ),
    "sign-off": _Missing(
        "sign-off-missing",
        "the quarter's drill is not signed off",
        "a reviewer's word on the quarter's drill",
        "the drill and its evidence",
        "a reviewer answers in Airflow, or types `muniment sign-off {firm} DRILL --by NAME`; `muniment drills {firm}`"
        " names the drill",
        "a quarter without the review that was promised",
    ),
    "documents": _Missing(
        "documents-missing",
        "the documents of the last night are not in the vault",
        "a snapshot of its documents",
        "every document version that was copied before",
        "see in Airflow why sync_documents of {firm}__backup did not end, then `muniment backup {firm}`",
        "documents that were written or changed since",
    ),
    "configuration": _Missing(
        "configuration-missing",
        "the configuration of the last night is not in the vault",
        "a snapshot of its configuration",
        "every snapshot before it",
        "see in Airflow why back_up_config of {firm}__backup did not end, then `muniment backup {firm}`",
        "settings and secrets that were changed since",
    ),
}


def duty_troubles(seen: FirmSeen) -> Iterator[Trouble]:
    for state in seen.duties:
        if state.state == "missing" and state.duty in _MISSING:
            yield _missing(seen, state, _MISSING[state.duty])
        if state.state == "missing" and state.duty == "channel test":
            yield _untested(seen, state)


def _missing(seen: FirmSeen, state: DutyState, words: _Missing) -> Trouble:
    last = f"{state.evidence_at:%Y-%m-%d %H:%M} UTC" if state.evidence_at else _NEVER
    return trouble_of(
        seen,
        words.cause,
        _severity(seen, state),
        Words(
            subject=words.subject,
            what=f"firm {seen.firm} was owed {words.what} {_at(seen, state.due_at)}, and has none; the last: {last}",
            kept=words.kept,
            hint=words.hint.format(firm=seen.firm),
            at_stake=words.at_stake,
            breaks_at=state.grace_until,
        ),
        scopes=tuple(_places(seen, words.side)),
        opens_at_once=True,
    )


def _untested(seen: FirmSeen, state: DutyState) -> Trouble:
    last = f"{state.evidence_at:%Y-%m-%d %H:%M} UTC" if state.evidence_at else _NEVER
    return trouble_of(
        seen,
        "channel-untested",
        "warning",
        Words(
            subject="nobody knows whether a person would be told",
            what=f"the ways by which somebody is told of firm {seen.firm} were tried last: {last}",
            kept="everything; what is told is kept until a receiver has taken it",
            hint="try them: `muniment alerts test`",
            at_stake="an alert that reaches nobody",
        ),
        scopes=(Scope(kind="watch", name="channels"),),
    )


def _severity(seen: FirmSeen, state: DutyState) -> Severity:
    """By how many nights, months or quarters are lacking: a whole one is what was promised."""
    return severity_of(max(_periods(seen, state), 1.0), seen.severity_weight)


def _periods(seen: FirmSeen, state: DutyState) -> float:
    since = state.evidence_at or seen.watched_since
    if state.duty == "drill":
        return (seen.seen_at - since) / OVERDUE_AFTER
    if state.duty == "sign-off" and state.due_at and state.grace_until:
        return (seen.seen_at - state.due_at) / (state.grace_until - state.due_at)
    return (seen.seen_at - since) / _DAY


def _at(seen: FirmSeen, due_at: datetime | None) -> str:
    if due_at is None:
        return ""
    late = human_duration((seen.seen_at - due_at).total_seconds())
    return f"at {due_at.astimezone(ZoneInfo(seen.time_zone)):%Y-%m-%d %H:%M} {seen.time_zone} ({late} ago)"


def _places(seen: FirmSeen, side: VaultSide) -> Iterator[Scope]:
    if vault := seen.vault(side):
        yield Scope(kind="key", name=vault.key)
        yield Scope(kind="bucket", name=vault.bucket)
    if seen.host:
        yield Scope(kind="host", name=seen.host)
    yield Scope(kind="queue", name=seen.queue)
    if vault:
        yield Scope(kind="region", name=vault.region)
