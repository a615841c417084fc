"""What has to be so before a cut-over touches anything: the staged restore, the live place, the safety backup."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from muniment.adapters.cut_over import directory_move as swap
from muniment.adapters.cut_over.live_settings import setting
from muniment.adapters.host.control_file import ControlFile, path_of
from muniment.adapters.host.data_directory import has_recovered, port_of
from muniment.adapters.host.file_systems import mounts_below
from muniment.adapters.postgres.archiver import checkpoint
from muniment.adapters.postgres.collations import all_old_collations
from muniment.adapters.vault import catalog
from muniment.adapters.wal.archive import WalArchive
from muniment.domain.backup.layout import WAL
from muniment.domain.collation import CHECK as COLLATIONS
from muniment.domain.restore.cut_over import Moved, Safety, place_below, tablespace_place
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.restore.staging import Staging
from muniment.domain.wal.names import history_name
from muniment.errors import LiveNotReplaceable, NotStaged, ObjectMissing
from muniment.runbooks.cut_over.steps import Stage


def has_passed(at: Stage, record: Staging | None) -> bool:
    """All that was checked when it was staged; what sorts otherwise here may have been rebuilt in it since."""
    if record is None or record.passed:
        return record is not None
    if any(check.name != COLLATIONS for check in record.failed_checks) or not at.staged.is_running:
        return False
    return not any(all_old_collations(at.staging))


def require_staged(at: Stage, plan: RestorePlan, *, passed: bool, system_identifier: int) -> ControlFile:
    """Raises ``NotStaged``."""
    place = at.staged.data_dir
    if not (place / "PG_VERSION").exists():
        raise NotStaged(place=place, reason="there is no data directory")
    if at.staged.is_running:  # pg_control names the timeline of its last checkpoint
        checkpoint(at.staging)
    control = ControlFile.read(place, at.staged.programs)
    faults = (
        (plan.firm != at.site.firm.id, f"it is of firm {plan.firm}"),
        (control.system_identifier != system_identifier, f"it is of cluster {control.system_identifier}"),
        (not passed, "its checks did not pass"),
        (_recovers(place), "it has not reached its target"),
    )
    if found := [reason for wrong, reason in faults if wrong]:
        raise NotStaged(place=place, reason="; ".join(found))
    return control


def _recovers(place: Path) -> bool:
    return (place / "recovery.signal").exists() or not has_recovered(place)


def require_replaceable(at: Stage, staged: ControlFile) -> None:
    """Raises ``LiveNotReplaceable`` with everything that stands against it."""
    looks = (_place_faults(at), _live_faults(at, staged), _start_faults(at), _timeline_faults(at, staged))
    if reasons := [reason for faults in looks for reason in faults]:
        raise LiveNotReplaceable(place=at.live.data_dir, reason="; ".join(reasons))


def _place_faults(at: Stage) -> Iterator[str]:
    place = at.live.data_dir
    if at.site.firm.cluster.live.data_directory != str(place):
        yield f"the firm's file names {at.site.firm.cluster.live.data_directory} in cluster.live"
    if place.is_mount():
        yield "it is a mount point, which cannot be renamed: let the data directory lie below it"
    if place.is_symlink():
        yield "it is a link: name the folder itself"
    for mount in mounts_below(place):
        yield f"{mount} is a mount point inside of it: let a link in the data directory lead to that disk"
    if not os.access(place.parent, os.W_OK):
        yield f"this user may not write to {place.parent}"


def _live_faults(at: Stage, staged: ControlFile) -> Iterator[str]:
    """A folder that holds nothing, or is not there, is as good as a lost disk."""
    place = at.live.data_dir
    if not place.exists():
        return
    if not path_of(place).exists():
        yield "there is no data directory in it: set it aside by hand"
        return
    live = ControlFile.read(place, at.live.programs)
    yield from _layout_faults(place)
    if live.system_identifier != staged.system_identifier:
        yield f"it is cluster {live.system_identifier}, the firm's is {staged.system_identifier}"
    if live.major != staged.major:
        yield f"it is of PostgreSQL {live.major}, the restored one of {staged.major}"
    if live.timeline >= staged.timeline:
        yield f"it is on timeline {live.timeline}, the restored one on {staged.timeline}"
    if _has_settings(at) and _archives(at) == "off":
        yield "its archive_mode is off: nothing of the restored one would be archived either"


def _layout_faults(live: Path) -> Iterator[str]:
    """What the restored one's would lie in: a disk that is not mounted, or the folder that goes aside."""
    led_to = {f"pg_tblspc/{oid}": place for oid, place in swap.tablespaces_of(live).items()}
    if wal := swap.wal_of(live):
        led_to[WAL] = wal
    for link, place in led_to.items():
        if not Path(place).is_dir():
            yield f"its {link} leads to {place}, which is not there"
        elif Path(place).resolve().is_relative_to(live.resolve()):
            yield f"its {link} leads to {place}, inside of it"


