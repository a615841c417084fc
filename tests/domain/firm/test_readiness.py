"""Every rule of check_firm, its words and its remedy."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from muniment.domain.finding import Finding
from muniment.domain.firm.firm import BaseBackups, Policy, RecoveryClass
from muniment.domain.firm.readiness import ServerFacts, clock_findings, server_findings, space_findings

NOW = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
POLICY = Policy(
    tier="test",
    retention=timedelta(days=30),
    point_in_time_window=timedelta(0),
    recovery_class=RecoveryClass(name="demo", rpo=timedelta(hours=24), rto=timedelta(hours=4)),
    audit_log=timedelta(days=365),
)
GOOD = ServerFacts(
    version_num=170012,
    is_standby=False,
    wal_level="replica",
    archive_mode="on",
    archive_command="muniment wal push %p",
    archive_library="",
    summarize_wal=True,
    data_checksums=True,
    max_wal_senders=10,
    wal_senders=1,
    last_archived_at=NOW - timedelta(minutes=1),
    last_failed_at=None,
    last_failed_wal=None,
    ready_segments=0,
    may_switch_wal=True,
    database="practice",
    tls=True,
    is_local=False,
    now=NOW,
)
RELOAD = "then SELECT pg_reload_conf();"
RESTART = "then restart the server."
GRANTS = "(docs/iam/postgres-role.sql has all grants)."

ONE_FAULT: list[tuple[dict[str, Any], Finding]] = [
    (
        {"version_num": 140012, "summarize_wal": False},
        Finding("the server is PostgreSQL 14, Muniment supports 15 to 18", "upgrade the server, or Muniment."),
    ),
    (
        {"version_num": 190000},
        Finding("the server is PostgreSQL 19, Muniment supports 15 to 18", "upgrade the server, or Muniment."),
    ),
    ({"is_standby": True}, Finding("the server is a standby", "let the connection lead to the primary server.")),
    (
        {"wal_level": "minimal"},
        Finding("wal_level is minimal", f"ALTER SYSTEM SET wal_level = 'replica'; {RESTART}"),
    ),
    (
        {"archive_mode": "off", "archive_command": "(disabled)"},
        Finding("archive_mode is off", f"ALTER SYSTEM SET archive_mode = 'on'; {RESTART}"),
    ),
    (
        {"archive_command": ""},
        Finding(
            "archive_command is not set",
            f"set it as docs/database-host/muniment.conf does: it names the registry, the login and the firm; {RELOAD}",
        ),
    ),
    (
        {"max_wal_senders": 3, "wal_senders": 3},
        Finding(
            "no wal sender is free: 3 of max_wal_senders = 3 are in use",
            f"ALTER SYSTEM SET max_wal_senders = 8; {RESTART}",
        ),
    ),
    (
        {"last_failed_at": NOW.astimezone(ZoneInfo("America/Chicago")), "last_failed_wal": "000000010000000000000003"},
        Finding(
            "the archiver fails: 000000010000000000000003 at 2026-11-20 08:30:00 UTC was its last failure "
            "and nothing was archived since",
            "look for archive_command's own words in the server's log; "
            "run `muniment wal push` by hand as the server's user.",
        ),
    ),
    (
        {"ready_segments": 65},
        Finding(
            "65 wal files wait for the archiver",
            "see that archive_command is quick enough and does not hang; pg_wal grows until they are archived.",
            "warning",
        ),
    ),
    (
        {"summarize_wal": False},
        Finding(
            "summarize_wal is off, and the policy wants incremental backups",
            f"ALTER SYSTEM SET summarize_wal = 'on'; {RELOAD.removesuffix(';')}; "
            "or set base_backups.incremental to false in the policy.",
        ),
    ),
    (
        {"version_num": 170011},
        Finding(
            "PostgreSQL 17.11 can leave changes out of incremental backups",
            "install PostgreSQL 17.12 or later: the next backup is then a full one; until then a restore blanks the "
            "visibility maps that may be stale (docs/adr/0018). "
            "Or set base_backups.incremental to false in the policy.",
            "warning",
        ),
    ),
    (
        {"version_num": 180006},
        Finding(
            "PostgreSQL 18.6 can leave changes out of incremental backups",
            "install PostgreSQL, a release after 18.6 whose notes mend incremental backups: the next backup is then a "
            "full one; until then a restore blanks the visibility maps that may be stale (docs/adr/0018). "
            "Or set base_backups.incremental to false in the policy.",
            "warning",
        ),
    ),
    (
        {"may_switch_wal": False},
        Finding(
            "role muniment may not call pg_switch_wal() in database practice",
            f"in database practice: GRANT EXECUTE ON FUNCTION pg_switch_wal() TO muniment; {GRANTS}",
        ),
    ),
    (
        {"ready_segments": None},
        Finding(
            "role muniment may not see how many wal files wait for the archiver",
            f"in any database: GRANT pg_monitor TO muniment; {GRANTS}",
        ),
    ),
    (
        {"data_checksums": False},
        Finding(
            "data checksums are off: PostgreSQL cannot tell us of a damaged page",
            "stop the server and run `pg_checksums --enable` in the next maintenance window.",
            "warning",
        ),
    ),
    (
        {"tls": False},
        Finding(
            "the connection to PostgreSQL is not encrypted",
            "set sslmode to verify-full in the connection's extra, and ssl to on in the server.",
            "warning",
        ),
    ),
    (
        {"version_num": 150018, "summarize_wal": False, "tablespaces_in_place": ["pg_tblspc/16400", "pg_tblspc/16401"]},
        Finding(
            "a base backup of PostgreSQL 15 leaves out pg_tblspc/16400, pg_tblspc/16401: "
            "tablespaces that are folders of the data directory",
            "stop the server, move each folder out of the data directory, put a symbolic link of its name in its place"
            " (docs/recovery.md), start it again.",
        ),
    ),
]


@pytest.mark.parametrize(
    ("fault", "finding"), ONE_FAULT, ids=lambda value: "+".join(value) if isinstance(value, dict) else ""
)
def test_each_fault_is_the_only_finding(fault: dict[str, Any], finding: Finding) -> None:
    assert list(server_findings(replace(GOOD, **fault), POLICY, None)) == [finding]


GOOD_ENOUGH: list[dict[str, Any]] = [
    {},
    {"version_num": 150000, "summarize_wal": False},
    {"version_num": 160003, "summarize_wal": False},
    {"version_num": 180007},
    {"wal_level": "logical"},
    {"archive_mode": "always"},
    {"archive_command": "", "archive_library": "muniment"},
    {"last_archived_at": None},
    {"last_failed_at": NOW - timedelta(hours=1), "last_failed_wal": "000000010000000000000003"},
    {"ready_segments": 64},
    {"tls": False, "is_local": True},
]


@pytest.mark.parametrize("facts", GOOD_ENOUGH, ids=str)
def test_what_is_good_enough_is_not_found(facts: dict[str, Any]) -> None:
    assert list(server_findings(replace(GOOD, **facts), POLICY, None)) == []


def test_incrementals_that_nobody_wants_need_no_summaries() -> None:
    policy = POLICY.model_copy(update={"base_backups": BaseBackups(incremental=False)})
    assert list(server_findings(replace(GOOD, version_num=170009, summarize_wal=False), policy, None)) == []


def test_what_failed_before_there_was_a_vault_is_forgiven() -> None:
    """archive_command had nowhere to put anything."""
    failed = replace(GOOD, last_archived_at=None, last_failed_at=NOW, last_failed_wal="000000010000000000000001")
    assert list(server_findings(failed, POLICY, NOW + timedelta(seconds=1))) == []
    assert len(list(server_findings(failed, POLICY, NOW - timedelta(seconds=1)))) == 1
    assert len(list(server_findings(failed, POLICY, None))) == 1


def test_everything_is_found_at_once() -> None:
    faults: dict[str, Any] = {}
    for fault, _ in ONE_FAULT[2:6:2]:
        faults |= fault
    facts = replace(GOOD, **faults, summarize_wal=False, data_checksums=False)
    assert [finding.what.split(" ")[0] for finding in server_findings(facts, POLICY, None)] == [
        "the",
        "archive_mode",
        "summarize_wal",
        "data",
    ]


def clocks(worker_s: float, server_s: float, store_s: float) -> dict[str, datetime]:
    offsets = {"this worker": worker_s, "PostgreSQL": server_s, "S3": store_s}
    return {name: NOW + timedelta(seconds=offset) for name, offset in offsets.items()}


@pytest.mark.parametrize(
    ("offsets", "what"),
    [
        ((301, 0, 0), "the clock of this worker is 5 min 01 s ahead"),
        ((-7200, 0, 0), "the clock of this worker is 2 h 00 min behind"),
        ((0, 86400 * 3, 0), "the clock of PostgreSQL is 3 d 0 h ahead"),
        ((10, 0, -400), "the clock of S3 is 6 min 50 s behind"),
        (
            (0, 400, 800),
            "clocks do not agree: this worker 2026-11-20 08:30:00, PostgreSQL 2026-11-20 08:36:40, "
            "S3 2026-11-20 08:43:20",
        ),
        (
            (0, 200, 400),
            "clocks do not agree: this worker 2026-11-20 08:30:00, PostgreSQL 2026-11-20 08:33:20, "
            "S3 2026-11-20 08:36:40",
        ),
    ],
)
def test_the_clock_that_is_off_is_named(offsets: tuple[float, float, float], what: str) -> None:
    assert list(clock_findings(clocks(*offsets))) == [
        Finding(what, "let NTP set it: ids, Object Lock and retention follow the clock.")
    ]


@pytest.mark.parametrize("offsets", [(0, 0, 0), (300, 0, 0), (0, -300, 0), (150, -150, 0)])
def test_five_minutes_are_forgiven(offsets: tuple[float, float, float]) -> None:
    assert list(clock_findings(clocks(*offsets))) == []


def test_a_full_disk_is_found() -> None:
    assert list(space_findings(".muniment", 256 * 2**20)) == []
    assert list(space_findings(".muniment", 10 * 2**20)) == [
        Finding(".muniment has 10.0 MiB free, 256.0 MiB are needed", "free some space there.")
    ]


def test_a_finding_reads_as_two_lines() -> None:
    assert str(Finding("it rains", "take an umbrella.")) == "STOP: it rains\n  REMEDY: take an umbrella."
    assert str(Finding("it drizzles", "walk.", "warning")) == "WARNING: it drizzles\n  REMEDY: walk."
