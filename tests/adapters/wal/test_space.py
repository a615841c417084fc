"""What is told of pg_wal's room with each file that is pushed."""

import os
from pathlib import Path

from muniment.adapters.wal.archive import FREE_BYTES, PG_WAL_BYTES
from muniment.adapters.wal.space import space_of


def test_it_counts_as_pg_ls_waldir_does(tmp_path: Path) -> None:
    (tmp_path / "archive_status").mkdir()
    (tmp_path / "archive_status" / "000000010000000000000001.ready").write_bytes(b"x" * 10)
    (tmp_path / "000000010000000000000001").write_bytes(b"x" * 1000)
    (tmp_path / "xlogtemp.1").write_bytes(b"x" * 200)
    (tmp_path / ".hidden").write_bytes(b"x" * 3000)
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    told = space_of(tmp_path)
    assert told[PG_WAL_BYTES] == "1200"
    system = os.statvfs(tmp_path)
    assert 0 < int(told[FREE_BYTES]) <= system.f_blocks * system.f_frsize


def test_what_is_no_pg_wal_tells_nothing(tmp_path: Path) -> None:
    assert space_of(tmp_path) == space_of(tmp_path / "nowhere") == {}
