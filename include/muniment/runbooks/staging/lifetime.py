"""Stagings of this machine: listed, extended, destroyed; and the keeper, who destroys one when its time is over."""

import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from muniment.adapters.cut_over.journal import journals
from muniment.adapters.cut_over.live_host import lying_at
from muniment.adapters.host.programs import PostgresPrograms, run_program
from muniment.adapters.staging import isolation_launcher
from muniment.adapters.staging.records import StagingFolder, staging_folders
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.restore.staging import Staging, parse_folder_name
from muniment.errors import NoSuchStaging, StagingBusy, StagingWentLive
from muniment.ports import Clock

HALF_MADE_KEPT = timedelta(hours=24)
"""What a killed run has fetched waits so long for the run that goes on with it."""

POLL_S = 2.0


def stagings(root: Path) -> list[Staging]:
    """Those that are registered, oldest first."""
    return [record for folder in staging_folders(root) if (record := folder.record()) is not None]


def find_staging(root: Path, staging_id: str) -> StagingFolder:
    """Raises ``NoSuchStaging``, also for one that is half-made."""
    for folder in staging_folders(root):
        record = folder.record()
        if record is not None and record.id == staging_id:
            return folder
    raise NoSuchStaging(place=root / f"staging-…-{staging_id}")


@dataclass(frozen=True, slots=True)
class HalfMade:
    """A staging without a record: somebody makes it, or was kept from its end."""

    id: str
    firm: str
    target: str
    """``—`` where it is not known: whoever began was killed at once."""
    folder: Path
    begun_at: datetime
    removed_at: datetime
    is_being_made: bool


def half_made(root: Path) -> list[HalfMade]:
    """Oldest first; not what lies in a folder of such a name and is no staging's."""
    found = []
    for folder in staging_folders(root):
        with suppress(OSError):  # its keeper has removed it since we saw it
            if folder.record() is None and _is_a_stagings(folder):
                found.append(_half_made(folder))
    return found


def _half_made(folder: StagingFolder) -> HalfMade:
    (firm, staging_id), plan = parse_folder_name(folder.path.name) or ("", ""), folder.plan()
    begun_at = folder.touched_at
    return HalfMade(
        id=staging_id,
        firm=firm,
        target=plan.target if plan else "—",
        folder=folder.path,
        begun_at=begun_at,
        removed_at=begun_at + HALF_MADE_KEPT,
        is_being_made=folder.is_being_made,
    )


def find_any_staging(root: Path, staging_id: str) -> StagingFolder:
    """Also one that is half-made. Raises ``NoSuchStaging``."""
    for folder in staging_folders(root):
        named = parse_folder_name(folder.path.name)
        if named is not None and named[1] == staging_id:
            return folder
    raise NoSuchStaging(place=root / f"staging-…-{staging_id}")


def begun_plans(root: Path, wanted: RestorePlan) -> list[RestorePlan]:
    """Of the stagings that are half-made, where the same was asked for in the same words, oldest first."""
    asked = (wanted.firm, wanted.side, wanted.target)
    plans = [folder.plan() for folder in staging_folders(root) if folder.record() is None]
    return [plan for plan in plans if plan is not None and (plan.firm, plan.side, plan.target) == asked]


def extend(folder: StagingFolder, until: datetime) -> Staging:
    """Raises ``NoSuchStaging``, and ``StagingBusy`` while it is being destroyed or taken live."""
    with _proven(folder).held():
        record = folder.record()
        if record is None:
            raise NoSuchStaging(place=folder.path)
        longer = record.model_copy(update={"expires_at": until})
        plan = folder.plan()
        if plan is not None:
            folder.server(PostgresPrograms.find(plan.major), plan).announce(longer.banner)
        folder.write(longer)
    start_keeper(folder)
    return longer


def destroy(folder: StagingFolder) -> None:
    """The server ended, the folder and the documents in it removed.

    Raises ``NoSuchStaging``, ``StagingBusy``, and ``StagingWentLive`` while the way back of a cut-over leads to it.
    """
    with _proven(folder).held():
        _require_not_live(folder)
        folder.remove()


def _require_not_live(folder: StagingFolder) -> None:
    """Where its server went live. Once another cluster lies there, nobody can go back any more."""
    plan = folder.plan()
    for journal in journals(Path(plan.replaces)) if plan and plan.replaces else ():
        if (
            journal.staged == str(folder.data_dir)
            and journal.outcome in (None, "live")
            and lying_at(Path(journal.live)) in (None, journal.system_identifier)
        ):
            raise StagingWentLive(place=folder.path, id=journal.id, firm=journal.firm)


def clear_expired(root: Path, *, now: datetime, sparing: StagingFolder | None = None) -> list[Path]:
    """What is over, on this machine: destroyed here where its keeper is gone. Returns the folders."""
    others = [folder for folder in staging_folders(root) if sparing is None or folder.path != sparing.path]
    return [folder.path for folder in others if settle(folder, now)]


def tend(root: Path, *, now: datetime) -> list[str]:
    """For whoever comes by on this machine, since a keeper may have been killed, or the machine started anew.

    What is over goes; what stands without a keeper is given one. Returns what was done, a sentence each.
    """
    told = [
        f"staging {folder.name} was past its time: its server was ended, its folder removed"
        for folder in clear_expired(root, now=now)
    ]
    for folder in staging_folders(root):
        if _lost_its_keeper(folder):
            start_keeper(folder)
            told.append(f"staging {folder.path.name} had lost its keeper, who ends it in time: it has one again")
    return told


def _lost_its_keeper(folder: StagingFolder) -> bool:
    """Somebody else's folder, which we may not look into, is not ours to keep."""
    try:
        return folder.record() is not None and not folder.is_kept
    except (PermissionError, IsADirectoryError):
        return False


def settle(folder: StagingFolder, now: datetime) -> bool:
    """Whether it was over, and has gone. A half-made one, whose maker is gone, has no server from here on."""
    try:
        with folder.held(patience_s=0):
            record = folder.record()
            if record is None:
                folder.end_server()
            over = record.is_over(now) if record else _is_forsaken(folder, now)
            if over:
                folder.remove()
    except (StagingBusy, FileNotFoundError, IsADirectoryError, PermissionError):
        return False  # somebody makes, destroys or takes it live, or it is another user's
    return over


def _is_forsaken(folder: StagingFolder, now: datetime) -> bool:
    return _is_a_stagings(folder) and folder.touched_at + HALF_MADE_KEPT <= now


def start_keeper(folder: StagingFolder) -> None:
    """A process of its own, which outlives ours and gets none of our credentials. A second one ends at once."""
    keeper = [sys.executable, "-m", "muniment.runbooks.staging.keeper", str(folder.path)]
    run_program([sys.executable, "-I", isolation_launcher.__file__, "--no-calls", *keeper], timeout_s=120)


def keep(folder: StagingFolder, clock: Clock) -> None:
    """Until nothing of the staging is left."""
    while folder.path.exists():
        settle(folder, clock())
        time.sleep(POLL_S)


def _proven(folder: StagingFolder) -> StagingFolder:
    if not folder.path.is_dir() or not _is_a_stagings(folder):
        raise NoSuchStaging(place=folder.path)
    return folder


def _is_a_stagings(folder: StagingFolder) -> bool:
    """A name alone is nobody's word for it: what a staging begins with must lie in it, and say the same; or nothing
    may lie in it but what a staging is made of."""
    named, plan = parse_folder_name(folder.path.name), folder.plan()
    if named is None or plan is None:
        return named is not None and folder.lost_its_plan
    return plan.firm == named[0] and plan.into == str(folder.data_dir)
