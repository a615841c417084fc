"""backup_manifest: believed only with its own checksum, and compared with the register before anything is fetched."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import crc32c
import pytest

from muniment.domain.backup.manifest import Manifest
from muniment.domain.vault.registers import Archive, Backup, StoredFile, Tablespace, TarMember
from muniment.domain.wal.names import Lsn

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def entry(path: str, content: bytes, **changes: object) -> dict[str, object]:
    """As PostgreSQL writes it: the checksum's bytes as a little-endian machine has them."""
    checksum = crc32c.crc32c(content).to_bytes(4, "little").hex()
    return {"Path": path, "Size": len(content), "Checksum-Algorithm": "CRC32C", "Checksum": checksum} | changes


def manifest(*files: dict[str, object]) -> bytes:
    ranges = [
        {"Timeline": 2, "Start-LSN": "0/3000000", "End-LSN": "0/3000128"},
        {"Timeline": 1, "Start-LSN": "0/2000028", "End-LSN": "0/3000000"},
    ]
    told = json.dumps({"PostgreSQL-Backup-Manifest-Version": 1, "Files": files, "WAL-Ranges": ranges})
    head = told.removesuffix("}").encode() + b",\n"
    return head + f'"Manifest-Checksum": "{hashlib.sha256(head).hexdigest()}"}}\n'.encode()


FILES = (entry("PG_VERSION", b"17\n"), entry("pg_tblspc/16400/PG_17_202406281/5/1", b"x" * 8192))


def backup(**changes: Any) -> Backup:
    base = Archive(
        name="base",
        size_bytes=1024,
        chunks=(),
        members=(
            TarMember(name="PG_VERSION", offset=0, size_bytes=3),
            TarMember(name="base/", offset=512, size_bytes=0),
        ),
    )
    space = Archive(
        name="16400",
        tablespace=Tablespace(oid=16400, location="/srv/space"),
        size_bytes=8704,
        chunks=(),
        members=(TarMember(name="PG_17_202406281/5/1", offset=0, size_bytes=8192),),
    )
    values = {
        "id": "20261120T000000000Z",
        "firm": "okafor",
        "point": "20261120T000000000Z",
        "kind": "full",
        "system_identifier": 7,
        "server_version": 170000,
        "wal_segment_bytes": 2**24,
        "timeline": 1,
        "start_lsn": "0/2000028",
        "stop_lsn": "0/3000128",
        "stop_timeline": 2,
        "started_at": NOW,
        "finished_at": NOW,
        "slice_bytes": 2**24,
        "zstd_level": 3,
        "archives": (base, space),
        "manifest": StoredFile(key="base/x/backup_manifest", size_bytes=1, stored_bytes=1, sha256=""),
    }
    return Backup(**{**values, **changes})


def test_files_checksums_and_wal_over_all_timelines() -> None:
    told = Manifest.parse(manifest(*FILES))
    assert told.files["PG_VERSION"].crc32c == crc32c.crc32c(b"17\n")
    assert (told.start, told.stop) == (Lsn.parse("0/2000028"), Lsn.parse("0/3000128"))
    assert told.fault(backup()) is None


def test_a_name_that_is_not_utf_8_is_spelled_as_the_register_spells_it() -> None:
    strange = entry("", b"")
    del strange["Path"]
    told = Manifest.parse(manifest({**strange, "Encoded-Path": b"base/caf\xe9".hex()}))
    assert list(told.files) == ["base/caf\\xe9"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (manifest(*FILES).replace(b"PG_VERSION", b"PG_VERSI0N"), "it does not have its own checksum"),
        (manifest(*FILES)[:200], "it breaks off: it has no checksum of its own"),
        (manifest(entry("x", b"", **{"Checksum-Algorithm": "SHA256"})), "the checksum of x is SHA256, not CRC32C"),
        (manifest({"Path": "x"}), "it lacks 'Checksum-Algorithm'"),
    ],
)
def test_what_is_not_believed(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Manifest.parse(content)


@pytest.mark.parametrize(
    ("files", "changes", "fault"),
    [
        (FILES[:1], {}, "it does not name pg_tblspc/16400/PG_17_202406281/5/1, which an archive holds"),
        ((*FILES, entry("base/5/1", b"")), {}, "it names base/5/1, which no archive holds"),
        ((entry("PG_VERSION", b"17"), FILES[1]), {}, "PG_VERSION has 2 bytes in it and 3 in the archive"),
        (FILES, {"stop_lsn": "0/3000200"}, "its WAL is 0/2000028 to 0/3000128, the register's 0/2000028 to 0/3000200"),
    ],
)
def test_what_differs_from_the_register(
    files: tuple[dict[str, object], ...], changes: dict[str, Any], fault: str
) -> None:
    assert Manifest.parse(manifest(*files)).fault(backup(**changes)) == fault
