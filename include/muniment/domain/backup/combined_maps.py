"""The visibility maps of a combined chain that cannot be believed, and what takes their place; docs/adr/0018 says why.

An increment holds of a file what the server's WAL summaries name. They miss changes of visibility maps: INSERT, UPDATE
and DELETE cleared bits without naming the map's block until PostgreSQL 17.11 and 18.6, VACUUM's truncation until 17.12.
pg_combinebackup then takes the block of an older part, whose bits promise that nothing was changed since. A map is only
a shortcut: where no bit is set, PostgreSQL looks at the rows, and VACUUM sets the bits anew.

A blank map takes its place, not none: since 17.11 and 18.6 the WAL names the map's blocks, and where the firm's server
has full_page_writes off, recovery ends with "WAL contains references to invalid pages" when they are not there.
"""

import re
import struct
from collections.abc import Iterable

from muniment.domain.backup.manifest import files_of
from muniment.domain.vault.registers import Backup

PAGE_BYTES = 8192
# Forks of more than 1 GiB go on in files with a number behind a dot.
_INCREMENT = re.compile(r"(?P<folder>.*/)INCREMENTAL\.(?P<fork>\d+_vm)(?:\.\d+)?")
_FILE = re.compile(r"(?P<fork>.*/\d+_vm)(?:\.\d+)?")
# A page's header: LSN, checksum, flags, lower, upper and special offset, size and layout version, prunable transaction.
_HEADER = struct.Struct("<QHHHHHHI")
PAGE_HEADER_BYTES = _HEADER.size
# What PostgreSQL's page checksum makes of a blank page before it mixes the block's number in.
_BLANK_HASH = 0x0302625D
# The size and the version as they lie in a page of this size of a little-endian server.
_USUAL = (PAGE_BYTES | 4).to_bytes(2, "little")


def untrusted_maps(chain: Iterable[Backup]) -> frozenset[str]:
    """Each map that any part of the chain sent as an increment, by the path of its first file in the result."""
    found = (_INCREMENT.fullmatch(path) for backup in chain for path, _ in files_of(backup))
    return frozenset(each["folder"] + each["fork"] for each in found if each)


def files_of_maps(paths: Iterable[str], maps: frozenset[str]) -> frozenset[str]:
    """Those of a data directory's ``paths`` that belong to one of ``maps``."""
    named = ((path, _FILE.fullmatch(path)) for path in paths)
    return frozenset(path for path, found in named if found and found["fork"] in maps)


def blank_map(path: str, header: bytes, size_bytes: int) -> bytes:
    """What lies at ``path`` with no bit set, checksums included; ``header`` is its first page's.

    Empty, so that PostgreSQL makes the map anew from its first block, where that page is of another kind than nearly
    every server's, and where ``path`` is not the map's first file: its table has more than 31 TiB.
    """
    if header[18:20] != _USUAL or not path.endswith("_vm"):
        return b""
    return b"".join(blank_page(number) for number in range(size_bytes // PAGE_BYTES))


def blank_page(number: int) -> bytes:
    checksum = (_BLANK_HASH ^ number) % 65535 + 1
    header = _HEADER.pack(0, checksum, 0, PAGE_HEADER_BYTES, PAGE_BYTES, PAGE_BYTES, PAGE_BYTES | 4, 0)
    return header.ljust(PAGE_BYTES, b"\0")
