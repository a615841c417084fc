"""A drill: restore a firm where nobody uses it, prove that what came back is right, measure it, and destroy it.

The seed decides the target, the count of earlier drills decides the vault and by what. That it begins is written first,
the evidence whatever ends it, in both vaults and under a lock; the pages come after the evidence and can cost it
nothing. A drill that failed raises afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from muniment.adapters.acts import records as act_records
from muniment.adapters.drill.records import (
    begun_drills,
    complete_evidence,
    drills,
    drills_begun,
    evidence_pages,
    sign_offs,
    write_begun,
    write_evidence,
    write_evidence_pages,
)
from muniment.adapters.host import processes
from muniment.adapters.site.site import Side, Site
from muniment.domain.drill.evidence import BegunDrill, Drill, Means
from muniment.domain.drill.rules import HISTORY_SHOWN, Route, evidence_locked_until, planned_steps, route_of
from muniment.domain.drill.sign_off import SignOff, signed_by
from muniment.domain.vault import keys
from muniment.errors import DrillFailed, MunimentError, Transient
from muniment.ports import Clock, Progress, Silent
from muniment.runbooks.drill.exercise import Exercise
from muniment.runbooks.drill.recorder import Record
from muniment.runbooks.drill.watch import not_finished


@dataclass(frozen=True, slots=True)
class _Earlier:
    """Read before the drill begins: what cannot be read costs it nothing that it has found.

    ``drills``: every one that began, oldest first; ``signed``: drill id → who signed it off.
    """

    drills: tuple[Drill | BegunDrill, ...]
    signed: Mapping[str, SignOff]


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

    Raises ``DrillFailed`` when the evidence of a failed one is written, and what is ``Transient``, or was meant to end
    the process, as itself.
    """
    progress = progress or Silent()
    locked_until = evidence_locked_until(site.policy, clock())
    earlier = _earlier(site, clock, progress, locked_until)
    number = drills_begun(site.primary) + 1
    begun = _begun(site, drill_id, number, route_of(number, side=side, by=by), seed, clock())
    write_begun(site, begun, locked_until=locked_until)
    exercise = Exercise(site, drill_id, begun.seed, Route(begun.side, begun.by), clock, Record(progress))
    stopped = _stopped(exercise, run_dir)
    drill = _evidence(exercise, earlier, begun, _told(stopped))
    write_evidence(site, drill, locked_until=locked_until)
    _write_pages(site, drill, locked_until, progress)
    if stopped is not None and not _is_a_finding(stopped):
        raise stopped
    if not drill.passed:
        raise _failed(drill) from stopped
    return drill


def _earlier(site: Site, clock: Clock, progress: Progress, locked_until: datetime) -> _Earlier:
    """What the last drill was kept from is told, and its pages made up for."""
    for drill_id in complete_evidence(site, locked_until=locked_until):
        progress.note(f"the evidence of drill {drill_id} was in one vault alone: now it is in both")
    for key in act_records.complete(site.vaults, locked_until=clock() + site.policy.audit_log):
        progress.note(f"{key} was in one vault alone: now it is in both")
    done = drills(site.primary, damaged=lambda error: progress.note(error.what))
    begun = begun_drills(site.primary, damaged=lambda error: progress.note(error.what))
    for each in not_finished(begun, clock=clock)[-1:]:
        progress.note(
            f"drill {each.id}, begun {each.started_at:%Y-%m-%d %H:%M} UTC, did not finish: it left no evidence"
        )
    for drill in done[-1:]:
        if evidence_pages(site.primary, drill.id) is None:
            _write_pages(site, drill, locked_until, progress)
    signed = sign_offs(site.primary, damaged=lambda error: progress.note(error.what))
    return _Earlier(tuple(sorted((*done, *begun), key=lambda each: (each.started_at, each.id))), signed)


def _begun(site: Site, drill_id: str, number: int, route: Route, seed: int | None, now: datetime) -> BegunDrill:
    return BegunDrill(
        id=drill_id,
        firm=site.firm.id,
        number=number,
        seed=seed if seed is not None else int(now.timestamp() * 1000),
        side=route.side,
        by=route.by,
        started_at=now,
        process=processes.own_identity(),
    )


def _stopped(exercise: Exercise, run_dir: Path) -> BaseException | None:
    """What kept the drill from its end: evidence like anything else, be it Ctrl-C or a fault of ours."""
    try:
        exercise.run(run_dir)
    except BaseException as error:
        return error
    return None


def _is_a_finding(stopped: BaseException) -> bool:
    """Something about the restore, or about us, that another try would find again."""
    return isinstance(stopped, Exception) and not isinstance(stopped, Transient)


def _write_pages(site: Site, drill: Drill, locked_until: datetime, progress: Progress) -> None:
    """Whatever comes of them: no restore is done again for a page, and the next drill makes those that are missing."""
    try:
        pages = write_evidence_pages(site, drill, locked_until=locked_until)
    except Exception as error:
        told = error.what if isinstance(error, MunimentError) else f"{type(error).__name__}: {error}"
        progress.note(f"the pages of drill {drill.id} are not in both vaults, the next drill completes them: {told}")
        return
    for ending, reason in pages.not_made.items():
        progress.note(f"the {ending} page of drill {drill.id} could not be made: {reason}")


def _told(stopped: BaseException | None) -> str | None:
    if stopped is None:
        return None
    if isinstance(stopped, MunimentError):
        return stopped.what
    return f"{type(stopped).__name__}: {stopped}".removesuffix(": ")


def _evidence(exercise: Exercise, earlier: _Earlier, begun: BegunDrill, failure: str | None) -> Drill:
    site, record = exercise.site, exercise.record
    vault, promised = site.vault(exercise.side), site.policy.recovery_class
    last = earlier.drills[-1] if earlier.drills else None
    return Drill(
        id=exercise.id,
        firm=site.firm.id,
        firm_name=site.firm.name,
        number=begun.number,
        seed=exercise.seed,
        target=record.target,
        side=exercise.side,
        by=exercise.route.by,
        vault=vault.bucket,
        region=vault.region,
        plan=record.plan,
        planned=planned_steps(exercise.route, site.policy),
        started_at=begun.started_at,
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
        not_proven=record.not_proven,
        previous=last.id if last else None,
        previous_sha256=last.sha256 if last else None,
        history=tuple(signed_by(earlier.signed, each.as_past()) for each in earlier.drills[-HISTORY_SHOWN:]),
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
