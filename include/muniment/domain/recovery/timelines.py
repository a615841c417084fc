"""Which of a firm's timelines is its present.

Not the largest number: after a roll-back the cluster writes on the timeline that it had before, and the one that the
restored cluster began is abandoned, with the larger number. The present is the timeline on which the firm's cluster was
seen last, by the clock of the cluster's own host.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from muniment.domain.recovery.roll_back import RolledBack
from muniment.domain.vault.registers import Backup
from muniment.domain.wal.names import TimelineId


@dataclass(frozen=True, slots=True)
class Timelines:
    """When the firm's cluster was last seen on each."""

    seen: Mapping[TimelineId, datetime]

    @property
    def serving(self) -> TimelineId:
        """The first timeline where nothing was seen at all."""
        return max(self.seen, key=lambda line: (self.seen[line], line), default=1)

    @classmethod
    def of(
        cls,
        archived: Iterable[TimelineId],
        written_at: Callable[[TimelineId], datetime],
        backups: Iterable[Backup],
        rolled_back: Iterable[RolledBack],
    ) -> "Timelines":
        """``written_at`` tells of a timeline in the archive when the server wrote to its newest segment last.

        A backup's times are its worker's, whose clock may differ: they count only where no WAL of its timeline is here.
        A roll-back counts at once, before the cluster that serves again has archived anything.
        """
        seen = {line: written_at(line) for line in archived}
        others = [(each.stop_timeline, each.finished_at) for each in backups if each.stop_timeline not in seen]
        ways_back = [(back.timeline, back.ended_at) for back in rolled_back if back.timeline is not None]
        for line, at in (*others, *ways_back):
            seen[line] = max(at, seen.get(line, at))
        return cls(seen)
