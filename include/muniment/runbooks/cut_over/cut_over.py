"""A staged restore goes live: the old data directory aside, the new one in its place, proven, and a way back.

The order and what a killed run left are read from the disk and from the journal beside the live data directory
(domain/restore/cut_over.py). At every moment the old cluster or the new one lies whole at the live place, or one rename
away.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from muniment.adapters.cut_over.journal import journals, one_at_a_time, see, write_journal
from muniment.adapters.host.control_file import ControlFile, path_of
from muniment.adapters.vault import catalog
from muniment.domain.approval import Approval, Request, still_holds
from muniment.domain.restore.cut_over import CutOver, Outcome, Safety, Seen, StepDone, next_step
from muniment.domain.restore.plan import RestorePlan
from muniment.errors import (
    CutOverBusy,
    LiveNotReplaceable,
    MunimentError,
    NobodyServes,
    NotApproved,
    WentBack,
)
from muniment.runbooks.cut_over.checks import (
    require_replaceable,
    require_safety,
    require_staged,
    tablespaces_to_move,
    wal_to_move,
)
from muniment.runbooks.cut_over.record_roll_back import keep_record
from muniment.runbooks.cut_over.steps import STEPS, Stage, clear_up
from muniment.runbooks.cut_over.whose_cluster import is_of_another, require_its_own
from muniment.runbooks.identity import prove_vaults

_NOBODY_SERVES = frozenset({"stop live", "set aside", "put in place", "start", "connect"})
"""Where one of these fails, the old cluster is put back at once: nobody can have used the new one yet."""


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for and allowed. ``passed``: whether everything about the staged restore was found right."""

    id: str
    plan: RestorePlan
    passed: bool
    asked_by: str
    approval: Approval
    safety: Safety


def cut_over(at: Stage, order: Order) -> CutOver:
    """Begins, or goes on with what a killed run has begun under the same id.

    Raises ``NotApproved``, ``NotStaged``, ``LiveNotReplaceable``, ``AnotherClusterIsLive`` and ``CutOverBusy`` before
    anything is touched;
    ``WentBack`` where the old cluster serves again, ``NobodyServes`` where it does not answer; ``NotProvenLive`` and
    ``WalNotYetArchived`` where the new one serves.
    """
    with one_at_a_time(at.live.data_dir):
        _require_approval(at, order.plan.sha256, order.asked_by, order.approval, order.plan.target)
        return _through(_carry_out(at, _begun_here(at, order.id) or _begin(at, order)))


def go_on(at: Stage, cut_over_id: str) -> CutOver:
    """Finishes what a killed run has begun, on the approval that it had. Raises as ``cut_over`` does."""
    with one_at_a_time(at.live.data_dir):
        journal = _begun_here(at, cut_over_id)
        if journal is None:
            raise LiveNotReplaceable(place=at.live.data_dir, reason=f"cut-over {cut_over_id} is not known here")
        _require_approval(at, journal.plan_sha256, journal.asked_by, journal.approval, "its target")
        return _through(_carry_out(at, journal))


def _through(done: CutOver) -> CutOver:
    """Raises ``WentBack`` where it is not live in the end."""
    if done.outcome != "gone back":
        return done
    facts = {"id": done.id, "firm": done.firm, "step": done.failed_at or "prove", "reason": done.why_back}
    if done.answers is False:
        raise NobodyServes(**facts, place=done.live)
    raise WentBack(**facts, old=_what_is_there(done))


def _what_is_there(back: CutOver) -> str:
    if not back.had_live:
        return f"nothing in {back.live}, as before"
    state = "which serves again" if back.answers else "as it was: its server did not run before"
    return f"the old cluster, {state}"


def roll_back(at: Stage, cut_over_id: str, *, why: str, by: str) -> CutOver:
    """Puts the old cluster back, however far it came; what was written to the new one goes back to staging with it.

    ``answers`` of the journal tells whether the firm's own connection leads to it again.
    Raises ``LiveNotReplaceable`` where there is nothing to go back to, ``AnotherClusterIsLive`` where it is not of the
    cluster that lies there.
    """
    with one_at_a_time(at.live.data_dir):
        journal = _begun(at, cut_over_id)
        if journal is None or journal.outcome in ("gone back", "released"):
            reason = f"cut-over {cut_over_id} is {journal.outcome if journal else 'not known here'}"
            raise LiveNotReplaceable(place=at.live.data_dir, reason=reason)
        require_its_own(at.site, journal)
        turn = {"direction": "back", "why_back": why, "undone_by": by, "outcome": None}
        back = journal.model_copy(update=turn)
        write_journal(back)
        return _carry_out(at, back)


def release(at: Stage, cut_over_id: str) -> CutOver:
    """Deletes the old cluster, once a full backup of the new one is registered. Raises as ``require_releasable``."""
    with one_at_a_time(at.live.data_dir):
        journal = _begun(at, cut_over_id)
        require_releasable(at, journal)
        assert journal is not None
        for each in journal.tablespaces:
            _remove_old(each.old, "PG_*")
        _remove_old(journal.old_wal, "*")
        shutil.rmtree(journal.aside, ignore_errors=True)
        return _ended(journal, "released")


def require_releasable(at: Stage, journal: CutOver | None) -> None:
    """Raises ``LiveNotReplaceable`` and ``AnotherClusterIsLive``."""
    if journal is not None:
        require_its_own(at.site, journal)
    if reason := _why_kept(at, journal):
        raise LiveNotReplaceable(place=at.live.data_dir, reason=reason)


