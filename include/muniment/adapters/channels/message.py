"""What a channel is given to say: of an incident, of a test, or a letter to a firm's contact."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from muniment.domain.incidents.incident import Notice
from muniment.domain.incidents.trouble import Severity

type Act = Literal["trigger", "acknowledge", "resolve"]
"""PagerDuty's ``event_action``."""


@dataclass(frozen=True, slots=True)
class Message:
    """``key``: what a receiver knows the incident by; empty where there is none."""

    subject: str
    message: str
    firm: str = ""
    task: str = ""
    severity: Severity | Literal["info"] = "error"
    act: Act = "trigger"
    key: str = ""
    cause: str = ""
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def log_url(self) -> str:
        return self.links.get("log", "")

    @property
    def whole(self) -> str:
        """With the links that the text does not have yet, a line each."""
        missing = [f"{name}: {url}" for name, url in self.links.items() if url and url not in self.message]
        return "\n".join((self.message, "", *missing)) if missing else self.message


def of_notice(notice: Notice) -> Message:
    acts: dict[str, Act] = {"acknowledged": "acknowledge", "resolved": "resolve"}
    return Message(
        subject=notice.subject,
        message=notice.message,
        firm=", ".join(notice.firms),
        severity=notice.severity,
        act=acts.get(notice.kind, "trigger"),
        key=notice.key,
        cause=notice.cause,
        links=notice.links,
    )
