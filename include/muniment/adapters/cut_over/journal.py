"""The journal of a cut-over, beside the live data directory: what a run that was killed leaves to the next one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from muniment.adapters.host.durable_files import replace_file
from muniment.adapters.host.lock_file import locked
from muniment.domain.restore.cut_over import CutOver, Seen
from muniment.errors import CutOverBusy


def journal_path(live: Path, cut_over_id: str) -> Path:
    return live.with_name(f"{live.name}.cut-over-{cut_over_id}.json")


def write_journal(journal: CutOver) -> None:
    """Whole or not at all, and on disk when this returns."""
    replace_file(journal_path(Path(journal.live), journal.id), journal.to_json())


def journals(live: Path) -> list[CutOver]:
    """Oldest first."""
    found = (CutOver.from_json(path.read_bytes()) for path in live.parent.glob(f"{live.name}.cut-over-[0-9]*.json"))
    return sorted(found, key=lambda journal: (journal.begun_at, journal.id))


@contextmanager
def one_at_a_time(live: Path) -> Iterator[None]:
    """Raises ``CutOverBusy``. The lock goes with its process, however that ends."""
    busy = CutOverBusy(place=live, which="its process is running")
    with locked(live.with_name(f"{live.name}.cut-over.lock"), busy):
        yield


def see(journal: CutOver, *, staging_runs: bool, live_runs: bool) -> Seen:
    return Seen(
        staged=Path(journal.staged).exists(),
        staging_runs=staging_runs,
        incoming=journal.incoming.exists(),
        aside=journal.aside.exists(),
        live=Path(journal.live).exists(),
        live_runs=live_runs,
    )
