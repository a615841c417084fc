"""What on-call reads, word for word once of each kind."""

from datetime import timedelta
from typing import Any

import pytest

from muniment.domain.incidents.incident import Incident, Member, NoticeKind
from muniment.domain.incidents.scoping import key_of
from muniment.domain.incidents.trouble import Scope
from muniment.domain.incidents.wording import notice_of
from tests.support.troubles import EAST, START, Watching, trouble

NOW = START + timedelta(hours=2)
ACME = Scope(kind="firm", name="acme")


def member(firm: str, **facts: Any) -> Member:
    known: dict[str, Any] = {"firm": firm, "tier": "professional", "since": START, "last_seen_at": NOW, "what": "…"}
    return Member(**(known | facts))


def incident(scope: Scope = ACME, **facts: Any) -> Incident:
    known: dict[str, Any] = {
        "id": "20261120T080000000Z-0123abcd",
        "key": key_of("wal-at-risk", scope),
        "cause": "wal-at-risk",
        "scope": scope,
        "severity": "error",
        "state": "open",
        "subject": "42 min 00 s of commits are not in the primary vault",
        "what": "the WAL of firm acme reaches primary vault acme-vault late",
        "kept": "every commit before that instant",
        "hint": "see whether archive_command works.",
        "runbook": "docs/monitoring.md#wal-at-risk",
        "links": {"log": "http://127.0.0.1/log"},
        "members": (member("acme", at_stake="42 min 00 s of the firm's work", breaks_at=START + timedelta(hours=1)),),
        "observed_at": START,
        "opened_at": START + timedelta(minutes=5),
        "last_bad_at": NOW,
    }
    return Incident(**(known | facts))


PAGE = """\
severity: error
whose: acme
since: 2026-11-20 08:00:00 UTC, 2 h 00 min ago
at stake: 42 min 00 s of the firm's work
promise: broken since 2026-11-20 09:00:00 UTC

the WAL of firm acme reaches primary vault acme-vault late
KEPT: every commit before that instant
HINT: see whether archive_command works.

runbook: docs/monitoring.md#wal-at-risk
log: http://127.0.0.1/log
incident 20261120T080000000Z-0123abcd: `muniment incidents acknowledge 20261120T080000000Z-0123abcd`"""

FIRST_LINES: dict[NoticeKind, tuple[str, str]] = {
    "opened": ("", "this needs somebody"),
    "worsened": ("now error: ", "this has become error"),
    "reopened": ("again: ", "this was over, and is back"),
    "reminder": ("still: ", "nobody has repaired this for 1 h 55 min; told once a day"),
    "flapping": (
        "comes and goes: ",
        "this comes and goes: nothing more is told until it has stayed one way for an hour",
    ),
    "acknowledged": ("acknowledged: ", "ann has this in hand until 2026-11-21 08:00:00 UTC"),
}


@pytest.mark.parametrize("kind", FIRST_LINES)
def test_each_kind_word_for_word(kind: NoticeKind) -> None:
    before, first = FIRST_LINES[kind]
    mine = {"acknowledged_by": "ann", "acknowledged_until": START + timedelta(days=1)}
    told = notice_of(incident(**(mine if kind == "acknowledged" else {})), kind, NOW)
    assert told.subject == f"[muniment] {before}acme: 42 min 00 s of commits are not in the primary vault"
    assert told.message == f"{first}\n{PAGE}"
    assert (told.firms, told.tiers, told.severity) == (("acme",), ("professional",), "error")


def test_the_end_is_told_in_a_few_lines() -> None:
    over = incident(state="resolved", members=(member("acme", well_since=NOW),), resolved_at=NOW)
    told = notice_of(over, "resolved", NOW)
    assert told.subject == "[muniment] over: acme: 42 min 00 s of commits are not in the primary vault"
    assert told.firms == ("acme",)
    assert told.message == (
        "this is over, after 1 h 55 min\n"
        "severity: error\n"
        "whose: acme\n"
        "\n"
        "the WAL of firm acme reaches primary vault acme-vault late\n"
        "\n"
        "runbook: docs/monitoring.md#wal-at-risk\n"
        "log: http://127.0.0.1/log\n"
        "incident 20261120T080000000Z-0123abcd: `muniment incidents show 20261120T080000000Z-0123abcd`"
    )


