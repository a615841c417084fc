"""The address that opens a firm's restore form with its fields filled in.

Airflow 3.3's form takes no values by address (apache/airflow#54800), so the address is that of the tab of ours beside
the form, on the page of ``<firm>__restore``: what is in the tab opens the form and fills in what the address says.
"""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

from muniment.domain.fleet.frame import Frame, in_address

TAB = "recovery-of-dag"
"""The tab's last part in Airflow's addresses."""
PREFIX = "restore_"
"""Of a field's name in the address: other names there are Airflow's own."""


def restore_form(frame: Frame, firm: str, *, instant: datetime | None, point: str | None, side: str) -> str:
    """To an instant, or to the recovery point where there is none, or as far as the WAL reaches. Nothing is started:
    a person looks at the form and sends it."""
    fields = {"target": "latest", **_target(instant, point), "side": side}
    query = urlencode({f"{PREFIX}{name}": value for name, value in fields.items()})
    return f"{frame.dag(f'{firm}__restore')}/plugin/{TAB}?{query}"


def _target(instant: datetime | None, point: str | None) -> Mapping[str, str]:
    """Fields of the form, as ``domain.restore.form_target`` reads them."""
    if instant is not None:
        return {"target": "time", "time": in_address(instant)}
    return {"target": "point", "position": point} if point else {}
