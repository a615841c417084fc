"""Firms in every state that the Recovery page knows, with names that nobody would give on purpose."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from math import sin

from muniment.domain.fleet.history import FirmHistory
from muniment.domain.fleet.row import BUCKET, DutyCell, FirmRow, VaultCell
from muniment.domain.watch.duty import Duty, State
from muniment.domain.watch.evidence import Evidence
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.passes import PASS_EVERY, Sample
from muniment.domain.watch.vault import VaultSide
from tests.support.fleets import DUTIES, REGIONS, duty_state, server_seen, vault_seen
from tests.support.recovery_histories import DAY, SIDES, history_of

LONG_NAME = (
    "Featherstonehaugh, Cholmondeley-Marjoribanks & Wriothesley-Beauchamp Solicitors and Notaries Public of the City "
    "of London (incorporating Donaudampfschifffahrtsgesellschaftskapitänsrechtsanwaltskanzlei) LLP"
)
TAG_NAME = "<script>alert(1)</script>"
_OF_THE_NIGHT: tuple[Duty, ...] = ("nightly point", "second copy", "verification", "drill")
RIGHT_TO_LEFT = "مكتب النور للمحاماة والاستشارات القانونية"


@dataclass(frozen=True, slots=True)
class ShownFirm:
    """What the watch's store has of a firm."""

    seen: FirmSeen
    row: FirmRow
    history: FirmHistory | None
    samples: tuple[Sample, ...] = ()


def safe(
    firm: str, name: str, now: datetime, *, tier: str = "professional", zone: str = "America/New_York"
) -> ShownFirm:
    """Everything is known, and well."""
    history = history_of(firm, now)
    samples = _samples(firm, now)
    return ShownFirm(_seen(firm, name, tier, zone, now), _row(firm, name, tier, zone, now, samples), history, samples)


def _seen(firm: str, name: str, tier: str, zone: str, now: datetime) -> FirmSeen:
    night = (now - timedelta(hours=6)).replace(microsecond=0)
    return FirmSeen(
        firm=firm,
        name=name,
        tier=tier,
        time_zone=zone,
        queue=REGIONS["primary"],
        rpo_promise_s=900.0,
        rto_promise_s=3600.0,
        watched_since=now - 95 * DAY,
        seen_at=now,
        server=server_seen(now),
        vaults=tuple(
            vault_seen(side, now).model_copy(
                update={
                    "setting_faults": {},
                    "holes": (),
                    "windows": (),
                    "rpo_known_at": now,
                    "bucket": f"{firm}-{side}",
                }
            )
            for side in SIDES
        ),
        evidence=Evidence(
            read_at=now - timedelta(minutes=24),
            points=90,
            last_point=history_of(firm, now, nights=1).nights[-1].point,
            last_point_at=night,
            last_copied_at=night,
            last_verified_at=night,
            last_drill_at=now - 2 * DAY,
            drill_rto_s=989.0,
        ),
        duties=tuple(duty_state(duty, "kept", firm, now) for duty in DUTIES),
    )


def _row(firm: str, name: str, tier: str, zone: str, now: datetime, samples: tuple[Sample, ...]) -> FirmRow:
    history = history_of(firm, now)
    night = history.nights[-1]
    drill = next(each for each in reversed(history.drills) if each.passed)
    return FirmRow(
        firm=firm,
        name=name,
        tier=tier,
        region=REGIONS["primary"],
        time_zone=zone,
        rpo_promise_s=900.0,
        rto_promise_s=3600.0,
        watched_since=now - 95 * DAY,
        seen_at=now,
        server_seen_at=now,
        vaults=tuple(_cell(side, now, 40.0 if side == "primary" else 100.0) for side in SIDES),
        evidence_at=now - timedelta(minutes=24),
        points=len(history.nights),
        last_point=night.point,
        last_point_at=night.taken_at,
        last_copied_at=night.taken_at,
        last_verified_at=night.taken_at,
        last_drill=drill.id,
        last_drill_at=drill.finished_at,
        drill_rto_s=drill.recover_s,
        window_start_at=history.windows[-1].start_at,
        window_end_at=now - timedelta(seconds=40),
        duties=_cells("kept", DUTIES, now),
        nights_due=30,
        nights_kept=30,
        next_night_at=night.taken_at + DAY,
        day=_worst_by_bucket(samples),
        day_until=_quarter(now) + BUCKET,
    )


def _cells(state: State, duties: tuple[Duty, ...], now: datetime) -> tuple[DutyCell, ...]:
    due = (now - timedelta(hours=7)).replace(microsecond=0)
    return tuple(DutyCell(duty, state, due, due if state == "kept" else None) for duty in duties)


def _cell(side: VaultSide, now: datetime, rpo_s: float) -> VaultCell:
    return VaultCell(
        side=side,
        region=REGIONS[side],
        seen_at=now,
        rpo_s=rpo_s,
        rpo_known_at=now,
        recoverable_to=now - timedelta(seconds=rpo_s),
    )


def _samples(firm: str, now: datetime, rpo_s: Callable[[float], float | None] | None = None) -> tuple[Sample, ...]:
    """A day of them. ``rpo_s``: of the replica vault, by hours before ``now``."""
    shape = rpo_s or (lambda hours: 70 + 50 * sin(hours))
    begins = _quarter(now) + BUCKET - DAY
    instants = [begins + step * PASS_EVERY for step in range(int(DAY / PASS_EVERY))]
    return tuple(_sample(firm, at, shape((now - at) / timedelta(hours=1))) for at in instants if at <= now)


