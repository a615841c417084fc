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
from muniment.domain.watch.wal_held import NAMED


@dataclass(frozen=True, slots=True)
class Gone:
    """WAL from ``begin`` to before ``end``, or some of it."""

    begin: Lsn
    end: Lsn
    kind: Literal["hole", "points alone", "unsure"]


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


def missing_of(held: WalHeld) -> tuple[Gone, ...]:
    """What somebody has removed of the WAL before the newest point. A look names the first alone: where it names as
    many as it may, what lies behind them is in doubt."""
    gone = tuple(_missing(held, held.missing_before))
    if len(held.missing_before) < NAMED:
        return gone
    return (*gone, Gone(gone[-1].end, Lsn(held.first * held.segment_bytes), "unsure"))


def lacking(points: Iterable[NightSeen], held: WalHeld | None) -> dict[str, Literal["hole", "unsure"]]:
    """Points that do not come back, or may not: some of the WAL of their own base backup is gone. By their ids."""
    if held is None:
        return {}
    gone = [*missing_of(held), *(_missing(held, held.missing) if held.is_hole else ())]
    found: dict[str, Literal["hole", "unsure"]] = {}
    for each in points:
        begin = needed_from(each, held)
        kinds = {one.kind for one in gone if one.begin < each.lsn and begin < one.end}
        if each.is_present and kinds:
            found[each.point] = "hole" if "hole" in kinds else "unsure"
    return found


def needed_from(night: NightSeen, held: WalHeld) -> Lsn:
    """From where on a restore to the point reads WAL, up to its ``lsn``."""
    if night.first_segment is None:
        return night.lsn
    return WalSegment.parse(night.first_segment, held.segment_bytes).start


def _missing(held: WalHeld, names: Iterable[str]) -> Iterator[Gone]:
    for name in names:
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
