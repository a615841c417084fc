"""What PostgreSQL's programs print when they fail, without a row of the database's.

A server's answer comes through libpq, whose own labels are English under ``LC_ALL=C`` (fe-protocol3.c,
pqBuildErrorMessage3). DETAIL and CONTEXT may quote a whole row, and so may the sentence itself where COPY could not
read a value.
"""

import re
from collections.abc import Iterator

_QUOTES_ROWS = re.compile(r"(DETAIL|CONTEXT|QUERY|STATEMENT|LINE \d+): ")
_BEGINS_ANEW = re.compile(r"(HINT|LOCATION|Command was|The command was): |\w+: (error|warning|detail|hint): ")
_COPY_FAILED = re.compile(r'(COPY failed for table ".*?": )(.*)')
_QUOTED = re.compile(r'["«»„“].*["«»“”]')

SPEAKS_FOR_A_SERVER = frozenset({"pg_dump", "pg_restore", "psql"})


def without_rows(said: str) -> str:
    """``said`` by one of ``SPEAKS_FOR_A_SERVER``."""
    return "\n".join(_lines(said))


def _lines(said: str) -> Iterator[str]:
    is_left_out = False
    for line in said.splitlines():
        if _QUOTES_ROWS.match(line):
            is_left_out = True
        elif _BEGINS_ANEW.match(line):
            is_left_out = False
        if not is_left_out:
            yield _COPY_FAILED.sub(lambda found: found[1] + _QUOTED.sub("(left out)", found[2]), line)
