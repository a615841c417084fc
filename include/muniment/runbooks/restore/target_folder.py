"""Whether a restore may write into a folder, and where it puts tablespaces."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from muniment.adapters.host import processes
from muniment.adapters.host.data_directory import postmaster_of, system_identifier_of
from muniment.adapters.host.file_systems import mounts_below
from muniment.adapters.restore.journal import FOLDER, RestoreJournal, read_journal
from muniment.domain.backup.layout import WAL, Layout
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.vault.registers import Backup
from muniment.errors import ClusterRuns, LayoutNotRestorable, TargetNotEmpty, WrongCluster


def examine(plan: RestorePlan, chain: Sequence[Backup], *, delta: bool) -> RestoreJournal:
    """The journal of the restore that was begun there with this plan, else a new one; nothing is written.

    Raises ``TargetNotEmpty``; with ``delta`` also ``WrongCluster``, ``ClusterRuns`` and ``LayoutNotRestorable``.
    """
    begun = read_journal(Path(plan.into))
    if begun is None or (begun.plan.sha256 != plan.sha256 and delta and begun.delta and begun.state == "begun"):
        return _new(plan, chain, delta=delta)
    if begun.plan.sha256 != plan.sha256:
        raise TargetNotEmpty(place=plan.into)
    if begun.delta and begun.state != "complete":
        _refuse_running(begun.layout.folder)
        _require_layout(begun.layout, chain)
    return begun


def tablespace_root(into: Path) -> Path:
    return into.with_name(f"{into.name}-tablespaces")


def layout_of(into: Path, backup: Backup, *, delta: bool) -> Layout:
    """A cluster that is restored over keeps its tablespaces where they are."""
    fresh = Layout.below(into, tablespace_root(into), backup)
    if not delta:
        return fresh
    return Layout(into, {oid: _led_to(fresh.link_of(oid), place) for oid, place in fresh.tablespaces.items()})


def holds_cluster(into: Path) -> bool:
    """Whether there is one to be restored over."""
    return into.is_dir() and not _is_empty(into)


def _new(plan: RestorePlan, chain: Sequence[Backup], *, delta: bool) -> RestoreJournal:
    into = Path(plan.into)
    over = not _is_empty(into)
    layout = layout_of(into, chain[-1], delta=over)
    if over:
        if not delta:
            raise TargetNotEmpty(place=into)
        _prove_stopped_cluster(into, chain[-1])
        _require_layout(layout, chain)
    else:
        _require_empty(tablespace_root(into))
    tablespaces = {oid: str(place) for oid, place in layout.tablespaces.items()}
    return RestoreJournal(plan=plan, delta=over, tablespaces=tablespaces)


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
    _refuse_running(into)


def _refuse_running(into: Path) -> None:
    pid = postmaster_of(into)
    if pid is not None and processes.runs_in(pid, into):
        raise ClusterRuns(place=into, pid=pid)


def _require_layout(layout: Layout, chain: Sequence[Backup]) -> None:
    """Raises ``LayoutNotRestorable`` with all that stands against it, before the first byte."""
    faults = [*_missing(layout), *_closed(layout), *(_nested(layout) if len(chain) > 1 else ())]
    if faults:
        raise LayoutNotRestorable(place=layout.folder, reason="; ".join(faults))


def _missing(layout: Layout) -> Iterator[str]:
    """A disk that is not mounted: what is written there would lie below its mount point, on another one."""
    links = [layout.folder / WAL, *map(layout.link_of, layout.tablespaces)]
    for link in links:
        if link.is_symlink() and not link.is_dir():
            yield f"{link.relative_to(layout.folder)} leads to {link.resolve()}, which is not there"


def _closed(layout: Layout) -> Iterator[str]:
    for root in layout.roots:
        if root.is_dir() and not os.access(root, os.W_OK | os.X_OK):
            yield f"this user may not write to {root}"


def _nested(layout: Layout) -> Iterator[str]:
    """What pg_combinebackup has put together takes the old one's place by renames, which no mount point allows."""
    inside, wal = layout.folder.resolve(), layout.folder.resolve() / WAL
    for oid, place in layout.tablespaces.items():
        if place.resolve().is_relative_to(inside):
            yield f"tablespace {oid} lies inside of it, in {place}"
    for root in layout.roots:
        for mount in mounts_below(root):
            if mount != wal and FOLDER not in mount.parts:
                yield f"{mount} is a mount point inside of it"
