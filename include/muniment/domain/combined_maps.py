"""The visibility maps of a combined chain that cannot be believed; docs/adr/0018 has the whole story.

An increment holds of a file what the server's WAL summaries name. They miss changes of visibility maps: INSERT, UPDATE
and DELETE cleared bits without naming the map's block until PostgreSQL 17.11 and 18.6, VACUUM's truncation until 17.12.
pg_combinebackup then takes the block of an older part, whose bits promise that nothing was changed since. A map is only
a shortcut: where there is none, PostgreSQL looks at the rows, and VACUUM makes it anew.
"""

import re
from collections.abc import Iterable

from include.muniment.domain.manifest import files_of
from include.muniment.domain.register import Backup

# Forks of more than 1 GiB go on in files with a number behind a dot.
_INCREMENT = re.compile(r"(?P<folder>.*/)INCREMENTAL\.(?P<fork>\d+_vm)(?:\.\d+)?")
_FILE = re.compile(r"(?P<fork>.*/\d+_vm)(?:\.\d+)?")


def untrusted_maps(chain: Iterable[Backup]) -> frozenset[str]:
    """Each map that any part of the chain sent as an increment, by the path of its first file in the result."""
    found = (_INCREMENT.fullmatch(path) for backup in chain for path, _ in files_of(backup))
    return frozenset(each["folder"] + each["fork"] for each in found if each)


def files_of_maps(paths: Iterable[str], maps: frozenset[str]) -> frozenset[str]:
    """Those of a data directory's ``paths`` that belong to one of ``maps``."""
    named = ((path, _FILE.fullmatch(path)) for path in paths)
    return frozenset(path for path, found in named if found and found["fork"] in maps)