def is_backed_up(at: Stage, journal: CutOver) -> bool:
    """Whether a full backup on the new timeline is registered."""
    return any(
        backup.kind == "full" and backup.timeline >= journal.timeline
        for point in catalog.points(at.site.primary)
        for backup in (catalog.find_backup(at.site.primary, point.chain[0]),)
        if point.taken_at >= journal.begun_at
    )


def _require_approval(at: Stage, plan_sha256: str, asked_by: str, approval: Approval, target: str) -> None:
    request = Request(plan_sha256, asked_by, at.site.firm.restore.approvers)
    if reason := still_holds(approval, request):
        raise NotApproved(firm=at.site.firm.id, target=target, reason=reason)


def _begun_here(at: Stage, cut_over_id: str) -> CutOver | None:
    """Raises ``AnotherClusterIsLive`` as well."""
    if journal := _begun(at, cut_over_id):
        require_its_own(at.site, journal)
    return journal


def _begun(at: Stage, cut_over_id: str) -> CutOver | None:
    """Raises ``CutOverBusy`` where one of another id, of the same cluster, is neither finished nor undone."""
    found = journals(at.live.data_dir)
    for other in found:
        if other.id != cut_over_id and other.outcome is None and not is_of_another(other):
            raise CutOverBusy(place=at.live.data_dir, which=other.id)
    return next((journal for journal in found if journal.id == cut_over_id), None)


def _begin(at: Stage, order: Order) -> CutOver:
    mark = prove_vaults(at.site)
    staged = require_staged(at, order.plan, passed=order.passed, system_identifier=mark.system_identifier)
    require_replaceable(at, staged)
    require_safety(at, order.plan, order.safety)
    journal = CutOver(
        id=order.id,
        firm=at.site.firm.id,
        plan_sha256=order.plan.sha256,
        asked_by=order.asked_by,
        approval=order.approval,
        safety=order.safety,
        system_identifier=mark.system_identifier,
        staged=str(at.staged.data_dir),
        live=str(at.live.data_dir),
        had_live=at.live.data_dir.exists(),
        was_running=at.live.is_running,
        timeline=staged.timeline,
        old_timeline=_timeline_of(at),
        start_options=at.live.last_options() or (),
        tablespaces=tablespaces_to_move(at, order.id),
        **wal_to_move(at, order.id),
        begun_at=at.clock(),
    )
    write_journal(journal)
    return journal


def _carry_out(at: Stage, journal: CutOver) -> CutOver:
    if journal.outcome is not None:
        return journal
    while step := next_step(journal, _seen(at, journal)):
        at.progress.note(f"cut-over {journal.id}: {step}")
        began = StepDone(step=step, began_at=at.clock())
        write_journal(journal.model_copy(update={"steps": (*journal.steps, began)}))
        try:
            changes = STEPS[step](at, journal)
        except (MunimentError, OSError) as error:
            if journal.direction == "forward" and step in _NOBODY_SERVES:
                journal = _turned(journal, began, error)
                continue
            raise
        done = began.model_copy(update={"ended_at": at.clock()})
        journal = journal.model_copy(update={**changes, "steps": (*journal.steps, done)})
        write_journal(journal)
    return _arrived(at, journal)


def _turned(journal: CutOver, failed: StepDone, error: Exception) -> CutOver:
    why = error.what if isinstance(error, MunimentError) else str(error)
    turn = {"direction": "back", "why_back": why, "failed_at": failed.step, "steps": (*journal.steps, failed)}
    back = journal.model_copy(update=turn)
    write_journal(back)
    return back


def _arrived(at: Stage, journal: CutOver) -> CutOver:
    if journal.direction == "forward":
        return _ended(journal, "live")
    return keep_record(at.site, _ended(journal, "gone back"), clock=at.clock, progress=at.progress)


def _ended(journal: CutOver, outcome: Outcome) -> CutOver:
    ended = journal.model_copy(update={"outcome": outcome})
    write_journal(ended)
    clear_up(ended)
    return ended


def _timeline_of(at: Stage) -> int | None:
    """Of the live cluster; ``None`` where there is none."""
    place = at.live.data_dir
    return ControlFile.read(place, at.live.programs).timeline if path_of(place).exists() else None


def _seen(at: Stage, journal: CutOver) -> Seen:
    return see(journal, staging_runs=at.staged.is_running, live_runs=at.live.is_running)


def _why_kept(at: Stage, journal: CutOver | None) -> str | None:
    if journal is None:
        return "no such cut-over is known here"
    if journal.outcome not in ("live", "released"):
        return f"cut-over {journal.id} is not live"
    if not is_backed_up(at, journal):
        return "no full backup of the restored cluster is registered yet"
    return None


def _remove_old(place: str | None, what: str) -> None:
    """A tablespace or a pg_wal elsewhere. The new one may lie below its folder, and is not the old one's."""
    if place is None:
        return
    old = Path(place)
    if old.name.startswith("restored-"):
        shutil.rmtree(old, ignore_errors=True)
        return
    for below in old.glob(what):
        if below.is_file() or below.is_symlink():
            below.unlink()
        elif not below.name.startswith(("restored-", "lost+found")):
            shutil.rmtree(below)
