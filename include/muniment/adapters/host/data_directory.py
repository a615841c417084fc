"""What a data directory's files tell about its cluster without asking the server."""

import struct
from pathlib import Path

# Line 8 of postmaster.pid, LOCK_FILE_LINE_PM_STATUS in src/include/utils/pidfile.h.
_STATUS_LINE = 8
_PORT_LINE = 4  # LOCK_FILE_LINE_PORT
# The beginning of ControlFileData in src/include/catalog/pg_control.h, the same since PostgreSQL 9.4: the system
# identifier, two version numbers, the state.
_CONTROL = struct.Struct("=QIII")
_SHUT_DOWN_IN_RECOVERY, _IN_CRASH_RECOVERY, _IN_ARCHIVE_RECOVERY, _IN_PRODUCTION = 2, 4, 5, 6


def system_identifier_of(data_dir: Path) -> int | None:
    """The first field of ``global/pg_control``; ``None`` where this is no data directory."""
    control = _control(data_dir)
    return control[0] if control else None


def is_in_recovery(data_dir: Path) -> bool:
    """Whether the server replays an archive. A restored copy says so only once its server has read the first record."""
    control = _control(data_dir)
    return control is not None and control[3] == _IN_ARCHIVE_RECOVERY


def has_recovered(data_dir: Path) -> bool:
    """Whether whatever its server had to replay has been replayed."""
    control = _control(data_dir)
    return control is not None and control[3] not in (_SHUT_DOWN_IN_RECOVERY, _IN_CRASH_RECOVERY, _IN_ARCHIVE_RECOVERY)


def is_in_production(data_dir: Path) -> bool:
    control = _control(data_dir)
    return control is not None and control[3] == _IN_PRODUCTION


def postmaster_run(data_dir: Path) -> str:
    """Tells one run of the server from every other: pid, data directory and start time; empty where none runs."""
    try:
        return "\n".join((data_dir / "postmaster.pid").read_text().splitlines()[:3])
    except FileNotFoundError:
        return ""


def postmaster_of(data_dir: Path) -> int | None:
    """The pid in ``postmaster.pid``, whether or not that process still lives."""
    try:
        return abs(int((data_dir / "postmaster.pid").read_text().split("\n", 1)[0]))
    except (FileNotFoundError, ValueError):
        return None


def port_of(data_dir: Path) -> int | None:
    """Where the server listens; ``None`` where none runs."""
    try:
        lines = (data_dir / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    return int(lines[_PORT_LINE - 1]) if len(lines) >= _PORT_LINE else None


def _control(data_dir: Path) -> tuple[int, ...] | None:
    try:
        with (data_dir / "global" / "pg_control").open("rb") as control:
            return _CONTROL.unpack(control.read(_CONTROL.size))
    except FileNotFoundError:
        return None


def is_stopping(data_dir: Path) -> bool:
    """Whether the server has been told to shut down."""
    try:
        lines = (data_dir / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= _STATUS_LINE and lines[_STATUS_LINE - 1].strip() == "stopping"


def folders_of(data_dir: Path) -> tuple[Path, ...]:
    """Where its server writes: the data directory, and what its links of pg_wal and of tablespaces lead to."""
    links = [data_dir / "pg_wal", *sorted((data_dir / "pg_tblspc").glob("[0-9]*"))]
    return (data_dir, *(link.resolve() for link in links if link.is_symlink() and link.exists()))


def data_directory_of(wal_file: Path) -> Path | None:
    """The data directory in whose ``pg_wal`` this file lies, as the path is written: pg_wal may be a link."""
    folder = wal_file.parent.parent
    return folder if (folder / "global" / "pg_control").exists() else None
