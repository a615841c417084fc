"""A way back goes on the record of both vaults, after the old cluster serves: no vault can hold that up.

What could not be written is written by the next ``muniment live`` command on the host, or by its next restore. The
firm's contact is told by Airflow, which has the means to (plugins/muniment_airflow/roll_back_letter.py).
"""

from collections.abc import Iterator
from pathlib import Path

from muniment.adapters.cut_over.journal import journals, write_journal
from muniment.adapters.restore.records import write_rolled_back
from muniment.adapters.site.site import Site
from muniment.domain.restore.cut_over import CutOver
from muniment.domain.restore.record import rolled_back_by
from muniment.errors import MunimentError
from muniment.ports import Clock, Progress


def keep_record(site: Site, journal: CutOver, *, clock: Clock, progress: Progress) -> CutOver:
    """The journal, which knows whether both vaults have it; ``progress`` is told what is still to be recorded."""
    missing = list(_unwritten(site, journal, clock))
    for reason in missing:
        progress.note(f"NOT YET ON RECORD: that cut-over {journal.id} went back: {reason}")
    if missing:
        progress.note("the next `muniment live` command on this host tries again")
        return journal
    kept = journal.model_copy(update={"recorded_at": clock()})
    write_journal(kept)
    return kept


def keep_records(site: Site, live: Path, *, clock: Clock, progress: Progress) -> None:
    """Of every way back that this host still owes the vaults."""
    for journal in journals(live):
        if journal.outcome == "gone back" and journal.recorded_at is None:
            keep_record(site, journal, clock=clock, progress=progress)


def _unwritten(site: Site, journal: CutOver, clock: Clock) -> Iterator[str]:
    """Why each vault that has it not does not."""
    now = clock()
    record, until = rolled_back_by(journal, now=now), now + site.policy.audit_log
    for vault in site.vaults:
        try:
            write_rolled_back(vault, record, locked_until=until)
        except MunimentError as error:
            yield f"{vault.bucket}: {error.what}"
