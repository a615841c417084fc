"""PostgreSQL's backup_manifest: every file of a base backup, its size and its checksum.

Format: PostgreSQL documentation, "Backup Manifest Format". Ours have CRC32C, which BASE_BACKUP computes unless it is
asked for another.
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from muniment.domain.vault.registers import Archive, Backup
from muniment.domain.wal.names import Lsn

_LAST_LINE = b'"Manifest-Checksum"'
# Its locations are those of the firm's own server: links take its place.
TABLESPACE_MAP = "tablespace_map"


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """``path`` is relative to the data directory; a byte that is not UTF-8 is spelled ``\\xE9``, as in a register."""

    path: str
    size_bytes: int
    crc32c: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """``start`` and ``stop`` enclose the WAL that the backup needs, over all timelines that it names."""

    files: Mapping[str, ManifestFile]
    start: Lsn
    stop: Lsn

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Raises ``ValueError``: it does not have its own checksum, or is none of ours."""
        _prove_own_checksum(content)
        try:
            told = json.loads(content)
            files = [_file(entry) for entry in told["Files"]]
            ranges = told["WAL-Ranges"]
            start = min(Lsn.parse(each["Start-LSN"]) for each in ranges)
            stop = max(Lsn.parse(each["End-LSN"]) for each in ranges)
        except (KeyError, TypeError, AttributeError) as error:
            message = f"it lacks {error}"
            raise ValueError(message) from error
        return cls({file.path: file for file in files}, start, stop)

    def fault(self, backup: Backup) -> str | None:
        """What of ``backup``'s register differs from this manifest: a file more, less or of another size, the WAL."""
        stored = dict(files_of(backup))
        for path, size_bytes in stored.items():
            file = self.files.get(path)
            if file is None:
                return f"it does not name {path}, which an archive holds"
            if file.size_bytes != size_bytes:
                return f"{path} has {file.size_bytes} bytes in it and {size_bytes} in the archive"
        missing = next((path for path in self.files if path not in stored), None)
        if missing is not None:
            return f"it names {missing}, which no archive holds"
        if (self.start, self.stop) != (backup.start_lsn, backup.stop_lsn):
            return f"its WAL is {self.start} to {self.stop}, the register's {backup.start_lsn} to {backup.stop_lsn}"
        return None


def files_of(backup: Backup) -> list[tuple[str, int]]:
    """(path as the manifest has it, size in bytes) of each file in the archives; folders are not files."""
    return [
        (path_of(archive, member.name), member.size_bytes)
        for archive in backup.archives
        for member in archive.members
        if not member.name.endswith("/")
    ]


def path_of(archive: Archive, name: str) -> str:
    """A member's path relative to the data directory."""
    name = name.removeprefix("./")
    return name if archive.tablespace is None else f"pg_tblspc/{archive.tablespace.oid}/{name}"


def amended(content: bytes, files: Iterable[ManifestFile]) -> bytes:
    """The same manifest, in PostgreSQL's own form, when ``files`` were written anew in a backup that it describes.

    Its checksum is the last line's, of all bytes before that line.
    """
    told, anew = json.loads(content), {file.path: file for file in files}
    for entry in told["Files"]:
        if file := anew.get(_path(entry)):
            entry["Size"] = file.size_bytes
            entry["Checksum"] = file.crc32c.to_bytes(4, sys.byteorder).hex()
    del told["Manifest-Checksum"]
    body = json.dumps(told, indent=0, ensure_ascii=False).removesuffix("\n}").encode() + b",\n"
    return body + b'%s: "%s"}\n' % (_LAST_LINE, hashlib.sha256(body).hexdigest().encode())


def _prove_own_checksum(content: bytes) -> None:
    """It is the last line's, of all bytes before that line."""
    begin = content.rfind(_LAST_LINE)
    if begin < 0:
        message = "it breaks off: it has no checksum of its own"
        raise ValueError(message)
    if hashlib.sha256(content[:begin]).hexdigest().encode() not in content[begin:]:
        message = "it does not have its own checksum"
        raise ValueError(message)


def _file(entry: Mapping[str, Any]) -> ManifestFile:
    path = _path(entry)
    if entry["Checksum-Algorithm"] != "CRC32C":
        message = f"the checksum of {path} is {entry['Checksum-Algorithm']}, not CRC32C"
        raise ValueError(message)
    # PostgreSQL writes the number as it lies in memory.
    return ManifestFile(path, entry["Size"], int.from_bytes(bytes.fromhex(entry["Checksum"]), sys.byteorder))


def _path(entry: Mapping[str, Any]) -> str:
    if "Path" in entry:
        return str(entry["Path"])
    return bytes.fromhex(entry["Encoded-Path"]).decode(errors="backslashreplace")
