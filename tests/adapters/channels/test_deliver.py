"""Delivered means that the receiver took it: real receivers over HTTP, SMTP and SNS, and what each of them may do."""

import threading
from email import message_from_string

import pytest

from muniment.adapters.channels.deliver import deliver
from muniment.adapters.channels.message import Message
from muniment.domain.watch.settings import Channel
from muniment.errors import ChannelFailed
from tests.fixtures.on_call import (
    CHAT,
    CHAT_TOKEN,
    MAIL,
    PAGER,
    PAGER_KEY,
    REST,
    Pager,
    Receiver,
    lead_to,
    topic,
)

# The notifiers' own libraries.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning")

WORDS = "WAL of {{ 7 * 7 }} is at risk\nKEPT: all <before> & after\nHINT: look."
MESSAGE = Message(
    subject="acme: WAL at risk – 5 min",
    message=WORDS,
    firm="acme, birch",
    severity="critical",
    key="wal-at-risk.firm.acme.0123",
    cause="wal-at-risk",
    links={"log": "http://airflow.example/log", "page": "http://airflow.example/page"},
)
WHOLE = f"{WORDS}\n\nlog: http://airflow.example/log\npage: http://airflow.example/page"
UNKNOWN = "http://nobody.invalid:9"


def test_pagerduty_is_told_by_our_key_with_severity_and_links(receiver: Receiver) -> None:
    deliver(PAGER, MESSAGE)
    [event] = receiver.got("/v2/enqueue")
    assert (event["event_action"], event["dedup_key"], event["routing_key"]) == ("trigger", MESSAGE.key, PAGER_KEY)
    assert event["payload"] == {
        "summary": MESSAGE.subject,
        "severity": "critical",
        "source": "muniment",
        "component": "acme",
        "class": "wal-at-risk",
        "custom_details": {"message": WORDS, "firms": "acme, birch"},
    }
    assert event["links"] == [
        {"href": "http://airflow.example/log", "text": "log"},
        {"href": "http://airflow.example/page", "text": "page"},
    ]


@pytest.mark.parametrize("act", ["acknowledge", "resolve"])
def test_pagerduty_acknowledges_and_resolves_by_the_same_key(receiver: Receiver, act: str) -> None:
    deliver(PAGER, Message("over", "all is well", act=act, key=MESSAGE.key))  # type: ignore[arg-type]
    [event] = receiver.got("/v2/enqueue")
    assert (event["event_action"], event["dedup_key"]) == (act, MESSAGE.key)


def test_slack_reads_text_and_no_markup_of_ours(receiver: Receiver) -> None:
    deliver(CHAT, MESSAGE)
    [told] = receiver.got(f"/services/{CHAT_TOKEN}")
    assert told["text"] == f"*{MESSAGE.subject}*\n{WHOLE}".replace("&", "&amp;").replace("<", "&lt;").replace(
        ">", "&gt;"
    )


def test_apprise_reaches_the_rest(receiver: Receiver) -> None:
    deliver(REST, MESSAGE)
    [told] = receiver.got("/rest")
    assert (told["title"], told["message"], told["type"]) == (MESSAGE.subject, WHOLE, "failure")


def test_sns_takes_a_subject_of_ascii(pager: Pager) -> None:
    deliver(topic(pager), MESSAGE)
    [told] = pager.messages()
    assert (told["Subject"], told["Message"]) == ("acme: WAL at risk ? 5 min", WHOLE)


def test_a_mail_is_in_the_conversation_of_its_incident(mails: list[str]) -> None:
    deliver(MAIL, MESSAGE)
    [mail] = map(message_from_string, mails)
    assert mail["References"] == f"<{MESSAGE.key}@muniment>"
    assert mail["To"] == "oncall@example.com"


def test_any_notifier_by_its_import_path(pager: Pager) -> None:
    path = "airflow.providers.amazon.aws.notifications.sns.SnsNotifier"
    own = {
        "target_arn": pager.topic,
        "aws_conn_id": "on_call_aws",
        "subject": "{{ notice.severity }} {{ notice.firm }}",
    }
    deliver(Channel(name="own", kind="notifier", notifier=path, arguments=own), MESSAGE)
    [told] = pager.messages()
    assert (told["Subject"], told["Message"]) == ("critical acme, birch", WHOLE)


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
@pytest.mark.parametrize("channel", [PAGER, CHAT, REST], ids=lambda each: each.name)
def test_a_receiver_that_refuses_has_not_taken_it(receiver: Receiver, channel: Channel, status: int) -> None:
    receiver.status["/"] = status
    with pytest.raises(ChannelFailed, match=f"channel {channel.name} did not take what it was told: .*{status}"):
        deliver(channel, MESSAGE)


@pytest.mark.parametrize("channel", [PAGER, CHAT, REST], ids=lambda each: each.name)
def test_a_receiver_that_says_nothing_is_left_at_the_deadline(
    deaf: str, monkeypatch: pytest.MonkeyPatch, channel: Channel
) -> None:
    lead_to(deaf, monkeypatch)
    with pytest.raises(ChannelFailed, match=r"no answer in 0\.5 seconds"):
        deliver(channel, MESSAGE, deadline_s=0.5)
    assert threading.current_thread() is threading.main_thread()


@pytest.mark.parametrize("channel", [PAGER, CHAT, REST], ids=lambda each: each.name)
def test_no_failure_shows_a_secret(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], channel: Channel
) -> None:
    lead_to(UNKNOWN, monkeypatch)
    with pytest.raises(ChannelFailed) as raised:
        deliver(channel, MESSAGE)
    told = f"{raised.value}{raised.value.__cause__}{capfd.readouterr()}"
    for secret in (PAGER_KEY, CHAT_TOKEN, *CHAT_TOKEN.split("/")[2:]):
        assert secret not in told


def test_an_address_that_apprise_does_not_know_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_RECEIVER_REST", '{"conn_type": "generic", "password": "nosuch://topsecret/at/all"}'
    )
    with pytest.raises(ChannelFailed, match="is no address that apprise knows") as raised:
        deliver(REST, MESSAGE)
    assert "topsecret" not in f"{raised.value}{capfd.readouterr()}"


@pytest.mark.parametrize(
    ("channel", "said"),
    [
        (
            Channel(name="own", kind="notifier", notifier="nowhere.Pager"),
            "ModuleNotFoundError: No module named 'nowhere'",
        ),
        (Channel(name="chat", kind="slack", connection="not_there"), "AirflowNotFoundException: .*not_there"),
        (Channel(name="mail", kind="smtp", connection="smtp_default", arguments={"too": "x"}), "TypeError"),
    ],
)
def test_a_channel_that_is_set_up_wrongly_fails_by_itself(channel: Channel, said: str, mails: list[str]) -> None:
    with pytest.raises(ChannelFailed, match=said):
        deliver(channel, MESSAGE)


def test_a_failed_channel_word_for_word() -> None:
    assert str(ChannelFailed(channel="pager", reason="no answer in 20 seconds")) == (
        "channel pager did not take what it was told: no answer in 20 seconds\n"
        "KEPT: what there was to tell: the route's next channel is tried, and what none takes is tried again with each"
        " pass\n"
        "HINT: look at the channel's connection and at its receiver, then `muniment alerts test --channel pager`."
    )
