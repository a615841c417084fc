"""Whether what is owed to a firm came: a state for each duty, from what its vaults prove and from nothing else.

=========  =====================================================================================================
new        nothing was due yet
kept       there is evidence of this very duty, younger than its due instant
late       it was due, and its grace runs
missing    its grace is over, and the vault was read since and has nothing; it stays so until the thing itself comes
suspended  a person has said so, until an end: neither kept nor missing
leaving    the firm left the registry: nobody brings it any more
unknown    nothing was read lately: after an outage of the watch, whatever was kept before
=========  =====================================================================================================
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from muniment.domain.firm.firm import Firm
from muniment.domain.watch.duty import Duty, DutyState, State, Suspension
from muniment.domain.watch.evidence import Evidence
from muniment.domain.watch.owed import Owed, channel_test, owed
from muniment.domain.watch.passes import LOOK_LASTS, PASS_EVERY
from muniment.domain.watch.vault import VaultSeen

EVIDENCE_LASTS = timedelta(hours=2)
"""The rotation reads each firm's vaults hourly at least: two of them."""

WORST_FIRST: tuple[State, ...] = ("missing", "unknown", "late", "new", "kept")


def duty_states(
    firm: Firm,
    evidence: Evidence | None,
    watched_since: datetime,
    suspensions: Sequence[Suspension],
    now: datetime,
    *,
    vaults: Sequence[VaultSeen] = (),
    looked_at: datetime | None = None,
    channel_tested_at: datetime | None = None,
) -> tuple[DutyState, ...]:
    """``suspensions``: any firm's; ended ones may be among them, and then what was due before their end is not owed.

    ``vaults``: as the newest pass saw them. ``looked_at``: when the watch looked at this firm last.
    """
    own = [each for each in suspensions if each.firm == firm.id]
    states = [
        _wal_flow(firm, vaults, now),
        *_proven(firm, evidence, watched_since, own, channel_tested_at, now),
        _watch(firm.id, looked_at, now),
    ]
    return tuple(_as_arranged(state, own, now) for state in states)


def of_a_firm_that_left(states: Sequence[DutyState]) -> tuple[DutyState, ...]:
    """Airflow has no DAGs of it any more. Its cluster may go on archiving, and the watch goes on looking."""
    goes_on: tuple[Duty, ...] = ("wal flow", "watch")
    return tuple(state if state.duty in goes_on else state.model_copy(update={"state": "leaving"}) for state in states)


def suspension_of(duty: Duty, suspensions: Sequence[Suspension], now: datetime) -> Suspension | None:
    """The one that lasts longest."""
    covering = [each for each in suspensions if each.duty in (None, duty) and each.made_at <= now < each.until]
    return max(covering, key=lambda each: each.until, default=None)


def must_read_again(states: Sequence[DutyState], evidence: Evidence | None, now: datetime) -> bool:
    """Some grace is over, and the vaults were not read since: before anything is called missing, they are."""
    graces = (state.grace_until for state in states if state.state == "late" and state.grace_until)
    return evidence is not None and any(evidence.read_at <= grace < now for grace in graces)


def _proven(
    firm: Firm,
    evidence: Evidence | None,
    watched_since: datetime,
    suspensions: Sequence[Suspension],
    channel_tested_at: datetime | None,
    now: datetime,
) -> Iterator[DutyState]:
    read = evidence or Evidence(read_at=watched_since)
    begun = (watched_since, read.vaults_made_at, read.first_point_at, read.last_point_at)
    begin = min(each for each in begun if each)

    def since(duty: Duty) -> datetime:
        return max([begin, *(past.until for past in suspensions if past.duty in (None, duty) and past.until <= now)])

    for each in owed(firm, read, since=since, now=now):
        yield _state_of(firm.id, each, _judged(each, evidence.read_at if evidence else None, now))
    channels = channel_test(channel_tested_at, watched_since, now)
    yield _state_of(firm.id, channels, _judged(channels, now, now))


def _judged(each: Owed, read_at: datetime | None, now: datetime) -> State:
    if read_at is None or now - read_at > EVIDENCE_LASTS:
        return "unknown"
    if each.is_kept:
        return "kept"
    if each.due_at > now or each.due_at < each.since:
        return "new"
    return "missing" if each.grace_until < now and each.grace_until < read_at else "late"


def _state_of(firm_id: str, each: Owed, state: State) -> DutyState:
    return DutyState(
        firm=firm_id,
        duty=each.duty,
        state=state,
        due_at=each.due_at,
        grace_until=each.grace_until,
        next_due_at=each.next_due_at,
        evidence_at=each.evidence_at,
    )


def _wal_flow(firm: Firm, vaults: Sequence[VaultSeen], now: datetime) -> DutyState:
    """Due when the first commit that a vault lacks was made; missing when that is older than the RPO."""
    states = [_flow_into(vault, firm, now) for vault in vaults] or ["unknown"]
    lacking = min((vault.at_risk_since for vault in vaults if vault.at_risk_since), default=None)
    seen = [vault.seen_at for vault in vaults if vault.seen_at]
    return DutyState(
        firm=firm.id,
        duty="wal flow",
        state=min(states, key=WORST_FIRST.index),
        due_at=lacking,
        grace_until=lacking + firm.policy.recovery_class.rpo if lacking else None,
        evidence_at=min(seen, default=None),
    )


def _flow_into(vault: VaultSeen, firm: Firm, now: datetime) -> State:
    promised_s = firm.policy.recovery_class.rpo.total_seconds()
    if vault.rpo_s is None or vault.seen_at is None or now - vault.seen_at > LOOK_LASTS:
        return "unknown"
    if vault.rpo_s > promised_s:
        return "missing"
    return "late" if vault.rpo_s > promised_s / 2 else "kept"


def _watch(firm_id: str, looked_at: datetime | None, now: datetime) -> DutyState:
    state: State = "unknown"
    if looked_at:
        state = "kept" if now - looked_at <= LOOK_LASTS else "missing"
    return DutyState(
        firm=firm_id,
        duty="watch",
        state=state,
        due_at=looked_at + PASS_EVERY if looked_at else None,
        grace_until=looked_at + LOOK_LASTS if looked_at else None,
        evidence_at=looked_at,
    )


def _as_arranged(state: DutyState, suspensions: Sequence[Suspension], now: datetime) -> DutyState:
    found = suspension_of(state.duty, suspensions, now)
    return state.model_copy(update={"state": "suspended", "suspension": found}) if found else state
