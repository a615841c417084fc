"""What a data directory's files tell about its cluster without asking the server."""

from pathlib import Path

from muniment.adapters.host.control_file import path_of, read_header

# Line 8 of postmaster.pid, LOCK_FILE_LINE_PM_STATUS in src/include/utils/pidfile.h.
_STATUS_LINE = 8
_PORT_LINE = 4  # LOCK_FILE_LINE_PORT


def system_identifier_of(data_dir: Path) -> int | None:
    """``None`` where this is no data directory. Raises ``ControlFileDamaged``, as the three below do."""
    control = read_header(data_dir)
    return control.system_identifier if control else None


def is_in_recovery(data_dir: Path) -> bool:
    """Whether the server replays an archive. A restored copy says so only once its server has read the first record."""
    control = read_header(data_dir)
    return control is not None and control.is_in_recovery


def has_recovered(data_dir: Path) -> bool:
    """Whether whatever its server had to replay has been replayed."""
    control = read_header(data_dir)
    return control is not None and control.has_recovered


def is_in_production(data_dir: Path) -> bool:
    control = read_header(data_dir)
    return control is not None and control.is_in_production


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


def is_stopping(data_dir: Path) -> bool:
    """Whether the server has been told to shut down."""
    return _status(data_dir) == "stopping"


def accepts_connections(data_dir: Path) -> bool:
    """Whether the server says that it does. A killed one may have left its last word."""
    return _status(data_dir) == "ready"


def _status(data_dir: Path) -> str:
    """Filled up with blanks in the file; empty where there is none."""
    try:
        lines = (data_dir / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return ""
    return lines[_STATUS_LINE - 1].strip() if len(lines) >= _STATUS_LINE else ""


def folders_of(data_dir: Path) -> tuple[Path, ...]:
    """Where its server writes: the data directory, and what its links of pg_wal and of tablespaces lead to."""
    links = [data_dir / "pg_wal", *sorted((data_dir / "pg_tblspc").glob("[0-9]*"))]
    return (data_dir, *(link.resolve() for link in links if link.is_symlink() and link.exists()))


def data_directory_of(wal_file: Path) -> Path | None:
    """The data directory in whose ``pg_wal`` this file lies, as the path is written: pg_wal may be a link."""
    folder = wal_file.parent.parent
    return folder if path_of(folder).exists() else None