def _has_settings(at: Stage) -> bool:
    """In the data directory, or where its command line says, as Debian's does."""
    named = any("config_file" in option for option in at.live.last_options() or ())
    return named or (at.live.data_dir / "postgresql.conf").exists()


def _archives(at: Stage) -> str:
    return setting(at.live.data_dir, "archive_mode", at.live.programs, at.live.last_options() or ())


def _start_faults(at: Stage) -> Iterator[str]:
    """Without a command of the firm's, the server is started as it was: what does not tell how is refused.

    One that does not run has nothing to lose by that.
    """
    if at.live.start_command or not at.live.is_running:
        return
    options, unit = at.live.last_options(), at.live.unit()
    named = "name the command in cluster.live.start"
    if options is None:
        yield f"nothing tells how its server was started (it has no postmaster.opts): {named}"
    elif unit is not None:
        yield f"its server belongs to {unit}: name [systemctl, start, {unit}] in cluster.live.start, and stop likewise"
    elif (port := port_of(at.live.data_dir)) is not None:
        again = setting(at.live.data_dir, "port", at.live.programs, options)
        if again != str(port):
            yield f"its server listens on port {port} and would come back on {again}: {named}"


def _timeline_faults(at: Stage, staged: ControlFile) -> Iterator[str]:
    """Two restores that were staged side by side took the same number; the first that goes live has it."""
    history = at.staged.data_dir / "pg_wal" / history_name(staged.timeline)
    try:
        archived = WalArchive(at.site.primary, staged.system_identifier).read(history.name)
    except ObjectMissing:
        return
    if not history.exists() or history.read_bytes() != archived:
        yield f"timeline {staged.timeline} has been taken by another restore since this one was staged"


def require_safety(at: Stage, plan: RestorePlan, safety: Safety) -> None:
    """A point of the cluster that is replaced, younger than the plan, or a waiver. Raises ``LiveNotReplaceable``."""
    if safety.waiver and safety.waiver.reason.strip():
        return
    points = {point.id: point for point in catalog.points(at.site.primary)}
    point = points.get(safety.point or "")
    if point is None or point.taken_at < plan.made_at:
        reason = "no safety backup of it has been registered since the plan was made, and nobody has waived it"
        raise LiveNotReplaceable(place=at.live.data_dir, reason=reason)


def wal_to_move(at: Stage, cut_over_id: str) -> Mapping[str, str]:
    """Fields of the journal: pg_wal stays on the disk that the live one's is on."""
    old = swap.wal_of(at.live.data_dir)
    return {"old_wal": old, "wal": place_below(old, cut_over_id)} if old else {}


def tablespaces_to_move(at: Stage, cut_over_id: str) -> tuple[Moved, ...]:
    live = at.live.data_dir
    old = swap.tablespaces_of(live) if live.exists() else {}
    return tuple(
        Moved(
            oid=oid, staged=staged, live=tablespace_place(old.get(oid), str(live), oid, cut_over_id), old=old.get(oid)
        )
        for oid, staged in swap.tablespaces_of(at.staged.data_dir).items()
    )
