"""``staging.json``: a restored cluster that stands beside the live one, until it is destroyed.

It lies in the staging's own folder and is written last: without it there is no staging, only something half-made.
"""

import re
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime

from muniment.domain.evidence import Check, DrillSide, TimedStep, of_verdict
from muniment.domain.record import Record, new_id
from muniment.domain.wal.lsn_text import LsnText

_FOLDER = re.compile(r"staging-(?P<firm>[a-z][a-z0-9-]{1,38})-(?P<id>\d{8}T\d{9}Z)")


class Connection(Record):
    """How to get in. The password is in ``passfile``, which its owner alone reads."""

    host: str
    port: int
    user: str
    database: str
    passfile: str

    @property
    def conninfo(self) -> str:
        """For psycopg, psql and pg_dump: libpq's keyword string."""
        told = {
            "host": self.host,
            "port": str(self.port),
            "user": self.user,
            "dbname": self.database,
            "passfile": self.passfile,
        }
        return " ".join(f"{name}={_spelled(value)}" for name, value in told.items())


def _spelled(value: str) -> str:
    """PostgreSQL documentation, 34.1.1.1 "Keyword/Value Connection Strings"."""
    escaped = re.sub(r"([\\'])", r"\\\1", value)
    return f"'{escaped}'" if not value or re.search(r"\s", value) else escaped


class StagedDocuments(Record):
    """``folder`` holds ``manifest.json``, which maps each key to the file's name; ``at`` is their instant."""

    folder: str
    at: AwareDatetime
    snapshot: str
    count: int
    size_bytes: int


class Staging(Record):
    """Times are aware UTC."""

    format: Literal[1] = 1
    id: str
    firm: str
    plan: str
    """``RestorePlan.sha256``: what was approved, or looked at, before anything was fetched."""
    target: str
    side: DrillSide
    vault: str
    data_directory: str
    server_version: int
    system_identifier: int
    connection: Connection
    documents: StagedDocuments | None
    """``None`` where none were asked for, or none are known of that instant."""
    reached_lsn: LsnText | None = None
    reached_at: AwareDatetime | None = None
    """The last commit that is in it."""
    made_at: AwareDatetime
    expires_at: AwareDatetime
    checks: tuple[Check, ...]
    asleep: tuple[str, ...]
    """What production does by itself and this copy does not: subscriptions, foreign servers and the like."""
    steps: tuple[TimedStep, ...]
    left_out: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Nothing that was checked failed."""
        return not self.failed_checks

    @property
    def failed_checks(self) -> tuple[Check, ...]:
        return of_verdict(self.checks, False)

    @property
    def passed_checks(self) -> tuple[Check, ...]:
        return of_verdict(self.checks, True)

    @property
    def banner(self) -> str:
        """What ``SHOW muniment.staging`` answers."""
        return f"{name_of(self.firm, self.target)} until {self.expires_at:%Y-%m-%d %H:%M} UTC"

    def is_over(self, now: datetime) -> bool:
        return self.expires_at <= now


def name_of(firm: str, target: str) -> str:
    """What ``SHOW cluster_name`` answers: that cannot be changed while the server runs, an end can."""
    return f"muniment staging {firm} {target}"


def folder_name(firm: str, now: datetime) -> str:
    return f"staging-{firm}-{new_id(now)}"


def parse_folder_name(name: str) -> tuple[str, str] | None:
    """(firm, id), ``None`` for a folder that is no staging's."""
    match = _FOLDER.fullmatch(name)
    return (match["firm"], match["id"]) if match else None
