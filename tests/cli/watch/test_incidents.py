"""`muniment incidents`: what is wrong, who has it in hand, what is kept quiet."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from muniment.domain.incidents.incident import Delivery
from muniment.ports import utc_now
from tests.cli.conftest import Command
from tests.registry.conftest import Files
from tests.support.command_page import keys_in, keys_listed
from tests.support.kept_watch import KeptWatch
from tests.support.troubles import trouble


@pytest.fixture
def watch(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeptWatch:
    monkeypatch.setenv("MUNIMENT_REGISTRY", str(files.root))
    monkeypatch.setenv("MUNIMENT_WATCH_STORE", str(tmp_path / "watch.sqlite"))
    kept = KeptWatch(tmp_path / "watch.sqlite")
    kept.now = utc_now() - timedelta(hours=1)
    return kept


@pytest.fixture
def incident(watch: KeptWatch) -> str:
    for _ in range(2):
        watch.look(trouble("acme"))
    (found,) = watch.store.incidents(open_only=True)
    return found.id


def told(muniment: Command, *arguments: str) -> Any:
    ended = muniment("incidents", *arguments, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def test_nothing_is_wrong(muniment: Command, watch: KeptWatch) -> None:
    ended = muniment("incidents", "list")
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "0 not over")
    assert told(muniment, "list") == {"incidents": [], "silences": []}


def test_what_is_wrong_is_listed_the_gravest_first(muniment: Command, watch: KeptWatch, incident: str) -> None:
    watch.look(trouble("acme"), trouble("beta", "another-database", severity="critical", opens_at_once=True))
    answer = told(muniment, "list")
    assert [each["cause"] for each in answer["incidents"]] == ["another-database", "wal-at-risk"]
    assert set(keys_in({**answer, "links": {}})) <= keys_listed("incidents list")
    lines = [" ".join(line.split()) for line in muniment("incidents", "list").out.splitlines()]
    seen = next(line for line in lines if line.startswith(incident))
    assert seen.startswith(f"{incident} error open 20")
    assert seen.endswith("wal-at-risk: wal-at-risk happened firm acme 1 —")
    assert lines[-1] == "2 not over"
    assert [each["id"] for each in told(muniment, "list", "--firm", "acme")["incidents"]] == [incident]


def test_what_is_over_is_listed_where_that_is_asked_for(muniment: Command, watch: KeptWatch, incident: str) -> None:
    for _ in range(3):
        watch.look()
    assert told(muniment, "list")["incidents"] == []
    assert [each["state"] for each in told(muniment, "list", "--days", "2")["incidents"]] == ["resolved"]


def test_one_is_shown_with_what_was_told_of_it(muniment: Command, watch: KeptWatch, incident: str) -> None:
    (notice,) = watch.store.claim_notices(watch.now, timedelta(minutes=1))
    watch.store.failed(Delivery(notice=notice.id, channel="pager", at=watch.now, failure="it answered 500"))
    watch.store.delivered(Delivery(notice=notice.id, channel="mail", at=watch.now))
    page = muniment("incidents", "show", incident).out
    assert page.startswith(
        "acme: wal-at-risk happened\nwal-at-risk, error, open; in hand: —\nkey: wal-at-risk.firm.acme."
    )
    assert (
        "\nwal-at-risk of acme\nKEPT: the rest\nHINT: do something.\nrunbook: docs/monitoring.md#wal-at-risk\n" in page
    )
    assert "\n  acme since " in page
    assert "  opened, the watch\n" in page
    assert page.endswith("  opened by mail: taken\n")
    assert "opened by pager: FAILED: it answered 500\n" in page
    answer = told(muniment, "show", "wal-at-risk.firm.acme." + page.split("acme.")[1][:16])
    assert [each["channel"] for each in answer["deliveries"]] == ["pager", "mail"]
    assert answer["incident"]["id"] == incident


def test_one_is_taken_in_hand(muniment: Command, watch: KeptWatch, incident: str) -> None:
    mine = told(muniment, "acknowledge", incident, "--by", "ann")["incident"]
    assert (mine["state"], mine["acknowledged_by"]) == ("acknowledged", "ann")
    assert "ann, until " in muniment("incidents", "list").out
    said = muniment("incidents", "acknowledge", incident, "--until", "2031-01-02T03:04-06:00", "--by", "bob").out
    assert said == f"bob has incident {incident} in hand until 2031-01-02 09:04:00 UTC\n"


def test_one_is_over_by_a_persons_word(muniment: Command, watch: KeptWatch, incident: str) -> None:
    assert muniment("incidents", "resolve", incident, "--why", "by hand").out == f"incident {incident} is over\n"
    ended = muniment("incidents", "resolve", incident, "--why", "by hand")
    assert ended.code == 2
    assert f"incident {incident} is resolved" in ended.err


def test_a_silence_has_an_end_an_author_and_a_reason(muniment: Command, watch: KeptWatch, incident: str) -> None:
    made = told(muniment, "silence", "--firm", "acme", "--for", "2h", "--why", "works", "--by", "ann")["silence"]
    assert (made["firm"], made["by"], made["why"]) == ("acme", "ann", "works")
    assert f"silence {made['id']}: firm acme, until 20" in muniment("incidents", "list").out
    assert muniment("incidents", "unsilence", made["id"]).out == f"silence {made['id']} has ended\n"
    assert told(muniment, "list")["silences"] == []
    of_one = told(muniment, "silence", incident, "--for", "2h", "--why", "known")["silence"]
    assert of_one["key"].startswith("wal-at-risk.firm.acme.")
    assert of_one["by"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["silence", "--firm", "acme", "--why", "x"], "it needs an end: --for or --until"),
        (["silence", "--firm", "acme", "--for", "1h"], "Missing option '--why'"),
        (
            ["silence", "--for", "1h", "--why", "x"],
            "nothing is silenced as a whole: name a firm, a cause or an incident",
        ),
        (["silence", "--firm", "acne", "--for", "1h", "--why", "x"], "'acne' is no firm; did you mean 'acme'?"),
        (
            ["silence", "--cause", "wal-hol", "--for", "1h", "--why", "x"],
            "'wal-hol' is no cause; did you mean 'wal-hole'?",
        ),
        (["silence", "--firm", "acme", "--until", "2020-01-01T00:00Z", "--why", "x"], "that is past"),
        (["silence", "--firm", "acme", "--until", "2031-01-01T00:00", "--why", "x"], "has no time zone"),
        (["acknowledge", "x", "--for", "1h", "--until", "2031-01-01T00:00Z"], "say --for or --until, not both"),
        (["show", "nothing"], "incident nothing: there is none"),
        (["unsilence", "nothing"], "silence nothing: there is none, or it has ended"),
    ],
)
def test_what_cannot_be_is_refused(muniment: Command, watch: KeptWatch, arguments: list[str], said: str) -> None:
    ended = muniment("incidents", *arguments)
    assert ended.code == 2
    assert said in ended.err
