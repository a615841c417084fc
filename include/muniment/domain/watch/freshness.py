"""How long what was seen may be shown as current: longer than that it is unknown."""

from datetime import datetime, timedelta

PASS_EVERY = timedelta(minutes=5)
ROTATION = timedelta(hours=1)
"""Keys, vault settings and evidence are looked at by turns: each firm's once in this time."""
STALE_AFTER = 2 * PASS_EVERY + timedelta(minutes=1)
"""Two passes, and a minute for the pass that shows it."""
ROTATION_STALE_AFTER = 2 * ROTATION + timedelta(minutes=10)


def is_fresh(seen_at: datetime | None, now: datetime, stale_after: timedelta = STALE_AFTER) -> bool:
    """What was seen in the far future was seen by a wrong clock: nobody knows how old it is."""
    return seen_at is not None and abs(now - seen_at) <= stale_after
