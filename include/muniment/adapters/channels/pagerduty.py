"""PagerDuty's Events API v2, by Airflow's provider: the incident's own key triggers, acknowledges and resolves.

The provider's notifier knows one address; its asynchronous hook is told another one, for the EU and for tests.
"""

import asyncio
from typing import Any

from muniment.adapters.channels.airflow import imported
from muniment.adapters.channels.message import Act, Message

HOOK = "airflow.providers.pagerduty.hooks.pagerduty_events.PagerdutyEventsAsyncHook"
_US = "https://events.pagerduty.com"
# https://developer.pagerduty.com/docs/events-api-v2/trigger-events: of a summary; an event has 512 KB.
_SUMMARY_CHARACTERS, _MESSAGE_CHARACTERS = 1024, 32768


def send(connection: Any, message: Message, *, deadline_s: float) -> None:
    """A test is resolved at once: it wakes nobody who looks for what is open."""
    asyncio.run(asyncio.wait_for(_send(connection, message, message.act), deadline_s))
    if message.severity == "info":
        asyncio.run(asyncio.wait_for(_send(connection, message, "resolve"), deadline_s))


async def _send(connection: Any, message: Message, act: Act) -> None:
    hook = imported(HOOK)(integration_key=connection.password)
    hook.base_url = _address(connection)
    hook.retry_limit = 1  # the route's next channel is the second try
    await hook.send_event(
        summary=message.subject[:_SUMMARY_CHARACTERS],
        severity=message.severity,
        source="muniment",
        action=act,
        dedup_key=message.key,
        custom_details={"message": message.message[:_MESSAGE_CHARACTERS], "firms": message.firm},
        component=message.firm.partition(",")[0] or None,
        class_type=message.cause or None,
        links=[{"href": url, "text": name} for name, url in message.links.items() if url],
    )


def _address(connection: Any) -> str:
    host = (connection.host or _US).rstrip("/")
    return host if "://" in host else f"https://{host}"
