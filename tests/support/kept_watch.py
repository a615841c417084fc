"""Passes over a real store, by a clock that a test turns."""

from datetime import datetime, timedelta
from pathlib import Path

from muniment.adapters.watch.store import WatchStore
from muniment.domain.incidents.incident import Notice
from muniment.domain.incidents.judged import Judged
from muniment.domain.incidents.trouble import Trouble
from muniment.runbooks.incidents.record_troubles import record_troubles
from tests.support.troubles import PASS, START, judged

ACME = judged(["acme", "beta"])


class KeptWatch:
    def __init__(self, file: Path) -> None:
        self.file = file
        self.now = START
        self.store = WatchStore.open(str(file))

    def clock(self) -> datetime:
        return self.now

    def look(self, *troubles: Trouble, judged: Judged = ACME, after: timedelta = PASS) -> list[str]:
        """The kinds of what this pass tells."""
        self.now += after
        return [each.kind for each in record_troubles(self.store, troubles, judged, clock=self.clock)]

    def restart(self) -> None:
        self.store = WatchStore.open(str(self.file))

    def undelivered(self) -> list[Notice]:
        return self.store.claim_notices(self.now, timedelta(minutes=1))
