"""Which WAL of a vault went since its newest recovery point registered the windows: by a night's expiry, or against
everybody's will.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from muniment.domain.fleet.history import FirmHistory, NightSeen
from muniment.domain.retention.stock import Going, Stock
from muniment.domain.wal.names import Lsn, WalSegment, is_segment
from muniment.domain.watch.freshness import ROTATION_STALE_AFTER, is_fresh
from muniment.domain.watch.vault import VaultSeen, WalHeld


@dataclass(frozen=True, slots=True)
class Gone:
    """WAL from ``begin`` to before ``end``, or some of it."""

    begin: Lsn
    end: Lsn
    kind: Literal["hole", "points alone"]


def expired_since(
    vault: VaultSeen, history: FirmHistory | None, points: Sequence[NightSeen], now: datetime
) -> tuple[Gone, ...] | None:
    """``None``: nobody knows what expiry has taken: no night has told, or the newest point's own has not been read yet.

    ``points``: of this vault, oldest first.
    """
    held = vault.held
    if held is None or history is None or not is_fresh(history.read_at, now, ROTATION_STALE_AFTER):
        return None
    newest = [each.registered_at for each in points[-1:]]
    newest += [each.end_at for each in vault.windows if each.end_at is not None]
    stocks = [each.stock for each in history.stocks if each.side == vault.side]
    since = [each for each in stocks if each.at >= max(newest, default=each.at)]
    return tuple(_expired(since, held)) if since else None


def missing_of(held: WalHeld) -> Iterator[Gone]:
    """What somebody has removed of the WAL before the newest point."""
    for name in held.missing_before:
        if is_segment(name):
            segment = WalSegment.parse(name, held.segment_bytes)
            yield Gone(segment.start, segment.end, "hole")


def _expired(stocks: Iterable[Stock], held: WalHeld) -> Iterator[Gone]:
    for stock in stocks:
        yield from (found for going in stock.went if (found := _gone(going, held)))


def _gone(going: Going, held: WalHeld) -> Gone | None:
    """``None``: no WAL, or of another cluster."""
    if going.kind != "wal":
        return None
    first, last = (_segment(each, held) for each in (going.first, going.last))
    return Gone(first.start, last.end, "points alone") if first and last else None


def _segment(group_id: str, held: WalHeld) -> WalSegment | None:
    """``group_id`` is the key behind ``wal/``: cluster, timeline, file. A label lies where its segment does."""
    system, _, rest = group_id.partition("/")
    name = rest.rpartition("/")[2][:24]
    if system != str(held.system_identifier) or not is_segment(name):
        return None
    return WalSegment.parse(name, held.segment_bytes)
