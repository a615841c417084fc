"""When a firm's night begins: one stable minute of its own inside its window, in its own time zone.

The minute comes from the firm's id, so that a thousand firms spread over their windows, and adding one moves no other.
"""

import zlib
from dataclasses import dataclass
from datetime import time

from muniment.domain.firm.firm import Firm, NightlyWindow

_DAY_MIN = 24 * 60
# Eight hours after the nightly window's end a night is over; in the eight that follow none begins.
_DRILLS_BEGIN_MIN = 8 * 60


@dataclass(frozen=True, slots=True)
class NightlySchedule:
    """Once a local day at ``at``."""

    at: time
    time_zone: str

    @property
    def cron(self) -> str:
        return f"{self.at.minute} {self.at.hour} * * *"


def nightly_schedule(firm: Firm) -> NightlySchedule:
    return NightlySchedule(_minute_within(firm.policy.nightly_window, firm.id), firm.time_zone)


def _minute_within(window: NightlyWindow, firm_id: str) -> time:
    """The window may span midnight; where it ends when it starts, it is one minute long."""
    start, end = (clock.hour * 60 + clock.minute for clock in (window.start, window.end))
    length = (end - start) % _DAY_MIN or 1
    minute = (start + _stable_hash(firm_id) % length) % _DAY_MIN
    return time(minute // 60, minute % 60)


def drill_cron(firm: Firm) -> str:
    """Once a month, in the firm's own time zone: a day that every month has, at an hour when no night is under way."""
    stable = _stable_hash(f"{firm.id} drill")
    end = firm.policy.nightly_window.end
    minute = (end.hour * 60 + end.minute + _DRILLS_BEGIN_MIN + stable % _DRILLS_BEGIN_MIN) % _DAY_MIN
    return f"{minute % 60} {minute // 60} {stable // _DAY_MIN % 28 + 1} * *"


def shard_of(firm_id: str, shards: int) -> int:
    """The DAG file that a firm's DAGs live in: it stays when other firms come and go."""
    return _stable_hash(firm_id) % shards


def _stable_hash(text: str) -> int:
    """``hash()`` differs from process to process."""
    return zlib.crc32(text.encode())
