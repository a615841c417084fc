"""What a firm's vaults tell of ninety nights: made up, whole, and the same each time for the same instant."""

from datetime import datetime, timedelta
from random import Random

from muniment.domain.fleet.history import ActSeen, DrillSeen, FirmHistory, NightSeen, RestoreSeen, StockSeen
from muniment.domain.retention.stock import Going, KindHeld, Stock
from muniment.domain.vault.registers import RecoveryWindow, WalHole
from muniment.domain.wal.names import Lsn
from muniment.domain.watch.vault import VaultSide

NIGHTS = 90
DAY = timedelta(days=1)
SIDES: tuple[VaultSide, ...] = ("primary", "replica")
_GIB = 2**30
_NIGHTLY_WAL = 3 * _GIB


def history_of(firm: str, now: datetime, *, nights: int = NIGHTS, holes: bool = False) -> FirmHistory:
    """The last night ended six hours before ``now``. ``holes``: two, of three hours and of half a day."""
    lost = _holes(now) if holes else ()
    seen = tuple(_night(firm, now, back, lost) for back in reversed(range(nights)))
    return FirmHistory(
        firm=firm,
        read_at=now - timedelta(minutes=24),
        nights=seen,
        drills=_drills(now, nights) if nights else (),
        restores=_restores(now) if nights else (),
        acts=_acts(now) if nights else (),
        windows=_windows(seen, lost, now),
        holes=lost,
        stocks=tuple(_stock(firm, night, side, at) for at, night in enumerate(seen) for side in SIDES),
    )


def id_of(at: datetime) -> str:
    return f"{at:%Y%m%dT%H%M%S}{at.microsecond // 1000:03}Z"


def _taken_at(now: datetime, back: int) -> datetime:
    return (now - timedelta(hours=6) - back * DAY).replace(microsecond=0)


def _night(firm: str, now: datetime, back: int, lost: tuple[WalHole, ...]) -> NightSeen:
    number, at = NIGHTS - back, _taken_at(now, back)
    chance = Random(f"{firm} {back}")
    is_full = number % 7 == 1
    size = int((40 + number * 0.12) * _GIB)
    stored = int(size * (0.31 if is_full else 0.02 + chance.random() * 0.015))
    return NightSeen(
        point=id_of(at),
        taken_at=at,
        began_at=at - timedelta(minutes=11 if is_full else 3, seconds=chance.randrange(90)),
        registered_at=at + timedelta(minutes=4, seconds=chance.randrange(120)),
        kind="full" if is_full else "incremental",
        chain_length=(number - 1) % 7 + 1,
        timeline=1,
        lsn=Lsn(number * _NIGHTLY_WAL + chance.randrange(2**20)),
        size_bytes=size,
        stored_bytes=stored,
        chain_stored_bytes=int(size * 0.31) + ((number - 1) % 7) * int(size * 0.027),
        effective_rpo_s=20.0 + chance.random() * 100,
        documents=120_000 + number * 310,
        document_bytes=int((210 + number * 0.6) * _GIB),
        overwritten=None if back == NIGHTS - 1 else chance.randrange(900),
        vanished=None if back == NIGHTS - 1 else (chance.randrange(40) if back % 9 == 0 else 0),
        added=None if back == NIGHTS - 1 else 200 + chance.randrange(400),
        verified_primary_at=at + timedelta(minutes=40),
        verified_replica_at=None if back == 17 else at + timedelta(minutes=52),
        in_replica=back != 17 or not lost,
        is_damaged=back == 33 and bool(lost),
        lacks=("documents: bucket briefs did not answer",) if back == 21 and lost else (),
    )


def _holes(now: datetime) -> tuple[WalHole, ...]:
    first, second = _taken_at(now, 40) + timedelta(hours=7), _taken_at(now, 12) + timedelta(hours=2)
    return (
        WalHole(start_at=first, end_at=first + timedelta(hours=3)),
        WalHole(start_at=second, end_at=second + timedelta(hours=12)),
    )


def _windows(nights: tuple[NightSeen, ...], lost: tuple[WalHole, ...], now: datetime) -> tuple[RecoveryWindow, ...]:
    """One from the first night to the first hole, one behind each hole, from the next night on."""
    found, start = [], nights[0] if nights else None
    for hole in lost:
        if start is not None:
            found.append(_window(start, hole.start_at))
        start = next((night for night in nights if night.taken_at > hole.end_at), None)
    if start is not None:
        found.append(_window(start, now - timedelta(hours=6)))
    return tuple(found)


def _window(start: NightSeen, end_at: datetime) -> RecoveryWindow:
    days = (end_at - start.taken_at) / DAY
    return RecoveryWindow(
        backup=start.point,
        timeline=1,
        start_lsn=start.lsn,
        end_lsn=Lsn(start.lsn.offset_bytes + int(days * _NIGHTLY_WAL)),
        start_at=start.taken_at,
        end_at=end_at,
    )


