"""Registers of nights and drills in real vaults, whatever lies behind them, and a site one of whose regions is away."""

from datetime import timedelta
from typing import Any

from muniment.adapters.drill.records import write_evidence
from muniment.adapters.site.logins import Login
from muniment.adapters.site.site import Site, build_site
from muniment.domain.drill.evidence import Drill
from muniment.domain.evidence import Check
from muniment.domain.record import new_id
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Point, WalRange
from muniment.ports import utc_now
from tests.support.drills import drill
from tests.support.points import make_point
from tests.support.vault_looks import NOW, segment

PASSED = (Check(name="rows", expected="1", found="1", passed=True),)


def register(site: Site, nights_ago: int, *, copied: bool = True, **known: Any) -> Point:
    at = NOW - timedelta(days=nights_ago, hours=1)
    end = segment(5)
    wal = WalRange(timeline=1, first_segment=segment(3).name, last_segment=end.name, through_lsn=end.end)
    system = site.postgres.system_identifier()
    told = {"firm": site.firm.id, "system_identifier": system, "verified_replica_at": at if copied else None, **known}
    point = make_point(new_id(at), wal, at=at, **told)
    for vault in site.vaults if copied else (site.primary,):
        vault.put_register(keys.point(point.id), point, locked_until=None)
    return point


def drilled(site: Site, days_ago: float, checks: tuple[Check, ...] = PASSED, **known: Any) -> Drill:
    at = NOW - timedelta(days=days_ago)
    ended = {"id": new_id(at), "started_at": at, "finished_at": at + timedelta(hours=1), "checks": checks, **known}
    found = drill(firm=site.firm.id, vault=site.primary.bucket, **ended)
    write_evidence(site, found, locked_until=utc_now())
    return found


def away(site: Site, side: str) -> Site:
    """The region of one vault does not answer."""
    nowhere = Login(
        id="away",
        user="a",
        extra={"endpoint_url": "http://127.0.0.1:9", "config_kwargs": {"retries": {"total_max_attempts": 1}}},
    ).clients()
    gone = site.firm.vaults.primary.region if side == "primary" else site.firm.vaults.replica.region

    class Clients:
        def __call__(self, service: str, region: str) -> Any:
            return (nowhere if region == gone else site.clients)(service, region)

        def credentials(self) -> Any:
            return site.clients.credentials()

    return build_site(site.firm, site.postgres.conninfo, Clients())
