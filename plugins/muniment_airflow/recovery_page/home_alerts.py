"""The line on Airflow's home page while something is wrong: ``DASHBOARD_UIALERTS`` of ``airflow_local_settings``.

Every Airflow process imports this, and only the API server ever asks the list what is in it.
"""

import logging
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from muniment.domain.fleet.host_address import NAV
from muniment_airflow.recovery_page.mount import airflow_path

if TYPE_CHECKING:
    from muniment.domain.fleet.home_line import HomeLine

log = logging.getLogger(__name__)
_STANDS_S = 15.0
_FIRST_ANSWER_S = 2.0
"""So long the home page waits for the first answer of all; after that it shows the last one."""


class HomeAlerts(list[Any]):
    """As long as what is shown: the store is asked beside it, so the home page is never late, and never fails."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._line: HomeLine | None = None
        self._asked_at: float | None = None
        self._answered = threading.Event()

    def __iter__(self) -> Iterator[Any]:
        self._ask_again()
        self._answered.wait(_FIRST_ANSWER_S)
        line = self._line
        if line is not None:
            from airflow.api_fastapi.common.types import UIAlert

            yield UIAlert(text=line.text, category=line.category)

    def _ask_again(self) -> None:
        now = time.monotonic()
        with self._lock:
            if self._asked_at is not None and now - self._asked_at < _STANDS_S:
                return
            self._asked_at = now
        threading.Thread(target=self._ask, name="recovery-home", daemon=True).start()

    def _ask(self) -> None:
        try:
            self._line = _line_now()
        except Exception:
            log.exception("Recovery page: no line for the home page")
        finally:
            self._answered.set()


def _line_now() -> "HomeLine | None":
    from muniment.domain.fleet.home_line import home_line, unread_line
    from muniment.errors import MunimentError
    from muniment.ports import utc_now
    from muniment_airflow.recovery_page.stored import stored

    page = f"{airflow_path()}/plugin/{NAV}"
    try:
        told = stored().ask("fleet", lambda reader: reader.fleet())
    except MunimentError:
        log.warning("Recovery page: the watch's store cannot be read", exc_info=True)
        return unread_line(page)
    return unread_line(page) if told.stale else home_line(told.what, utc_now(), page)


DASHBOARD_UIALERTS: Final = HomeAlerts()
