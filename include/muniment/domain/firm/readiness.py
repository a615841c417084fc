"""May a backup start? The rules of check_firm; adapters gather the facts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from muniment.domain.finding import Finding
from muniment.domain.firm.firm import Policy
from muniment.domain.server_version import loses_changes, mended_in, version_text
from muniment.domain.units import human_duration, human_size

SUPPORTED_MAJORS = range(15, 19)
FIRST_INCREMENTAL_MAJOR = 17
_SENDS_IN_PLACE = 16
# Half of the 15 minutes at which S3 refuses a request's signature, rounded down to leave time to act.
CLOCK_TOLERANCE = timedelta(minutes=5)
# A gigabyte of segments of 16 MiB: the archiver is not a little late, it cannot keep up.
READY_SEGMENTS_LIMIT = 64
SPACE_NEEDED_BYTES = 256 * 2**20
LACKED = "until then each recovery point lacks it, and says so"


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What one PostgreSQL server says of itself. ``ready_segments`` is ``None`` where we may not look."""

    version_num: int
    is_standby: bool
    wal_level: str
    archive_mode: str
    archive_command: str
    archive_library: str
    summarize_wal: bool
    data_checksums: bool
    max_wal_senders: int
    wal_senders: int
    last_archived_at: datetime | None
    last_failed_at: datetime | None
    last_failed_wal: str | None
    ready_segments: int | None
    may_switch_wal: bool
    tls: bool
    is_local: bool
    now: datetime
    tablespaces_in_place: Sequence[str] = ()
    """Folders of the data directory: as a restore leaves those that the WAL made."""
    database: str = "postgres"
    """That the connection leads to: a right to a function is given in each database anew."""
    role: str = "muniment"
    """As SQL writes it."""
    files_in_no_vault: tuple[str, ...] = ()
    """Of the server's own files: no base backup holds them, and the role may not read them."""

    @property
    def major(self) -> int:
        return self.version_num // 10000


def server_findings(facts: ServerFacts, policy: Policy, vault_since: datetime | None) -> Iterator[Finding]:
    """``vault_since``: when the vault was made; before it archive_command had nowhere to archive to."""
    yield from _version(facts)
    yield from _wal_settings(facts)
    yield from _archiver(facts, vault_since)
    yield from _incrementals(facts, policy)
    yield from _lost_changes(facts, policy)
    yield from _in_place(facts)
    yield from _rights(facts)
    yield from _own_files(facts)
    yield from _warnings(facts)


def _version(facts: ServerFacts) -> Iterator[Finding]:
    if facts.major not in SUPPORTED_MAJORS:
        yield Finding(
            f"the server is PostgreSQL {facts.major}, Muniment supports "
            f"{SUPPORTED_MAJORS[0]} to {SUPPORTED_MAJORS[-1]}",
            "upgrade the server, or Muniment.",
        )
    if facts.is_standby:
        yield Finding("the server is a standby", "let the connection lead to the primary server.")


def _wal_settings(facts: ServerFacts) -> Iterator[Finding]:
    if facts.wal_level == "minimal":
        yield Finding("wal_level is minimal", "ALTER SYSTEM SET wal_level = 'replica'; then restart the server.")
    if facts.archive_mode == "off":
        yield Finding("archive_mode is off", "ALTER SYSTEM SET archive_mode = 'on'; then restart the server.")
    elif not facts.archive_command and not facts.archive_library:
        yield Finding(
            "archive_command is not set",
            "set it as docs/database-host/muniment.conf does: it names the registry, the login and the firm; then "
            "SELECT pg_reload_conf();",
        )
    free = facts.max_wal_senders - facts.wal_senders
    if free < 1:
        yield Finding(
            f"no wal sender is free: {facts.wal_senders} of max_wal_senders = {facts.max_wal_senders} are in use",
            f"ALTER SYSTEM SET max_wal_senders = {facts.max_wal_senders + 5}; then restart the server.",
        )


def _in_place(facts: ServerFacts) -> Iterator[Finding]:
    """Without a word, PostgreSQL 15 sends neither the folder nor a tar of its own."""
    if facts.major < _SENDS_IN_PLACE and facts.tablespaces_in_place:
        yield Finding(
            f"a base backup of PostgreSQL {facts.major} leaves out {', '.join(facts.tablespaces_in_place)}: "
            "tablespaces that are folders of the data directory",
            "stop the server, move each folder out of the data directory, put a symbolic link of its name in its place"
            " (docs/recovery.md), start it again.",
        )


