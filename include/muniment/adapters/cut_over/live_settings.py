"""A staged data directory becomes the firm's own again: its settings, its roles, its archive. The server is stopped."""

import os
import shutil
from pathlib import Path

from muniment.adapters.host.control_file import ControlFile
from muniment.adapters.host.data_directory import folders_of
from muniment.adapters.host.programs import PostgresPrograms, run_program
from muniment.adapters.staging.isolated_cluster import fenced_in
from muniment.domain.recovery.wal_coverage import TimelineHistory
from muniment.domain.restore.copy_settings import isolated
from muniment.domain.restore.isolation import ROLE
from muniment.domain.restore.room import room
from muniment.domain.restore.settings import without_restore
from muniment.domain.wal.names import WalSegment, history_name, is_segment

# What a host's owner puts beside the data: settings, who may come in, certificates.
_OWN = ("*.conf", "*.crt", "*.key", "*.pem", "*.crl", "conf.d")
_NEVER_OWN = ("recovery.conf",)
_POSTGRES_OWN = ("base", "global", "pg_wal", "pg_tblspc", "pg_xact", "pg_multixact", "pg_logical")
_TIMEOUT_S = 600.0


def remove_staging_role(data_dir: Path, programs: PostgresPrograms, scratch: Path) -> None:
    """In single-user mode, where nobody can log in. A role that owns something stays, without any right.

    The firm's own settings may name libraries and files that no maintenance needs: none of them is read. What the
    staged server had of those that pg_control keeps it goes on with: without room for them, what is prepared could not
    be kept, and times of commits would be thrown away.
    """
    nothing = scratch / "none.conf"
    scratch.mkdir(mode=0o755, exist_ok=True)
    nothing.write_text("")
    statements = f"ALTER ROLE {ROLE} NOLOGIN NOSUPERUSER PASSWORD NULL;\nDROP ROLE {ROLE};\n"
    control = ControlFile.read(data_dir, programs)
    kept = room(control.settings, control.segment_bytes)
    ours = {**isolated(programs.major), **kept, "restore_command": "", "wal_keep_size": "1TB"}
    settings = {"config_file": nothing, **ours}
    options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
    argv = programs.argv("postgres", "--single", "-D", data_dir, *options, "template1")
    # What it says of a role that is not there is of no interest; whether the role can log in is proven later.
    run_program([*fenced_in(*folders_of(data_dir)), *argv], timeout_s=_TIMEOUT_S, stdin=statements)


def give_own_settings(data_dir: Path, live: Path | None, staged_settings: Path) -> None:
    """The host's settings of now where there is a live data directory, else those of the backup without isolation.

    What is a link there is one here, to the same place. What was here is kept in ``staged_settings``, for the way back.
    """
    _keep(data_dir, staged_settings)
    auto = data_dir / "postgresql.auto.conf"
    if live is not None:
        for own in _own_files(live):
            _copy(own, data_dir / own.name)
    if auto.exists():
        _write_like(auto, without_restore(auto.read_text()))
    for signal in ("recovery.signal", "standby.signal"):
        (data_dir / signal).unlink(missing_ok=True)


def take_settings_back(data_dir: Path, staged_settings: Path) -> None:
    if not staged_settings.exists():
        return
    for link in _links(data_dir):
        link.unlink()
    for own in _own_files(staged_settings):
        _copy(own, data_dir / own.name)
    shutil.rmtree(staged_settings)


def setting(data_dir: Path, name: str, programs: PostgresPrograms, options: tuple[str, ...] = ()) -> str:
    """As the server would read it from its files and its command line, without starting it."""
    return programs.run("postgres", "-D", data_dir, *options, "-C", name).stdout.strip()


def _keep(data_dir: Path, kept: Path) -> None:
    if kept.exists():
        return
    unfinished = kept.with_name(f"{kept.name}.partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    for own in _own_files(data_dir):
        _copy(own, unfinished / own.name)
    unfinished.rename(kept)


def _own_files(folder: Path) -> list[Path]:
    found = {path for pattern in _OWN for path in folder.glob(pattern)} | set(_links(folder))
    return sorted(path for path in found if path.name not in _NEVER_OWN)


def _links(folder: Path) -> list[Path]:
    """What a host keeps elsewhere: settings, certificates, its log. A restored copy has none of its own.

    Of PostgreSQL's own folders only pg_wal may be one, which is no setting.
    """
    return [path for path in folder.iterdir() if path.is_symlink() and not path.name.startswith(_POSTGRES_OWN)]


def _copy(source: Path, target: Path) -> None:
    """Never through a link: what one leads to belongs to the cluster that serves."""
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)
    if source.is_symlink():  # a relative one leads to the same place from here: the two lie side by side
        target.symlink_to(source.readlink())
    elif source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target)
    places = [target, *(target.rglob("*") if target.is_dir() and not target.is_symlink() else ())]
    if os.geteuid() == 0:
        owner = target.parent.stat()
        for place in places:
            os.chown(place, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _write_like(path: Path, text: str) -> None:
    """Keeps owner and mode."""
    with path.open("r+") as file:
        file.seek(0)
        file.write(text)
        file.truncate()


def mark_for_archiving(data_dir: Path, control: ControlFile) -> str:
    """The timeline's history and its whole segments are to be archived: a server that archives nowhere marked none.

    Returns the first segment of the timeline that is here.
    """
    wal = data_dir / "pg_wal"
    names = sorted(path.name for path in wal.iterdir() if is_segment(path.name))
    whole = [name for name in names if int(name[:8], 16) == control.timeline and name < control.segment]
    for name in (history_name(control.timeline), *whole):
        if (wal / name).exists():
            _mark_ready(wal, name)
    return min((*whole, control.segment))


def first_segment(data_dir: Path, control: ControlFile) -> str | None:
    """In which the timeline begins, as its own history tells; ``None`` for the first timeline."""
    history = data_dir / "pg_wal" / history_name(control.timeline)
    if not history.exists():
        return None
    ancestors = TimelineHistory.parse(control.timeline, history.read_text()).ancestors
    return WalSegment.holding(ancestors[-1][1], control.timeline, control.segment_bytes).name


def _mark_ready(wal: Path, name: str) -> None:
    ready = wal / "archive_status" / f"{name}.ready"
    (wal / "archive_status" / f"{name}.done").unlink(missing_ok=True)
    ready.touch(mode=0o600)
    if os.geteuid() == 0:
        owner = wal.stat()
        os.chown(ready, owner.st_uid, owner.st_gid)
