"""A staging of this machine goes live: its folder is held, so that nobody destroys it meanwhile, then the cut-over.

Each of it is on the record of the vaults before it begins and after it ended (runbooks/acts/on_record.py).
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from muniment.adapters.cut_over.journal import journals, see
from muniment.adapters.cut_over.live_host import LiveServer, serves_at
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.adapters.staging.isolated_cluster import IsolatedCluster
from muniment.adapters.staging.records import StagingFolder
from muniment.domain.acts.act import Order as ActOrder
from muniment.domain.approval import Approval, Request, still_holds
from muniment.domain.restore.cut_over import CutOver, Safety, Serving
from muniment.domain.restore.live_plan import LivePlan
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.restore.staging import Staging
from muniment.errors import ActNotApproved, CutOverInterrupted, LiveNotReplaceable, NotStaged, OtherMachine
from muniment.ports import Clock, Progress
from muniment.runbooks.acts.on_record import Ledger, on_record
from muniment.runbooks.cut_over.checks import has_passed
from muniment.runbooks.cut_over.cut_over import Order, cut_over, go_on, release, require_releasable, roll_back
from muniment.runbooks.cut_over.record_roll_back import keep_records
from muniment.runbooks.cut_over.steps import Stage
from muniment.runbooks.cut_over.whose_cluster import is_of_another, require_its_own


@dataclass(frozen=True, slots=True)
class Takeover:
    """What goes live, and on whose word. ``staged_on`` is the machine that staged it, ``by`` the run that does it."""

    id: str
    by: str
    plan: RestorePlan
    staged_on: str
    asked_by: str
    approval: Approval
    safety: Safety


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a second person signed."""

    plan: LivePlan
    approval: Approval


def take_live(site: Site, wanted: Takeover, *, clock: Clock, progress: Progress) -> CutOver:
    """Begins, or goes on where a killed run left it. Raises ``OtherMachine``, and what ``cut_over`` raises."""
    require_this_machine(site, wanted.staged_on)
    folder = StagingFolder(Path(wanted.plan.into).parent)
    begun = find_cut_over(site, wanted.id)
    act = ActOrder(
        act="cut-over",
        what=f"cut-over {wanted.id} to {wanted.plan.target}",
        by=wanted.by,
        asked_by=wanted.asked_by,
        plan_sha256=wanted.plan.sha256,
        approval=wanted.approval,
    )
    with on_record(_ledger(site, clock, progress), act, must=begun is None), _held(folder):
        record = folder.record()
        if begun is None:
            _require_its_own(folder, record, wanted.plan)
        at = stage_of(site, folder.data_dir, wanted.plan.major, clock, progress)
        order = Order(
            id=wanted.id,
            plan=wanted.plan,
            passed=begun is None and has_passed(at, record),
            asked_by=wanted.asked_by,
            approval=wanted.approval,
            safety=wanted.safety,
        )
        done = cut_over(at, order)
    record_what_is_owed(site, clock=clock, progress=progress)
    return done


def finish(site: Site, cut_over_id: str, *, by: str, clock: Clock, progress: Progress) -> CutOver:
    """What a killed run has begun, on the approval that it had. Raises what ``cut_over`` raises."""
    at, journal = _stage_of_known(site, cut_over_id, clock, progress)
    require_its_own(site, journal)
    act = ActOrder(
        act="cut-over",
        what=f"cut-over {journal.id}, which was begun",
        by=by,
        asked_by=journal.asked_by,
        plan_sha256=journal.plan_sha256,
        approval=journal.approval,
    )
    with on_record(_ledger(site, clock, progress), act, must=False), _held(StagingFolder(at.staged.data_dir.parent)):
        done = go_on(at, cut_over_id)
    record_what_is_owed(site, clock=clock, progress=progress)
    return done


def take_back(
    site: Site, cut_over_id: str, *, why: str, by: str, allowed: Allowed | None, clock: Clock, progress: Progress
) -> CutOver:
    """The old cluster is in its place again.

    Raises ``ActNotApproved`` where the restored one serves by now and nobody signed for it, ``LiveNotReplaceable`` and
    ``AnotherClusterIsLive``.
    """
    at, journal = _stage_of_known(site, cut_over_id, clock, progress)
    require_its_own(site, journal)
    must = needs_approval(journal)
    if must:
        _require_allowed(site, journal, "roll-back", allowed)
    act = _act("roll-back", f"cut-over {journal.id}", by, allowed)
    with on_record(_ledger(site, clock, progress), act, must=must), _held(StagingFolder(at.staged.data_dir.parent)):
        return roll_back(at, cut_over_id, why=why, by=by)


def release_old(
    site: Site, cut_over_id: str, *, by: str, allowed: Allowed | None, clock: Clock, progress: Progress
) -> CutOver:
    """The old cluster is deleted. Raises ``ActNotApproved``, and what ``find_releasable`` raises."""
    record_what_is_owed(site, clock=clock, progress=progress)
    at, journal = _stage_of_known(site, cut_over_id, clock, progress)
    require_releasable(at, journal)
    _require_allowed(site, journal, "release", allowed)
    act = _act("release", f"the old cluster of cut-over {journal.id}", by, allowed)
    with on_record(_ledger(site, clock, progress), act):
        return release(at, cut_over_id)


