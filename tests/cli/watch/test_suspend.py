"""A person lets a duty rest, until an end; the watch knows who, why and until when."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from muniment.adapters.watch.store import WatchStore
from tests.cli.conftest import Command
from tests.registry.conftest import Files

WHY = ("--why", "the office moves")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WatchStore:
    files = Files(tmp_path / "registry")
    monkeypatch.setenv("MUNIMENT_REGISTRY", str(files.root))
    monkeypatch.setenv("MUNIMENT_WATCH_STORE", str(tmp_path / "watch.sqlite"))
    return WatchStore.open(str(tmp_path / "watch.sqlite"))


def suspended(store: WatchStore) -> list[tuple[str, str | None, str]]:
    return [(each.firm, each.duty, each.why) for each in store.suspensions(datetime.now(UTC))]


def test_what_is_suspended_rests_until_it_is_resumed(store: WatchStore, muniment: Command) -> None:
    ended = muniment("watch", "suspend", "acme", "--duty", "nightly-point", "--until", "3 days", *WHY)
    assert ended.code == 0
    assert ended.out.startswith("acme: nightly point is suspended until ")
    assert "by muniment watch suspend by " in ended.out
    told = json.loads(muniment("watch", "suspend", "acme", "--until", "31 days", *WHY, "--by", "dana", "--json").out)[
        "suspension"
    ]
    assert (told["duty"], told["by"]) == (None, "dana")
    assert suspended(store) == [("acme", None, "the office moves"), ("acme", "nightly point", "the office moves")]
    assert muniment("watch", "resume", "acme", "--duty", "nightly-point").code == 0
    assert suspended(store) == [("acme", None, "the office moves")]
    assert len(json.loads(muniment("watch", "resume", "acme", "--json").out)["ended"]) == 1
    assert suspended(store) == []


def test_a_time_without_a_zone_is_the_firms_own(store: WatchStore, muniment: Command) -> None:
    local = (datetime.now(ZoneInfo("America/Chicago")) + timedelta(days=2)).replace(
        second=0, microsecond=0, tzinfo=None
    )
    assert muniment("watch", "suspend", "acme", "--until", local.isoformat(" ", "minutes"), *WHY).code == 0
    [found] = store.suspensions(datetime.now(UTC))
    assert found.until == local.replace(tzinfo=ZoneInfo("America/Chicago"))


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("acme", "--until", "32 days", *WHY), "is more than 31 days away"),
        (("acme", "--until", "2020-01-01 08:00", *WHY), "until: 2020-01-01 14:00 UTC is over"),
        (("acme", "--until", "soon", *WHY), "until: 'soon' is neither a duration, such as '3 days', nor a time"),
        (("acme", "--until", "3 days", "--why", " "), "why: say why, for whoever reads it at night"),
        (("nobody", "--until", "3 days", *WHY), "firm: nobody is neither in the registry nor watched"),
    ],
)
def test_an_end_a_reason_and_a_firm_are_needed(
    store: WatchStore, muniment: Command, arguments: tuple[str, ...], fault: str
) -> None:
    ended = muniment("watch", "suspend", *arguments)
    assert ended.code == 2
    assert fault in ended.err
    assert suspended(store) == []


def test_without_an_end_nothing_is_suspended(store: WatchStore, muniment: Command) -> None:
    assert muniment("watch", "suspend", "acme", *WHY).code == 2
    assert suspended(store) == []


def test_what_is_not_suspended_is_not_resumed(store: WatchStore, muniment: Command) -> None:
    assert "nothing of firm acme is suspended" in muniment("watch", "resume", "acme").err
    assert "the drill of firm acme is not suspended" in muniment("watch", "resume", "acme", "--duty", "drill").err
