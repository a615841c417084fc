"""Stagings of this machine: listed, extended, destroyed; and the keeper, who destroys one when its time is over."""

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from include.muniment.adapters import isolation_launcher
from include.muniment.adapters.programs import PostgresPrograms, run_program
from include.muniment.adapters.staging_records import StagingFolder, staging_folders
from include.muniment.domain.drill_evidence import DrillSide
from include.muniment.domain.restore_plan import RestorePlan
from include.muniment.domain.staging import Staging, parse_folder_name
from include.muniment.errors import NoSuchStaging, StagingBusy
from include.muniment.ports import Clock

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


def begun_plan(root: Path, firm_id: str, side: DrillSide, target: str) -> RestorePlan | None:
    """The plan of a staging that a killed run left half-made, where the same is asked for again."""
    for folder in staging_folders(root):
        plan = folder.plan()
        if folder.record() is None and plan and (plan.firm, plan.side, plan.target) == (firm_id, side, target):
            return plan
    return None


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
    """The server ended, the folder and the documents in it removed. Raises ``NoSuchStaging`` and ``StagingBusy``."""
    with _proven(folder).held():
        folder.remove()


def clear_expired(root: Path, *, now: datetime, sparing: StagingFolder | None = None) -> list[Path]:
    """What is over, on this machine: destroyed here where its keeper is gone. Returns the folders."""
    others = [folder for folder in staging_folders(root) if sparing is None or folder.path != sparing.path]
    return [folder.path for folder in others if settle(folder, now)]


def settle(folder: StagingFolder, now: datetime) -> bool:
    """Whether it was over, and has gone. A half-made one, whose maker is gone, has no server from here on."""
    try:
        with folder.held(patience_s=0):
            record = folder.record()
            if record is None:
                folder.end_server()
            over = record.is_over(now) if record else _last_touched(folder) + HALF_MADE_KEPT <= now
            if over:
                folder.remove()
    except (StagingBusy, FileNotFoundError):
        return False  # somebody makes, destroys or takes it live
    return over


def _last_touched(folder: StagingFolder) -> datetime:
    return datetime.fromtimestamp(folder.plan_path.stat().st_mtime, UTC)


def start_keeper(folder: StagingFolder) -> None:
    """A process of its own, which outlives ours and gets none of our credentials. A second one ends at once."""
    keeper = [sys.executable, "-m", "include.muniment.runbooks.keep_staging", str(folder.path)]
    run_program([sys.executable, "-I", isolation_launcher.__file__, "--no-calls", *keeper], timeout_s=120)


def keep(folder: StagingFolder, clock: Clock) -> None:
    """Until nothing of the staging is left."""
    while folder.path.exists():
        settle(folder, clock())
        time.sleep(POLL_S)


def _proven(folder: StagingFolder) -> StagingFolder:
    """A name alone is nobody's word for it: what a staging begins with must lie in it, and say the same."""
    named, plan = parse_folder_name(folder.path.name), folder.plan()
    if named is None or plan is None or plan.firm != named[0] or plan.into != str(folder.data_dir):
        raise NoSuchStaging(place=folder.path)
    return folder