def find_releasable(site: Site, cut_over_id: str, *, clock: Clock, progress: Progress) -> CutOver:
    """Looked at before anybody is asked to sign. Raises ``LiveNotReplaceable`` and ``AnotherClusterIsLive``."""
    at, journal = _stage_of_known(site, cut_over_id, clock, progress)
    require_releasable(at, journal)
    return journal


def needs_approval(journal: CutOver) -> bool:
    """Whether somebody may have written to the restored cluster: until it is live, its way back is nobody's loss."""
    return journal.outcome == "live"


def _require_allowed(site: Site, journal: CutOver, act: str, allowed: Allowed | None) -> None:
    what = f"{act} of cut-over {journal.id}"
    if allowed is None or not allowed.plan.is_of(journal, act):
        raise ActNotApproved(firm=site.firm.id, what=what, reason="nobody has signed for it")
    request = Request(allowed.plan.sha256, allowed.plan.requested_by, site.firm.restore.approvers)
    if reason := still_holds(allowed.approval, request):
        raise ActNotApproved(firm=site.firm.id, what=what, reason=reason)


def _act(kind: Literal["roll-back", "release"], what: str, by: str, allowed: Allowed | None) -> ActOrder:
    if allowed is None:
        return ActOrder(act=kind, what=what, by=by)
    plan = allowed.plan
    return ActOrder(
        act=kind, what=what, by=by, asked_by=plan.requested_by, plan_sha256=plan.sha256, approval=allowed.approval
    )


def _ledger(site: Site, clock: Clock, progress: Progress) -> Ledger:
    """Neither vault is waited for long: one is enough, and nobody may be served meanwhile."""
    return Ledger(list(site.hasty_vaults()), site.policy.audit_log, clock, progress)


def find_cut_over(site: Site, cut_over_id: str) -> CutOver | None:
    return next((journal for journal in cut_overs(site) if journal.id == cut_over_id), None)


def cut_overs(site: Site) -> list[CutOver]:
    """Of this machine, oldest first."""
    return journals(Path(_live_place(site)))


def who_serves(site: Site) -> Serving:
    """Whose server runs at the live place and takes connections, by the newest cut-over of this machine."""
    place = Path(_live_place(site))
    found = journals(place)
    if not serves_at(place):
        return "nobody"
    if not found:
        return "old"
    newest = found[-1]
    return "another" if is_of_another(newest) else see(newest, staging_runs=False, live_runs=True).serving(newest)


def interruption_of(site: Site, cut_over_id: str, *, clock: Clock) -> CutOverInterrupted | None:
    """What on-call has to hear when a cut-over that was begun is gone on with, and nobody is served meanwhile."""
    journal = find_cut_over(site, cut_over_id)
    if journal is None or journal.outcome is not None or not journal.had_live or who_serves(site) != "nobody":
        return None
    stopped = next((step.began_at for step in journal.steps if step.step in ("stop live", "set aside")), clock())
    since, at = (f"{time:%Y-%m-%d %H:%M:%S} UTC" for time in (stopped, clock()))
    return CutOverInterrupted(id=journal.id, firm=site.firm.id, step=journal.steps[-1].step, since=since, at=at)


def record_what_is_owed(site: Site, *, clock: Clock, progress: Progress) -> None:
    """Ways back of this machine that are not on the record of both vaults yet; never while nobody may be served."""
    keep_records(site, Path(_live_place(site)), clock=clock, progress=progress)


def require_this_machine(site: Site, staged_on: str) -> None:
    here = socket.gethostname()
    if staged_on != here:
        raise OtherMachine(firm=site.firm.id, staged_on=staged_on, here=here)


def stage_of(site: Site, staged: Path, major: int, clock: Clock, progress: Progress) -> Stage:
    _live_place(site)
    programs = PostgresPrograms.find(major)
    live = LiveServer.of(site.firm.cluster.live, programs)
    return Stage(site, IsolatedCluster(staged, programs), live, clock, progress)


def _stage_of_known(site: Site, cut_over_id: str, clock: Clock, progress: Progress) -> tuple[Stage, CutOver]:
    journal = find_cut_over(site, cut_over_id)
    if journal is None:
        raise LiveNotReplaceable(place=_live_place(site), reason=f"cut-over {cut_over_id} is not known here")
    places = (Path(journal.live), journal.incoming, Path(journal.staged), journal.aside)
    version = next(place / "PG_VERSION" for place in places if (place / "PG_VERSION").exists())
    stage = stage_of(site, Path(journal.staged), int(version.read_text()), clock, progress)
    return stage, journal


def _live_place(site: Site) -> str:
    place = site.firm.cluster.live.data_directory
    if place is None:
        reason = "the firm's file names no cluster.live.data_directory"
        raise LiveNotReplaceable(place=f"firm {site.firm.id}", reason=reason)
    return place


@contextmanager
def _held(folder: StagingFolder) -> Iterator[None]:
    """A staging that has gone already cannot be destroyed by anybody."""
    if not folder.path.exists():
        yield
        return
    with folder.held():
        yield


def _require_its_own(folder: StagingFolder, record: Staging | None, plan: RestorePlan) -> None:
    if record is None:
        raise NotStaged(place=folder.path, reason="nothing is staged there any more")
    if record.plan != plan.sha256:
        raise NotStaged(place=folder.path, reason="it is another plan's")
