"""A notifier whose receiver takes everything: a line of a file."""

from pathlib import Path
from typing import Any

from airflow.sdk import BaseNotifier


class WrittenNote(BaseNotifier):
    """``watch.yaml`` names it by its import path, as any notifier of Airflow's."""

    template_fields = ("subject",)

    def __init__(self, *, file: str, subject: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.file, self.subject = file, subject

    def notify(self, context: Any) -> None:
        with Path(self.file).open("a", encoding="utf-8") as lines:
            lines.write(f"{self.subject}\n")
