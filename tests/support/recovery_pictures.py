"""A firm as its page is given it, with the nights, windows and holes that a test wants."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from muniment.domain.fleet.history import DrillSeen, FirmHistory, NightSeen
from muniment.domain.fleet.pictures import FirmPicture
from muniment.domain.record import new_id
from muniment.domain.vault.registers import RecoveryWindow
from muniment.domain.wal.names import Lsn
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.vault import VaultSeen, VaultSide, WalHeld

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MIB = 2**20
CLUSTER = 7
EPOCH = NOW - 400 * DAY


def lsn_at(at: datetime) -> Lsn:
    """The firm writes a MiB a minute."""
    return Lsn(int((at - EPOCH).total_seconds() / 60) * MIB)


def night(at: datetime, **changed: Any) -> NightSeen:
    """A full one of eleven minutes, of which each next one is told by the last."""
    values: dict[str, Any] = {
        "point": new_id(at),
        "taken_at": at,
        "began_at": at - timedelta(minutes=10),
        "registered_at": at + timedelta(minutes=1),
        "kind": "full",
        "chain_length": 1,
        "timeline": 1,
        "lsn": lsn_at(at),
        "size_bytes": 4000,
        "stored_bytes": 1000,
        "chain_stored_bytes": 1000,
        "effective_rpo_s": 1.0,
        "documents": 10,
        "document_bytes": 500,
        "overwritten": 1,
        "vanished": 0,
        "added": 0,
        "verified_primary_at": at,
        "verified_replica_at": at,
        "in_replica": True,
    }
    return NightSeen(**{**values, **changed})


def window(begin: datetime, end: datetime, **changed: Any) -> RecoveryWindow:
    values: dict[str, Any] = {
        "backup": new_id(begin),
        "timeline": 1,
        "start_lsn": lsn_at(begin),
        "end_lsn": lsn_at(end),
        "start_at": begin,
        "end_at": end,
    }
    return RecoveryWindow(**{**values, **changed})


def vault_seen(side: VaultSide, windows: Iterable[RecoveryWindow], now: datetime = NOW, **changed: Any) -> VaultSeen:
    """Nothing is at risk, by a look at ``now``."""
    values: dict[str, Any] = {
        "side": side,
        "bucket": f"acme-{side}",
        "region": {"primary": "us-east-1", "replica": "us-west-2"}[side],
        "key": f"key/{side}",
        "seen_at": now,
        "held": WalHeld(
            system_identifier=CLUSTER,
            timeline=1,
            segment_bytes=MIB,
            number=lsn_at(now).offset_bytes // MIB - 1,
            seen_at=now,
        ),
        "rpo_s": 0.0,
        "rpo_known_at": now,
        "windows": tuple(windows),
    }
    return VaultSeen(**{**values, **changed})


def firm_seen(*vaults: VaultSeen, now: datetime = NOW, promised: str = "90 days", **changed: Any) -> FirmSeen:
    """``promised``: the policy's point-in-time window."""
    values: dict[str, Any] = {
        "firm": "acme",
        "name": "Acme & Söhne",
        "tier": "professional",
        "time_zone": "Europe/Berlin",
        "queue": "eu",
        "rpo_promise_s": 900.0,
        "rto_promise_s": 3600.0,
        "watched_since": now - 90 * DAY,
        "seen_at": now,
        "vaults": vaults,
        "definition": {"policy": {"point_in_time_window": promised}},
    }
    return FirmSeen(**{**values, **changed})


def history(nights: Iterable[NightSeen], now: datetime = NOW, **changed: Any) -> FirmHistory:
    values: dict[str, Any] = {"firm": "acme", "read_at": now, "nights": tuple(nights)}
    return FirmHistory(**{**values, **changed})


def picture(seen: FirmSeen, known: FirmHistory | None, **changed: Any) -> FirmPicture:
    values: dict[str, Any] = {"row": None, "incidents": (), "suspensions": (), "silences": ()}
    return FirmPicture(**{"seen": seen, "history": known, **values, **changed})


def nightly(count: int, now: datetime = NOW) -> tuple[NightSeen, ...]:
    """The last one two hours ago."""
    return tuple(night(now - 2 * HOUR - back * DAY) for back in reversed(range(count)))


def whole_picture(count: int = 5, now: datetime = NOW, **changed: Any) -> FirmPicture:
    """``count`` nights without a hole, in both vaults."""
    nights = nightly(count, now)
    windows = [window(nights[0].taken_at, nights[-1].registered_at)]
    vaults = (vault_seen("primary", windows, now), vault_seen("replica", windows, now))
    return picture(firm_seen(*vaults, now=now), history(nights, now), **changed)


def drill_seen(number: int, at: datetime, **changed: Any) -> DrillSeen:
    """One that passed, a minute after it had begun."""
    values: dict[str, Any] = {
        "id": new_id(at),
        "number": number,
        "side": "primary",
        "by": "muniment",
        "started_at": at,
        "finished_at": at + timedelta(minutes=1),
        "passed": True,
        "recover_s": 60.0,
        "checks": 3,
        "checks_passed": 3,
    }
    return DrillSeen(**{**values, **changed})
