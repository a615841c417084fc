"""`muniment alerts`: who would be told, a test by every channel, and what was told."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Command
from tests.fixtures.on_call import CHAT, MAIL, PAGER, PAGER_KEY, Receiver
from tests.registry.conftest import Files

# The notifiers' own libraries.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning")

ROUTES = [
    {"severities": ["critical"], "tell": ["pager", "mail"], "also": ["chat"]},
    {"tell": ["mail"], "quiet_hours": {"start": "22:00", "end": "07:00"}},
]


@pytest.fixture(autouse=True)
def routed(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUNIMENT_REGISTRY", str(files.root))
    monkeypatch.setenv("MUNIMENT_WATCH_STORE", str(tmp_path / "watch.sqlite"))
    channels: list[dict[str, Any]] = [each.model_dump(exclude_defaults=True) for each in (PAGER, CHAT, MAIL)]
    files.write("watch.yaml", {"channels": channels, "routes": ROUTES})


def test_who_would_be_told(muniment: Command) -> None:
    lines = [" ".join(line.split()) for line in muniment("alerts", "routes").out.splitlines()]
    assert "acme critical pager, then mail chat" in lines
    assert "acme error mail from 22:00 to 07:00" in lines
    told = json.loads(muniment("alerts", "routes", "--json").out)["routes"]
    assert told[0] == {
        "firm": "acme",
        "severity": "critical",
        "tell": ["pager", "mail"],
        "also": ["chat"],
        "quiet_from": None,
        "quiet_until": None,
    }
    assert (told[1]["quiet_from"], told[1]["quiet_until"]) == ("22:00", "07:00")


def test_each_channel_is_tried_and_the_failing_one_is_named(
    muniment: Command, receiver: Receiver, mails: list[str]
) -> None:
    receiver.status["/v2"] = 500
    ended = muniment("alerts", "test", "--json")
    answer = ended.out[ended.out.index("{\n") :]  # in this process the receiver logs beside it
    channels = {each["channel"]: each["failure"] for each in json.loads(answer)["channels"]}
    assert ended.code == 75
    assert (channels["mail"], channels["chat"]) == (None, None)
    assert "500" in channels["pager"]
    assert len(mails) == len(receiver.got("/services")) == 1
    assert PAGER_KEY not in ended.out + ended.err
    receiver.status.clear()
    ended = muniment("alerts", "test", "--channel", "pager")
    assert (ended.code, "took it" in ended.out) == (0, True)


def test_connections_of_the_settings_file_do_as_well(
    muniment: Command, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_RECEIVER_PAGER")
    host = receiver.server.url_for("/").rstrip("/")
    pager = {"conn_id": "receiver_pager", "conn_type": "pagerduty_events", "conn_host": host}
    file = tmp_path / "airflow_settings.yaml"
    file.write_text(yaml.safe_dump({"airflow": {"connections": [{**pager, "conn_password": PAGER_KEY}]}}))
    try:
        assert muniment("--settings", file, "alerts", "test", "--channel", "pager").code == 0
    finally:
        monkeypatch.setenv("AIRFLOW_CONN_RECEIVER_PAGER", "")  # lent to this process: taken back with the fixture's
    assert [each["event_action"] for each in receiver.got("/v2")] == ["trigger", "resolve"]


def test_without_the_store_it_is_tried_all_the_same(
    muniment: Command, mails: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setenv("MUNIMENT_WATCH_STORE", str(tmp_path / "a file" / "watch.sqlite"))
    ended = muniment("alerts", "test", "--channel", "mail")
    assert (ended.code, len(mails)) == (0, 1)
    assert "the watch does not know of it: " in ended.err


def test_a_channel_that_is_none(muniment: Command) -> None:
    ended = muniment("alerts", "test", "--channel", "mial")
    assert ended.code == 2
    assert "'mial' is no channel of watch.yaml; did you mean 'mail'?" in ended.err


def test_what_was_told(muniment: Command, receiver: Receiver) -> None:
    assert json.loads(muniment("alerts", "sent", "--json").out) == {"untold": {}, "deliveries": []}
