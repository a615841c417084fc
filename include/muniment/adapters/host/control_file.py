"""``global/pg_control``: which cluster this is and how its server left it, without asking the server.

Its beginning is read as it lies on the disk, for whoever PostgreSQL starts once a segment: nothing here costs them a
dataclass or a compiled expression. The rest is read as PostgreSQL's own pg_controldata prints it: where that lies
changes with the version.
"""

import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from muniment.adapters.host.programs import PostgresPrograms  # as little as possible is imported: see above

# The beginning of ControlFileData in src/include/catalog/pg_control.h, the same since PostgreSQL 9.4: the system
# identifier, two version numbers, the state.
_HEADER = struct.Struct("=QIII")
_SHUT_DOWN, _SHUT_DOWN_IN_RECOVERY, _IN_CRASH_RECOVERY, _IN_ARCHIVE_RECOVERY, _IN_PRODUCTION = 1, 2, 4, 5, 6
_LINE = r"(?m)^(.+?):\s+(.*)$"
_SETTINGS = {
    "max_connections setting": "max_connections",
    "max_worker_processes setting": "max_worker_processes",
    "max_prepared_xacts setting": "max_prepared_transactions",
    "max_locks_per_xact setting": "max_locks_per_transaction",
    "track_commit_timestamp setting": "track_commit_timestamp",
}


def path_of(data_dir: Path) -> Path:
    return data_dir / "global" / "pg_control"


class ControlHeader(NamedTuple):
    """``state``: DBState of pg_control.h."""

    system_identifier: int
    state: int

    @property
    def is_in_recovery(self) -> bool:
        """It replays an archive. A restored copy says so only once its server has read the first record."""
        return self.state == _IN_ARCHIVE_RECOVERY

    @property
    def has_recovered(self) -> bool:
        """Whatever its server had to replay has been replayed."""
        return self.state not in (_SHUT_DOWN_IN_RECOVERY, _IN_CRASH_RECOVERY, _IN_ARCHIVE_RECOVERY)

    @property
    def is_in_production(self) -> bool:
        return self.state == _IN_PRODUCTION

    @property
    def is_shut_down(self) -> bool:
        """Cleanly, and not while it replayed."""
        return self.state == _SHUT_DOWN


def read_header(data_dir: Path) -> ControlHeader | None:
    """``None`` where this is no data directory. Raises ``ControlFileDamaged``."""
    try:
        with path_of(data_dir).open("rb") as file:
            read = file.read(_HEADER.size)
    except FileNotFoundError:
        return None
    if len(read) < _HEADER.size:
        # Milliseconds, which each start of `wal fetch` would pay.
        from muniment.errors import ControlFileDamaged  # noqa: PLC0415

        raise ControlFileDamaged(place=path_of(data_dir), found=len(read), needed=_HEADER.size)
    system_identifier, _, _, state = _HEADER.unpack(read)
    return ControlHeader(system_identifier, state)


class ControlFile(NamedTuple):
    """Of a server that does not run."""

    header: ControlHeader
    state: str
    """In pg_controldata's words."""
    timeline: int
    segment: str
    """The one that is written next."""
    segment_bytes: int
    next_xid: int
    """The first transaction id that nobody has, its epoch included."""
    major: int
    settings: Mapping[str, str]
    """That its WAL was written with, by their names in postgresql.conf."""

    @classmethod
    def read(cls, data_dir: Path, programs: "PostgresPrograms") -> Self:
        """Raises ``ProgramFailed`` with what pg_controldata says against it."""
        said = dict(re.findall(_LINE, programs.run("pg_controldata", data_dir).stdout))
        header = read_header(data_dir)
        assert header is not None, "pg_controldata has just read it"
        epoch, xid = said["Latest checkpoint's NextXID"].split(":")
        return cls(
            header=header,
            state=said["Database cluster state"],
            timeline=int(said["Latest checkpoint's TimeLineID"]),
            segment=said["Latest checkpoint's REDO WAL file"],
            segment_bytes=int(said["Bytes per WAL segment"]),
            next_xid=int(epoch) << 32 | int(xid),
            major=int((data_dir / "PG_VERSION").read_text()),
            settings={name: said[told] for told, name in _SETTINGS.items()},
        )

    @property
    def system_identifier(self) -> int:
        return self.header.system_identifier

    @property
    def is_clean(self) -> bool:
        return self.header.is_shut_down
