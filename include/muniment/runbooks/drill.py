"""A drill: restore a firm where nobody uses it, prove that what came back is right, measure it, and destroy it.

The seed decides the target, the count of earlier drills decides the vault and by what. Evidence is written whatever
happens, in both vaults and under a lock; a drill that failed raises afterwards.
"""

from datetime import datetime
from pathlib import Path

import psycopg

from include.muniment.adapters.drill_records import drills, sign_offs, write_evidence
from include.muniment.adapters.site import Side, Site
from include.muniment.domain import keys
from include.muniment.domain.drill import HISTORY_SHOWN, evidence_locked_until, route_of
from include.muniment.domain.drill_evidence import Drill, Means
from include.muniment.domain.sign_off import signed_by
from include.muniment.errors import DrillFailed, MunimentError, Transient
from include.muniment.ports import Clock, Progress, Silent
from include.muniment.runbooks.drill_exercise import Exercise
from include.muniment.runbooks.drill_record import Record


def run_drill(
    site: Site,
    *,
    drill_id: str,
    run_dir: Path,
    clock: Clock,
    progress: Progress | None = None,
    seed: int | None = None,
    side: Side | None = None,
    by: Means | None = None,
) -> Drill:
    """Restores below ``run_dir`` and leaves nothing there; ``drill_id`` is ``new_id(now)``, another for each try.

    Raises ``DrillFailed`` when the evidence of a failed one is written, and what is ``Transient`` as itself.
    """
    started_at, earlier = clock(), drills(site.primary)
    number = len(earlier) + 1
    route = route_of(number, side=side, by=by)
    chosen = seed if seed is not None else int(started_at.timestamp() * 1000)
    exercise = Exercise(site, drill_id, chosen, route, clock, Record(progress or Silent()))
    stopped = _stopped(exercise, run_dir)
    drill = _evidence(exercise, earlier, started_at, _told(stopped))
    drill = write_evidence(site, drill, locked_until=evidence_locked_until(site.policy, clock()))
    if isinstance(stopped, Transient):
        raise stopped
    if not drill.passed:
        raise _failed(drill)
    return drill


def _stopped(exercise: Exercise, run_dir: Path) -> Exception | None:
    """What kept the drill from its end: evidence like anything else."""
    try:
        exercise.run(run_dir)
    except (MunimentError, psycopg.Error, OSError) as error:
        return error
    return None


def _told(stopped: Exception | None) -> str | None:
    return stopped.what if isinstance(stopped, MunimentError) else str(stopped) if stopped else None


def _evidence(exercise: Exercise, earlier: tuple[Drill, ...], started_at: datetime, failure: str | None) -> Drill:
    site, record = exercise.site, exercise.record
    vault, promised = site.vault(exercise.side), site.policy.recovery_class
    last, signed = earlier[-1] if earlier else None, sign_offs(site.primary)
    return Drill(
        id=exercise.id,
        firm=site.firm.id,
        firm_name=site.firm.name,
        number=len(earlier) + 1,
        seed=exercise.seed,
        target=record.target,
        side=exercise.side,
        by=exercise.route.by,
        vault=vault.bucket,
        region=vault.region,
        plan=record.plan,
        started_at=started_at,
        finished_at=exercise.clock(),
        steps=tuple(record.steps),
        checks=tuple(record.checks),
        recover_s=record.recover_s,
        data_lost_s=record.data_lost_s,
        recovery_class=promised.name,
        rto_s=promised.rto.total_seconds(),
        rpo_s=promised.rpo.total_seconds(),
        figures=record.figures,
        failure=failure,
        previous=last.id if last else None,
        previous_sha256=last.sha256 if last else None,
        history=tuple(signed_by(signed, drill.as_past()) for drill in earlier[-HISTORY_SHOWN:]),
        signing_key=site.firm.signing_key,
    )


def _failed(drill: Drill) -> DrillFailed:
    wrong = [f"{check.name}: expected {check.expected}, found {check.found}" for check in drill.failed_checks]
    return DrillFailed(
        drill=drill.id,
        firm=drill.firm,
        bucket=drill.vault,
        faults="\n".join([*wrong, *([drill.failure] if drill.failure else [])]),
        key=keys.drill(drill.id),
        seed=drill.seed,
        side=drill.side,
        by=drill.by,
    )
