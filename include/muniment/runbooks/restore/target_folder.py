"""Whether a restore may write into a folder, and where it puts tablespaces."""

from pathlib import Path

from muniment.adapters.host import processes
from muniment.adapters.host.data_directory import postmaster_of, system_identifier_of
from muniment.adapters.restore.journal import FOLDER, RestoreJournal, read_journal
from muniment.domain.backup.layout import Layout
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.vault.registers import Backup
from muniment.errors import ClusterRuns, TargetNotEmpty, WrongCluster


def examine(plan: RestorePlan, backup: Backup, *, delta: bool) -> RestoreJournal:
    """The journal of the restore that was begun there with this plan, else a new one; nothing is written.

    Raises ``TargetNotEmpty``; with ``delta`` also ``WrongCluster`` and ``ClusterRuns``.
    """
    into = Path(plan.into)
    begun = read_journal(into)
    if begun is not None:
        if begun.plan.sha256 != plan.sha256:
            raise TargetNotEmpty(place=into)
        return begun
    if _is_empty(into):
        _require_empty(tablespace_root(into))
        return RestoreJournal(plan=plan, delta=False)
    if not delta:
        raise TargetNotEmpty(place=into)
    _prove_stopped_cluster(into, backup)
    return RestoreJournal(plan=plan, delta=True)


def tablespace_root(into: Path) -> Path:
    return into.with_name(f"{into.name}-tablespaces")


def layout_of(into: Path, backup: Backup, *, delta: bool) -> Layout:
    """A cluster that is restored over keeps its tablespaces where they are."""
    fresh = Layout.below(into, tablespace_root(into), backup)
    if not delta:
        return fresh
    return Layout(
        into, {oid: _led_to(into / "pg_tblspc" / str(oid), place) for oid, place in fresh.tablespaces.items()}
    )


def _led_to(link: Path, fresh: Path) -> Path:
    return link.resolve() if link.is_symlink() else fresh


def _is_empty(place: Path) -> bool:
    """Whoever was killed before the journal was written left its folder and nothing else."""
    return not place.exists() or (place.is_dir() and all(below.name == FOLDER for below in place.iterdir()))


def _require_empty(place: Path) -> None:
    if not _is_empty(place):
        raise TargetNotEmpty(place=place)


def _prove_stopped_cluster(into: Path, backup: Backup) -> None:
    """A folder that is no cluster, or another's, is nobody's to overwrite."""
    there = system_identifier_of(into) if into.is_dir() else None
    if there is None:
        raise TargetNotEmpty(place=into)
    if there != backup.system_identifier:
        raise WrongCluster(
            firm=backup.firm, connection=f"the data directory {into}", actual=there, expected=backup.system_identifier
        )
    pid = postmaster_of(into)
    if pid is not None and processes.runs_in(pid, into):
        raise ClusterRuns(place=into, pid=pid)
