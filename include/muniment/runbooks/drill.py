"""A drill: restore a firm where nobody uses it, prove that what came back is right, measure it, and destroy it.

The seed decides the target, the count of earlier drills decides the vault. Evidence is written whatever happens, in
both vaults and under a lock; a drill that failed raises afterwards.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psycopg

from include.muniment.adapters import catalog
from include.muniment.adapters.drill_page import page_of
from include.muniment.adapters.drill_records import drills, write_evidence
from include.muniment.adapters.site import Side, Site
from include.muniment.domain import keys
from include.muniment.domain.drill import HISTORY_SHOWN, Route, choose_target, promise_checks, route_of
from include.muniment.domain.drill_evidence import Check, Drill, DrillTarget, TimedStep
from include.muniment.domain.register import Point
from include.muniment.domain.retention import chain_locked_until
from include.muniment.errors import DrillFailed, MunimentError, NothingToRestore, ServerUnavailable, Transient
from include.muniment.ports import Clock, Progress, Silent
from include.muniment.runbooks.drill_checks import Inspection
from include.muniment.runbooks.drill_documents import document_checks
from include.muniment.runbooks.drill_restore import Scratch, fetch_wal, lay_out, recovered, scratch_folder
from include.muniment.runbooks.identity import prove_vault
from include.muniment.runbooks.wal_status import seconds_at_risk

# The restore kit is a program of its own, without Muniment: no drill runs it yet, so none may say that it did.
KIT_IS_THERE = False


@dataclass
class Record:
    """What a drill has done so far: kept outside of what may fail."""

    progress: Progress
    began: float = field(default_factory=time.monotonic)
    target: DrillTarget | None = None
    plan: tuple[str, ...] = ()
    steps: list[TimedStep] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    recover_s: float | None = None
    data_lost_s: float | None = None

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.began

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        begins_s, finished = self.elapsed_s, False
        try:
            yield
            finished = True
        finally:
            seconds = self.elapsed_s - begins_s
            self.steps.append(TimedStep(name=name, begins_s=begins_s, seconds=seconds, finished=finished))
            self.progress.note(f"{name}: {seconds:.1f} s")

    def found(self, checks: Iterable[Check]) -> None:
        """Each with the time since the one before it."""
        before = self.elapsed_s
        for check in checks:
            self.checks.append(check.model_copy(update={"seconds": self.elapsed_s - before}))
            before = self.elapsed_s


@dataclass(frozen=True, slots=True)
class Exercise:
    """One drill of one firm, and where it restores from."""

    site: Site
    id: str
    seed: int
    route: Route
    clock: Clock
    record: Record

    @property
    def side(self) -> Side:
        return self.route.side

    def run(self, run_dir: Path) -> None:
        """Raises what stops it; ``record`` has what was found until then."""
        vault, record = self.site.vault(self.side), self.record
        with record.step("choose the target"):
            prove_vault(vault)
            points = {point.id: point for point in catalog.points(vault)}
            record.data_lost_s = self._at_risk()
            record.target = target = self._target(points)
            point, after = points[target.before], points.get(target.after or "")
            record.plan = _plan(self.site, self.side, target, point)
        with scratch_folder(run_dir, self.site.firm.id, self.id) as scratch:
            self._restore_and_prove(point, after, target, scratch)

    def _restore_and_prove(self, point: Point, after: Point | None, target: DrillTarget, scratch: Scratch) -> None:
        site, vault, record = self.site, self.site.vault(self.side), self.record
        with record.step("fetch, decrypt and verify the base backup"):
            cluster = lay_out(site, self.side, point, scratch, record.progress)
            record.found([_verified(point)])
        with record.step("fetch WAL"):
            fetch_wal(vault, point, target, scratch)
        with record.step("start and recover"):
            begun = recovered(site, cluster, point, target, scratch)
            up = begun.__enter__()
        try:
            record.recover_s = record.elapsed_s
            self._prove(Inspection(site, up.server, up.programs), point, after)
        finally:
            with record.step("destroy the server"):
                begun.__exit__(None, None, None)

    def _prove(self, restored: Inspection, point: Point, after: Point | None) -> None:
        record, policy = self.record, self.site.policy
        later = after.control_totals if after else None
        with record.step("read every relation"):
            record.found([restored.relations()])
        with record.step("control totals and ledgers"):
            record.found(restored.totals(point.control_totals, later, self.clock))
            record.found(restored.balances())
        with record.step("extensions, embeddings and smoke queries"):
            record.found(restored.extensions())
            record.found(restored.vectors())
            record.found(restored.smoke_queries())
        with record.step("documents"):
            vault = self.site.vault(self.side)
            snapshot = catalog.find_snapshot(vault, point.documents)
            sample = policy.drills.documents_opened
            record.found(document_checks(vault, point, snapshot, sample=sample, seed=self.seed))
        record.found(
            promise_checks(policy.recovery_class, recover_s=record.recover_s or 0.0, data_lost_s=record.data_lost_s)
        )

    def _target(self, points: dict[str, Point]) -> DrillTarget:
        window = self.site.policy.point_in_time_window
        target = choose_target(list(points.values()), window=window, now=self.clock(), seed=self.seed)
        if target is None:
            vault = self.site.vault(self.side)
            raise NothingToRestore(bucket=vault.bucket, firm=vault.firm)
        return target

    def _at_risk(self) -> float | None:
        """A firm's server that is away is no reason not to drill: how much would be lost is then not known."""
        try:
            return seconds_at_risk(self.site, self.site.vault(self.side), clock=self.clock)
        except ServerUnavailable as away:
            self.record.progress.note(away.what)
            return None


def run_drill(
    site: Site,
    *,
    drill_id: str,
    run_dir: Path,
    clock: Clock,
    progress: Progress | None = None,
    seed: int | None = None,
    side: Side | None = None,
) -> Drill:
    """Restores below ``run_dir`` and leaves nothing there; ``drill_id`` is ``new_id(now)``, another for each try.

    Raises ``DrillFailed`` when the evidence of a failed one is written, and what is ``Transient`` as itself.
    """
    started_at, earlier = clock(), drills(site.primary)
    number = len(earlier) + 1
    route = route_of(number, kit_is_there=KIT_IS_THERE, side=side)
    chosen = seed if seed is not None else int(started_at.timestamp() * 1000)
    exercise = Exercise(site, drill_id, chosen, route, clock, Record(progress or Silent()))
    stopped = _stopped(exercise, run_dir)
    drill = _evidence(exercise, earlier, started_at, _told(stopped))
    write_evidence(site, drill, page_of(drill).encode(), locked_until=chain_locked_until(site.policy, clock()))
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
    last = earlier[-1] if earlier else None
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
        failure=failure,
        previous=last.id if last else None,
        previous_sha256=last.sha256 if last else None,
        history=tuple(drill.as_past() for drill in earlier[-HISTORY_SHOWN:]),
        signing_key=site.firm.signing_key,
    )


def _verified(point: Point) -> Check:
    """restore_cluster raises where pg_verifybackup does."""
    whole = f"{len(point.chain)} of {len(point.chain)} backups verified"
    return Check(name="pg_verifybackup", expected=whole, found=whole, passed=True)


def _plan(site: Site, side: Side, target: DrillTarget, point: Point) -> tuple[str, ...]:
    vault = site.vault(side)
    return (
        f"target: {target}",
        f"from: {vault.bucket} in {vault.region}, the {side} vault alone",
        f"base backups: {', '.join(point.chain)}",
        f"document snapshot: {point.documents}, {point.document_count} documents",
        "into: a scratch folder, destroyed at the end",
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
    )
