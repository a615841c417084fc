"""Somebody outside waits for the watch: a Healthchecks-compatible address that hears when a pass begins, and how it
ended (https://healthchecks.io/docs/http_api/). That it does not answer is an observation and costs no pass.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from muniment.adapters.airflow_api.client import base_url
from muniment.adapters.channels.deadline import within
from muniment.adapters.site.logins import Login
from muniment.domain.secret import Secret
from muniment.domain.watch.settings import WatchSettings
from muniment.errors import MunimentError

CALL_S = 5.0
"""Twice a pass: a receiver that hangs takes ten seconds of its minute."""

_MOST_BYTES = 10_000
"""Of what is told with it. The receiver keeps 100 kB."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Heartbeat:
    """``url``: with the key in its path, so it is a secret; ``None``: nobody outside waits, and nothing is called."""

    url: Secret | None
    told: str = ""
    """Goes along with the pass's end."""
    fault: str = ""
    """Why the pass's end is told as a failure, though it came to its end."""
    is_withheld: bool = False
    """Its end is not told: it looked at nobody."""
    failures: list[str] = field(default_factory=list)
    """Calls that were not taken, and why."""

    @classmethod
    def of(cls, settings: WatchSettings, login: Callable[[str], Login]) -> "Heartbeat":
        """The connection's host is the address; a password is its last part. One that is missing is a call that was
        not taken."""
        if settings.heartbeat is None:
            return cls(None)
        try:
            found = login(settings.heartbeat)
            address = base_url(found.host, found.port, found.schema or "https")
        except (MunimentError, ValueError) as error:
            return cls(None, failures=[error.what if isinstance(error, MunimentError) else "its host is no address"])
        key = found.password.reveal()
        return cls(Secret(f"{address}/{key}" if key else address))

    @contextmanager
    def around(self) -> Iterator["Heartbeat"]:
        """Around a pass: what it raises is told, and raised."""
        self.call("/start", "")
        try:
            yield self
        except BaseException as error:
            self.call("/fail", error.what if isinstance(error, MunimentError) else type(error).__name__)
            raise
        if not self.is_withheld:
            self.call("/fail" if self.fault else "", self.fault or self.told)

    def call(self, end: str, told: str) -> None:
        """Never raises."""
        if self.url is None:
            return
        try:
            within(CALL_S + 1, lambda: _post(self.url, end, told))
        except (OSError, HTTPException, ValueError) as error:
            self.failures.append(_reason(error))
            _log.warning("the heartbeat's receiver did not take %s: %s", end or "the pass's end", self.failures[-1])


def _post(url: Secret | None, end: str, told: str) -> None:
    address = f"{url.reveal() if url else ''}{end}"
    if urlsplit(address).scheme not in {"http", "https"}:
        message = "the address is none of the web"
        raise ValueError(message)
    with urlopen(Request(address, told.encode()[:_MOST_BYTES], method="POST"), timeout=CALL_S):
        pass


def _reason(error: BaseException) -> str:
    """Without the address: its path is the key."""
    if isinstance(error, HTTPError):
        return f"it answered {error.code}"
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    return str(getattr(cause, "strerror", None) or type(cause).__name__)
