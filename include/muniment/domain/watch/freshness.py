"""How long what was seen may be shown as current: longer than that it is unknown."""

from datetime import datetime, timedelta

from muniment.domain.watch.passes import LOOK_LASTS
from muniment.domain.watch.rotation import WHOLE_EVERY

STALE_AFTER = LOOK_LASTS + timedelta(minutes=1)
"""Two passes, and a minute for the pass that shows it."""
ROTATION_STALE_AFTER = 2 * WHOLE_EVERY + timedelta(minutes=10)


def is_fresh(seen_at: datetime | None, now: datetime, stale_after: timedelta = STALE_AFTER) -> bool:
    """What was seen in the far future was seen by a wrong clock: nobody knows how old it is."""
    return seen_at is not None and abs(now - seen_at) <= stale_after
