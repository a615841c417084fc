"""A legal hold: what it covers is deleted by nobody until it is released."""

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime

from muniment.domain.record import Record


class Hold(Record):
    """``holds/<id>.json``: a legal hold. While this object exists, nothing that it covers is deleted."""

    format: Literal[1] = 1
    id: str
    reason: str
    placed_by: str
    placed_at: AwareDatetime
    covers_from: AwareDatetime
    covers_until: AwareDatetime | None = None
    """``None``: whatever is still to come, too."""

    def covers(self, at: datetime) -> bool:
        return self.covers_from <= at and (self.covers_until is None or at <= self.covers_until)
