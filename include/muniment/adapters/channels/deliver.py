"""One message by one channel. It is delivered when the receiver took it, and only then."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from muniment.adapters.channels import by_apprise, pagerduty
from muniment.adapters.channels.airflow import AIRFLOW, connection, imported, notify
from muniment.adapters.channels.deadline import within
from muniment.adapters.channels.message import Message
from muniment.adapters.channels.redaction import reason_of
from muniment.domain.watch.settings import Channel
from muniment.errors import ChannelFailed

DEADLINE_S = 20.0
"""So that three channels of a route have been tried within a minute."""
_NOTIFIERS = {
    "slack": ("airflow.providers.slack.notifications.slack_webhook.SlackWebhookNotifier", "slack_webhook_conn_id"),
    "sns": ("airflow.providers.amazon.aws.notifications.sns.SnsNotifier", "aws_conn_id"),
    "smtp": ("airflow.providers.smtp.notifications.smtp.SmtpNotifier", "smtp_conn_id"),
}
"""Kind → Airflow's notifier, and its parameter for the connection."""


def deliver(channel: Channel, message: Message, *, deadline_s: float = DEADLINE_S) -> None:
    """Raises ``ChannelFailed`` where the receiver refuses it, is not there, or does not answer in ``deadline_s``."""
    try:
        for path in _libraries(channel):
            imported(path)  # seconds of a busy machine's, which are not the receiver's
    except Exception as error:  # whatever a module does when it is imported
        raise ChannelFailed(channel=channel.name, reason=reason_of(error, ())) from None
    try:
        within(deadline_s, partial(_send, channel, message, deadline_s))
    except TimeoutError:
        raise ChannelFailed(channel=channel.name, reason=f"no answer in {deadline_s:g} seconds") from None


def _libraries(channel: Channel) -> tuple[str, ...]:
    own = {"pagerduty": pagerduty.HOOK, "apprise": by_apprise.APPRISE, "notifier": channel.notifier or ""}
    return AIRFLOW, own.get(channel.kind) or _NOTIFIERS[channel.kind][0]


def _send(channel: Channel, message: Message, deadline_s: float) -> None:
    found: list[Any] = []
    try:
        found += _connections(channel)
        _by_kind(channel, message, found, deadline_s)
    except TimeoutError:
        raise
    except Exception as error:  # any library stands behind a channel, and the next one has to be tried
        # Without the cause: a traceback would show what the reason leaves out.
        raise ChannelFailed(channel=channel.name, reason=reason_of(error, found)) from None


def _by_kind(channel: Channel, message: Message, found: list[Any], deadline_s: float) -> None:
    if channel.kind == "pagerduty":
        pagerduty.send(found[0], message, deadline_s=deadline_s)
    elif channel.kind == "apprise":
        by_apprise.send(found[0], message)
    elif channel.kind == "notifier":
        notify(channel.notifier or "", channel.arguments, message)
    else:
        path, parameter = _NOTIFIERS[channel.kind]
        own = {parameter: channel.connection, **_own_words(channel.kind, message)}
        notify(path, {**own, **channel.arguments}, message)


def _own_words(kind: str, message: Message) -> Mapping[str, Any]:
    if kind == "slack":
        # Before it tries again, slack_sdk logs the address, which is the secret.
        return {"text": "{{ notice.slack }}", "timeout": 10, "retry_handlers": []}
    if kind == "sns":
        return {"subject": "{{ notice.ascii_subject }}"}
    # So that a mail program shows what belongs to one incident as one conversation.
    return {"custom_headers": {"References": f"<{message.key}@muniment>"}} if message.key else {}


def _connections(channel: Channel) -> Iterator[Any]:
    """The channel's own, which has to be there, and those that its arguments name."""
    if channel.connection is not None:
        yield connection(channel.connection)
    for name, value in channel.arguments.items():
        if name.endswith("conn_id") and isinstance(value, str):
            with suppress(Exception):  # the notifier says it better
                yield connection(value)
