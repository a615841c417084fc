"""Clusters without an initdb each: a copy of one that was never started, with a system identifier of its own.

initdb costs three to eight times what a copy costs, and the suite makes hundreds. A template is made once for each
installation and segment size, lies under ``.muniment/templates/`` and serves every later run.
"""

import hashlib
import secrets
import shutil
import struct
import subprocess
import time
from pathlib import Path

from crc32c import crc32c

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.lock_file import locked
from muniment.adapters.host.programs import PostgresPrograms

TEMPLATES = Path(__file__).resolve().parents[2] / ".muniment" / "templates"
# pg_control begins with the system identifier and ends with the CRC-32C of all before it, whose place is the size of
# ControlFileData's other fields (src/include/catalog/pg_control.h): 288 in PostgreSQL 15 and 17.
_CHECKSUMS_AT = range(256, 400, 4)
_IDENTIFIER = struct.Struct("=Q")
_CHECKSUM = struct.Struct("=I")
# xlp_sysid of XLogLongPageHeaderData (src/include/access/xlog_internal.h), at the beginning of a segment.
_IDENTIFIER_IN_SEGMENT = 24
_PATIENCE_S = 600  # an initdb on a busy machine


def create_from_template(cluster: LocalCluster, *, wal_segment_size_mb: int = 16) -> None:
    """As ``cluster.create``, from a copy where this PostgreSQL's control file is understood."""
    template = _template(cluster.programs, wal_segment_size_mb)
    if _checksum_at(_control_file(template.data_dir).read_bytes()) is None:
        cluster.create(wal_segment_size_mb=wal_segment_size_mb, sync=False)
        return
    cluster.data_dir.parent.mkdir(parents=True, exist_ok=True)
    # `cp`: it keeps owner and mode, and holes.
    subprocess.run(["cp", "--archive", template.data_dir, cluster.data_dir], check=True)
    shutil.copy2(template.passfile, cluster.passfile)
    identify(cluster.data_dir, _new_identifier())


def identify(data_dir: Path, identifier: int) -> None:
    """Gives a cluster that was never started another system identifier."""
    control = _control_file(data_dir)
    content = bytearray(control.read_bytes())
    checksum_at = _checksum_at(content)
    assert checksum_at is not None, "no control file that we understand"
    _IDENTIFIER.pack_into(content, 0, identifier)
    _CHECKSUM.pack_into(content, checksum_at, crc32c(content[:checksum_at]))
    control.write_bytes(content)
    for path in _segments(data_dir):
        with path.open("r+b") as segment:
            segment.seek(_IDENTIFIER_IN_SEGMENT)
            segment.write(_IDENTIFIER.pack(identifier))


def _new_identifier() -> int:
    """As PostgreSQL makes one: seconds, microseconds, and twelve bits of its own."""
    seconds, rest = divmod(time.time_ns() // 1000, 1_000_000)
    return seconds << 32 | rest << 12 | secrets.randbits(12)


def _checksum_at(control: bytes | bytearray) -> int | None:
    """Where the checksum of a control file is; ``None`` where it is not one as we know it."""
    return next((at for at in _CHECKSUMS_AT if crc32c(control[:at]) == _CHECKSUM.unpack_from(control, at)[0]), None)


def _control_file(data_dir: Path) -> Path:
    return data_dir / "global" / "pg_control"


def _segments(data_dir: Path) -> list[Path]:
    """One, or some where they are small."""
    return [path for path in (data_dir / "pg_wal").iterdir() if path.is_file()]


def _template(programs: PostgresPrograms, wal_segment_size_mb: int) -> LocalCluster:
    folder = TEMPLATES / _name(programs, wal_segment_size_mb)
    cluster = LocalCluster(folder / "data", programs)
    if not folder.exists():
        TEMPLATES.mkdir(parents=True, exist_ok=True)
        # Several workers may want the same one first.
        with locked(TEMPLATES / "lock", TimeoutError(str(folder)), patience_s=_PATIENCE_S):
            if not folder.exists():
                _make(programs, wal_segment_size_mb).rename(folder)
    return cluster


def _name(programs: PostgresPrograms, wal_segment_size_mb: int) -> str:
    """Another one for an installation that has been replaced."""
    server = programs.bin_dir / "postgres"
    found = server.stat()
    told = f"{server} {found.st_size} {found.st_mtime_ns}"
    return f"pg{programs.major}-{wal_segment_size_mb}mb-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def _make(programs: PostgresPrograms, wal_segment_size_mb: int) -> Path:
    """Under another name: a template is there whole, or not at all."""
    unfinished = TEMPLATES / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    cluster = LocalCluster(unfinished / "data", programs)
    cluster.create(wal_segment_size_mb=wal_segment_size_mb, sync=False)
    for segment in _segments(cluster.data_dir):
        _make_sparse(segment)
    return unfinished


def _make_sparse(path: Path) -> None:
    """What follows the last byte that is not 0 becomes a hole, which no copy reads or writes."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(len(path.read_bytes().rstrip(b"\0")))
        file.truncate(size)