def test_a_region_names_ten_of_its_firms_and_counts_the_others() -> None:
    firms = [f"firm-{number:02d}" for number in range(12)]
    first = member("firm-00", at_stake="1 h 00 min of work", breaks_at=NOW + timedelta(hours=1), also=("wal-at-risk",))
    lost = incident(
        EAST,
        cause="vault-unseen",
        subject="the vault does not answer",
        links={},
        members=(first, *map(member, firms[1:]), member("gone", well_since=NOW)),
    )
    told = notice_of(lost, "opened", NOW)
    assert told.subject == "[muniment] region us-east-2, 12 firms: the vault does not answer"
    assert told.firms == tuple(firms)
    named = ", ".join(firms[:10])
    assert told.message.splitlines()[1:7] == [
        "severity: error",
        f"whose: region us-east-2, 12 firms: {named} and 2 more",
        "since: 2026-11-20 08:00:00 UTC, 2 h 00 min ago",
        "at stake: 1 h 00 min of work (firm-00, the first of them)",
        "promise: breaks at 2026-11-20 11:00:00 UTC",
        "with it: wal-at-risk (not told by themselves)",
    ]


def test_what_is_nobodys_own_says_so() -> None:
    channel = Scope(kind="channel", name="pagerduty")
    told = notice_of(incident(channel, cause="channel-failed", members=(), subject="it answers 500"), "opened", NOW)
    assert told.subject == "[muniment] channel pagerduty: it answers 500"
    assert "\nwhose: channel pagerduty, nobody's own\n" in told.message
    assert told.firms == ()


def test_a_subject_is_one_line_of_a_hundred_characters_at_most() -> None:
    told = notice_of(incident(subject="a\nlong\t" + "word " * 60), "reminder", NOW)
    assert len(told.subject) == 100
    assert told.subject.startswith("[muniment] still: acme: a long word word ")
    assert told.subject.endswith("...")


SECRETS = [
    ("connection to postgres://muniment:hunter2@db.acme/practice failed", "postgres://muniment:***@db.acme"),
    ("conninfo: host=db password=hunter2 dbname=practice", "host=db password=*** dbname=practice"),
    ("conninfo: password='hunter2 and more'", "password=***"),
    ("postgres://muniment:hu@nt/er2@db:5432/x", "postgres://muniment:***@db:5432/x"),
    ('{"aws_secret_access_key": "hunter2", "region": "x"}', '"aws_secret_access_key": ***, "region": "x"'),
    ("GET /v?X-Amz-Credential=hunter2&X-Amz-Signature=hunter2&x=1", "X-Amz-Credential=***&X-Amz-Signature=***&x=1"),
    ("headers: Authorization: Bearer hunter2", "Authorization: ***"),
    ("PGPASSWORD=hunter2 pg_dump", "PGPASSWORD=*** pg_dump"),
    ("https://hooks.slack.com/services/T0/B0/hunter2 answered 500", "hooks.slack.com/services/*** answered"),
    ("token xoxb-12-hunter2 is not valid", "token *** is"),
    ("routing_key: hunter2", "routing_key: ***"),
    ("-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----", "***"),
    ("-----BEGIN RSA PRIVATE KEY-----\nhunter2", "***"),
    ("key AKIAHUNTER2HUNTER2XX of", "key *** of"),
]


@pytest.mark.parametrize(("said", "kept"), SECRETS)
def test_no_secret_is_kept_or_told(said: str, kept: str) -> None:
    """What a library says in a failed task is anybody's text."""
    watch = Watching("acme")
    bad = trouble(
        "acme",
        "task-failed",
        scopes=(),
        subject=said,
        what=f"Error: {said}",
        kept=said,
        hint=said,
        at_stake=said,
        opens_at_once=True,
    )
    watch.look(bad)
    (notice,) = watch.told
    everything = notice.model_dump_json() + watch.the("task-failed").model_dump_json()
    assert "hunter2" not in everything.lower()
    assert kept in watch.the("task-failed").what


@pytest.mark.parametrize(
    "said",
    [
        "S3 HeadObject on acme-vault/firm.json did not succeed: could not connect",
        "arn:aws:kms:us-east-2:123456789012:key/2f is pending deletion until 2026-12-01",
        "role muniment lacks pg_monitor; password authentication failed for user muniment",
        "archive_command of firm acme fails: its last failure was 000000010000000000000004 at 2026-11-20",
    ],
)
def test_what_holds_no_secret_stays_as_it_is(said: str) -> None:
    watch = Watching("acme")
    watch.look(trouble("acme", what=said))
    assert watch.the("wal-at-risk").what == said


def test_an_errors_text_is_kept_to_a_length_that_every_channel_takes() -> None:
    watch = Watching("acme")
    watch.look(trouble("acme", what="x" * 100_000))
    assert len(watch.the("wal-at-risk").what) == 4002
    assert len(watch.the("wal-at-risk").members[0].what) == 300