def _sample(firm: str, at: datetime, rpo_s: float | None) -> Sample:
    return Sample(
        firm=firm,
        at=at,
        rpo_primary_s=None if rpo_s is None else rpo_s / 2,
        rpo_replica_s=rpo_s,
        behind_primary_bytes=4_096,
        behind_replica_bytes=9_000,
        flush_lsn_bytes=int(at.timestamp()) * 4_096,
        ready=1,
        pg_wal_bytes=2**30,
        wal_free_bytes=80 * 2**30,
    )


def _quarter(now: datetime) -> datetime:
    return now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)


def _worst_by_bucket(samples: tuple[Sample, ...]) -> tuple[float | None, ...]:
    by_bucket = groupby(samples, key=lambda each: _quarter(each.at))
    return tuple(_worst([each.rpo_replica_s for each in bucket]) for _, bucket in by_bucket)


def _worst(found: list[float | None]) -> float | None:
    known = [each for each in found if each is not None]
    return max(known) if len(known) == len(found) else None


def with_row(firm: ShownFirm, **changed: object) -> ShownFirm:
    return ShownFirm(firm.seen, firm.row.model_copy(update=changed), firm.history, firm.samples)


def with_duty(firm: ShownFirm, state: State, *duties: Duty) -> ShownFirm:
    """As the watch has judged these."""
    told = tuple(each.model_copy(update={"state": state}) if each.duty in duties else each for each in firm.seen.duties)
    seen = firm.seen.model_copy(update={"duties": told})
    cells = {each.duty: each for each in (*firm.row.duties, *_cells(state, duties, firm.row.seen_at))}
    listed = {state: duties} if state in FirmRow.model_fields else {}
    row = firm.row.model_copy(update={**listed, "duties": tuple(cells.values())})
    return ShownFirm(seen, row, firm.history, firm.samples)


def over_the_promise(firm: str, name: str, now: datetime) -> ShownFirm:
    """Its archiver fails for two hours now; its window has holes; the watch saw nothing for two hours in the night."""
    good = safe(firm, name, now)
    samples = _samples(
        firm, now, lambda hours: None if 8 < hours < 10 else 60 + 3600 * max(0.0, 2 - hours) if hours < 2 else 60.0
    )
    cells = tuple(_cell(side, now, 7_200.0) for side in SIDES)
    vaults = tuple(each.model_copy(update={"rpo_s": 7_200.0}) for each in good.seen.vaults)
    history = history_of(firm, now, holes=True)
    row = good.row.model_copy(
        update={
            "vaults": cells,
            "holes": 2,
            "day": _worst_by_bucket(samples),
            "nights_kept": 28,
            "window_start_at": history.windows[-1].start_at,
            "window_end_at": now - timedelta(hours=2),
        }
    )
    return ShownFirm(good.seen.model_copy(update={"vaults": vaults}), row, history, samples)


def never_answered(firm: str, name: str, now: datetime) -> ShownFirm:
    """In the registry, and neither its server nor a vault was ever seen."""
    good = safe(firm, name, now)
    why = "no route to host 10.0.0.7"
    cells = tuple(VaultCell(side=side, region=REGIONS[side], seen_at=None, unseen=why) for side in SIDES)
    row = FirmRow(
        **{name: getattr(good.row, name) for name in ("firm", "name", "tier", "region", "time_zone")},
        rpo_promise_s=900.0,
        rto_promise_s=3600.0,
        watched_since=now - DAY,
        seen_at=now,
        server_seen_at=None,
        server_unseen=why,
        vaults=cells,
        unknown=DUTIES,
        duties=_cells("unknown", DUTIES, now),
    )
    vaults = tuple(
        each.model_copy(update={"seen_at": None, "unseen": why, "held": None, "rpo_s": None, "rpo_known_at": None})
        for each in good.seen.vaults
    )
    seen = good.seen.model_copy(
        update={"server": None, "server_unseen": why, "vaults": vaults, "evidence": None, "watched_since": now - DAY}
    )
    return ShownFirm(seen, row, None)


def without_points(firm: str, name: str, now: datetime, *, is_new: bool) -> ShownFirm:
    """``is_new``: no night was due yet; or all of them failed."""
    good = safe(firm, name, now)
    cells = tuple(_cell(side, now, 40.0).model_copy(update={"recoverable_to": None}) for side in SIDES)
    nothing = {f"last_{what}": None for what in ("point", "point_at", "copied_at", "verified_at", "drill", "drill_at")}
    row = good.row.model_copy(
        update=nothing
        | {"vaults": cells, "points": 0, "drill_rto_s": None, "window_start_at": None, "window_end_at": None}
        | {"is_new": is_new, "nights_due": 0 if is_new else 30, "nights_kept": 0}
    )
    seen = good.seen.model_copy(update={"evidence": Evidence(read_at=now - timedelta(minutes=24))})
    shown = ShownFirm(seen, row, history_of(firm, now, nights=0), good.samples)
    return with_duty(shown, "new", *DUTIES) if is_new else with_duty(shown, "missing", *_OF_THE_NIGHT)


def seen_long_ago(firm: ShownFirm, by: timedelta) -> ShownFirm:
    """As it was, ``by`` earlier: the watch has not come by since."""
    row = firm.row
    cells = tuple(
        each.model_copy(
            update={
                "seen_at": each.seen_at and each.seen_at - by,
                "rpo_known_at": each.rpo_known_at and each.rpo_known_at - by,
                "recoverable_to": each.recoverable_to and each.recoverable_to - by,
            }
        )
        for each in row.vaults
    )
    earlier = {name: getattr(row, name) - by for name in ("seen_at", "server_seen_at", "evidence_at", "day_until")}
    seen = firm.seen.model_copy(update={"seen_at": firm.seen.seen_at - by})
    return ShownFirm(seen, row.model_copy(update={"vaults": cells, **earlier}), firm.history, firm.samples)
