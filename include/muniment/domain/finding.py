"""One thing that stands between a firm and tonight's backup, with its remedy."""

from dataclasses import dataclass
from typing import Literal

type Severity = Literal["stop", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """``stop``: no backup is started. ``warning``: the backup runs, and the finding is shown every night."""

    what: str
    remedy: str
    severity: Severity = "stop"

    def __str__(self) -> str:
        return f"{self.severity.upper()}: {self.what}\n  REMEDY: {self.remedy}"