def _drills(now: datetime, nights: int) -> tuple[DrillSeen, ...]:
    """Each fortnight one, from both vaults by turns; the fourth failed, and the newest but one did not finish."""
    ages = [days for days in range(86, 0, -14) if days <= nights]
    return tuple(_drill(number + 1, now - timedelta(days=days, hours=2)) for number, days in enumerate(ages))


def _drill(number: int, at: datetime) -> DrillSeen:
    at = at.replace(microsecond=0)
    began = DrillSeen(
        id=id_of(at),
        number=number,
        side=SIDES[number % 2],
        by="restore-kit" if number == 3 else "muniment",
        started_at=at,
        target=f"{at - timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}",
    )
    if number == 6:
        return began.model_copy(update={"did_not_finish": True})
    failed = number == 4
    figures = {
        "finished_at": at + timedelta(minutes=24),
        "passed": not failed,
        "recover_s": 610.0 + 9 * number,
        "data_lost_s": 0.0 if number % 2 else 41.0,
        "rto_s": 3600.0,
        "rpo_s": 900.0,
        "checks": 14,
        "checks_passed": 12 if failed else 14,
        "failed": ("control total trust_ledger.amount", "amcheck") if failed else (),
        "base_stored_bytes": 14 * _GIB,
        "base_s": 300.0,
        "wal_segments": 180,
        "wal_s": 95.0,
        "replay_s": 140.0,
    }
    signed = {"signed_off_by": "mara.ellis", "signed_off_at": at + timedelta(hours=30)}
    return began.model_copy(update=figures | ({} if failed or number == 7 else signed))


def _restores(now: datetime) -> tuple[RestoreSeen, ...]:
    def at(days: int) -> datetime:
        return (now - timedelta(days=days)).replace(microsecond=0)

    staged = RestoreSeen(
        id=id_of(at(50)),
        run="manual__restore_1",
        where="staging",
        target=f"{at(51):%Y-%m-%dT%H:%M:%SZ}",
        asked_by="jonas",
        asked_at=at(50),
        end="staged",
        reached_at=at(51),
        finished_at=at(50) + timedelta(minutes=16),
    )
    live = {"id": id_of(at(31)), "where": "live", "asked_at": at(31), "approved_by": "mara.ellis", "end": "live"}
    refused = {"id": id_of(at(8)), "where": "live", "asked_at": at(8), "end": "not approved", "reached_at": None}
    return (
        staged,
        staged.model_copy(update=live | {"finished_at": at(31) + timedelta(hours=1)}),
        staged.model_copy(update=refused | {"not_approved": "nobody answered in time", "finished_at": at(8) + DAY}),
    )


def _acts(now: datetime) -> tuple[ActSeen, ...]:
    at = (now - timedelta(days=5)).replace(microsecond=0)
    matter = ActSeen(
        id=id_of(at),
        kind="matter",
        what="matter 2026-00417",
        by="muniment matter (jonas on ops-1)",
        asked_by="jonas",
        approved_by="mara.ellis",
        began_at=at,
        ended="done",
        ended_at=at + timedelta(minutes=2),
    )
    undo = {"id": id_of(at + timedelta(hours=1)), "kind": "undo", "began_at": at + timedelta(hours=1)}
    return (matter, matter.model_copy(update=undo | {"ended": "did not finish", "ended_at": None}))


def _stock(firm: str, night: NightSeen, side: VaultSide, at: int) -> StockSeen:
    registered = night.registered_at
    old = night.taken_at - 60 * DAY
    going = Going(kind="backup", groups=1, size_bytes=14 * _GIB, first=id_of(old), last=id_of(old), why="past 60 days")
    wal = going.model_copy(update={"kind": "wal", "groups": 190, "size_bytes": 2 * _GIB, "why": "before any window"})
    return StockSeen(
        side=side,
        stock=Stock(
            id=night.point,
            firm=firm,
            bucket=f"{firm}-{side}",
            at=registered,
            held=(
                KindHeld(kind="point", groups=at + 1, objects=at + 1, size_bytes=(at + 1) * 40_000),
                KindHeld(kind="backup", groups=at + 1, objects=(at + 1) * 60, size_bytes=(60 + at) * _GIB),
                KindHeld(kind="wal", groups=190 * (at + 1), objects=190 * (at + 1), size_bytes=(at + 1) * _GIB),
                KindHeld(kind="document", groups=120_000, objects=120_000 + at * 300, size_bytes=(210 + at) * _GIB),
            ),
            went=(going,) if at % 7 == 0 else (),
            next_at=registered + DAY,
            next_goes=(going, wal) if at % 7 == 6 else (wal,),
        ),
    )
