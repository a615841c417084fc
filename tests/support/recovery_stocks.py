"""What a night's expiry tells of the WAL that it took."""

from datetime import datetime, timedelta

from muniment.domain.fleet.history import StockSeen
from muniment.domain.record import new_id
from muniment.domain.retention.stock import Going, Stock
from muniment.domain.wal.names import WalSegment
from muniment.domain.watch.vault import VaultSide
from tests.support.recovery_pictures import CLUSTER, MIB, lsn_at


def wal_stock(side: VaultSide, at: datetime, begin: datetime | None, end: datetime | None) -> StockSeen:
    """That it took the WAL of between the two; ``None``: nothing."""
    went = () if begin is None or end is None else (wal_going(begin, end),)
    stock = Stock(
        id=new_id(at), firm="acme", bucket=f"acme-{side}", at=at, held=(), went=went, next_at=at + timedelta(days=1)
    )
    return StockSeen(side=side, stock=stock)


def wal_going(begin: datetime, end: datetime) -> Going:
    names = (WalSegment.holding(lsn_at(at), 1, MIB).name for at in (begin, end))
    first, last = (f"{CLUSTER}/{name[:8]}/{name}" for name in names)
    return Going(kind="wal", groups=2, size_bytes=MIB, first=first, last=last, why="no kept point needs it")
