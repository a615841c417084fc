"""What a second person signs before a restored cluster that serves is given up, or the old one beside it is deleted."""

from collections.abc import Iterator
from typing import Literal

from pydantic import AwareDatetime

from muniment.domain.record import HashedRecord
from muniment.domain.restore.cut_over import CutOver


class LivePlan(HashedRecord):
    format: Literal[1] = 1
    firm: str
    act: Literal["roll-back", "release"]
    cut_over: str
    """Its id."""
    host: str
    live: str
    aside: str
    """Where the old cluster lies."""
    why: str = ""
    requested_by: str
    made_at: AwareDatetime

    def is_of(self, journal: CutOver, act: str) -> bool:
        return (self.firm, self.cut_over, self.act) == (journal.firm, journal.id, act)

    def lines(self) -> Iterator[str]:
        if self.act == "roll-back":
            yield f"firm {self.firm} on {self.host}: cut-over {self.cut_over} is undone: {self.why}"
            yield f"the old cluster, {self.aside}, is in {self.live} again and serves"
            yield "what was written to the restored cluster since it went live is not live any more: it goes to staging"
            return
        yield f"firm {self.firm} on {self.host}: the old cluster of cut-over {self.cut_over} is deleted: {self.aside}"
        yield f"the restored cluster in {self.live} goes on serving, and there is no way back to the old one after that"