def _archiver(facts: ServerFacts, vault_since: datetime | None) -> Iterator[Finding]:
    good_at = max((at for at in (facts.last_archived_at, vault_since) if at), default=None)
    if facts.last_failed_at and (good_at is None or facts.last_failed_at > good_at):
        yield Finding(
            f"the archiver fails: {facts.last_failed_wal} at {_utc(facts.last_failed_at)} UTC was its last "
            "failure and nothing was archived since",
            "look for archive_command's own words in the server's log; "
            "run `muniment wal push` by hand as the server's user.",
        )
    if facts.ready_segments is not None and facts.ready_segments > READY_SEGMENTS_LIMIT:
        yield Finding(
            f"{facts.ready_segments} wal files wait for the archiver",
            "see that archive_command is quick enough and does not hang; pg_wal grows until they are archived.",
            "warning",
        )


def _incrementals(facts: ServerFacts, policy: Policy) -> Iterator[Finding]:
    wanted = policy.base_backups.incremental and facts.major >= FIRST_INCREMENTAL_MAJOR
    if wanted and not facts.summarize_wal:
        yield Finding(
            "summarize_wal is off, and the policy wants incremental backups",
            "ALTER SYSTEM SET summarize_wal = 'on'; then SELECT pg_reload_conf(); "
            "or set base_backups.incremental to false in the policy.",
        )


def _lost_changes(facts: ServerFacts, policy: Policy) -> Iterator[Finding]:
    if policy.base_backups.incremental and loses_changes(facts.version_num):
        yield Finding(
            f"PostgreSQL {version_text(facts.version_num)} can leave changes out of incremental backups",
            f"install PostgreSQL{mended_in(facts.version_num)}: the next backup is then a full one; until then a "
            "restore blanks the visibility maps that may be stale (docs/adr/0018). "
            "Or set base_backups.incremental to false in the policy.",
            "warning",
        )


def _rights(facts: ServerFacts) -> Iterator[Finding]:
    if not facts.may_switch_wal:
        yield Finding(
            f"role {facts.role} may not call pg_switch_wal() in database {facts.database}",
            f"in database {facts.database}: GRANT EXECUTE ON FUNCTION pg_switch_wal() TO {facts.role}; "
            "(docs/iam/postgres-role.sql has all grants).",
        )
    if facts.ready_segments is None:
        yield Finding(
            f"role {facts.role} may not see how many wal files wait for the archiver",
            f"in any database: GRANT pg_monitor TO {facts.role}; (docs/iam/postgres-role.sql has all grants).",
        )


def _own_files(facts: ServerFacts) -> Iterator[Finding]:
    if facts.files_in_no_vault:
        yield Finding(
            f"no base backup holds {', '.join(facts.files_in_no_vault)}, which lie outside of the data directory or are"
            " links, and the connection's role may not read them",
            "GRANT pg_read_server_files TO the role; GRANT EXECUTE ON FUNCTION pg_read_binary_file(text) TO the role:"
            " then the night's configuration has them (docs/iam/postgres-role.sql).",
            "warning",
        )


def _warnings(facts: ServerFacts) -> Iterator[Finding]:
    if not facts.data_checksums:
        yield Finding(
            "data checksums are off: PostgreSQL cannot tell us of a damaged page",
            "stop the server and run `pg_checksums --enable` in the next maintenance window.",
            "warning",
        )
    if not facts.tls and not facts.is_local:
        yield Finding(
            "the connection to PostgreSQL is not encrypted",
            "set sslmode to verify-full in the connection's extra, and ssl to on in the server.",
            "warning",
        )


def clock_findings(clocks: Mapping[str, datetime]) -> Iterator[Finding]:
    """The clock that differs from two that agree is the wrong one; where no two agree, none can be trusted.

    ``clocks``: whose → what it said, all asked at the same moment.
    """
    offs = {name: _disagreeing(name, clocks) for name in clocks}
    wrong = [name for name, others in offs.items() if len(others) == len(clocks) - 1]
    if not any(offs.values()):
        return
    if len(wrong) == 1:
        other = clocks[offs[wrong[0]][0]]
        off = (clocks[wrong[0]] - other).total_seconds()
        what = f"the clock of {wrong[0]} is {human_duration(abs(off))} {'ahead' if off > 0 else 'behind'}"
    else:
        what = "clocks do not agree: " + ", ".join(f"{name} {_utc(at)}" for name, at in clocks.items())
    yield Finding(what, "let NTP set it: ids, Object Lock and retention follow the clock.")


def _utc(at: datetime) -> str:
    """A server answers in its session's time zone."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _disagreeing(name: str, clocks: Mapping[str, datetime]) -> list[str]:
    return [other for other, at in clocks.items() if abs(at - clocks[name]) > CLOCK_TOLERANCE]


def space_findings(place: str, free_bytes: int) -> Iterator[Finding]:
    if free_bytes < SPACE_NEEDED_BYTES:
        yield Finding(
            f"{place} has {human_size(free_bytes)} free, {human_size(SPACE_NEEDED_BYTES)} are needed",
            "free some space there.",
        )
