"""One pass over 1,000 firms: answers with the latency of a region, and real listings of the local store for some.

Looks are simulated where a thousand databases and two thousand buckets would be needed; all else is the product: what
is kept, judged, told and rendered, over a real store file. Listings that are real go over HTTP and cost what they cost.
"""

import asyncio
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from muniment.adapters.site.site import Side, Site
from muniment.adapters.watch.store import WatchStore
from muniment.domain.firm.firm import Firm
from muniment.domain.wal.names import Lsn
from muniment.domain.watch.airflow import AirflowSeen
from muniment.domain.watch.assembly import Unanswered
from muniment.domain.watch.evidence import Evidence
from muniment.domain.watch.server import ServerSeen
from muniment.domain.watch.settings import WatchSettings
from muniment.domain.watch.vault import VaultSeen
from muniment.ports import Silent, utc_now
from muniment.runbooks.watch.watch_fleet import Fleet, watch_fleet
from tests.support.firms import paper_firm
from tests.support.fleets import evidence, server_seen, vault_seen

FIRMS = 1_000
BLACK_HOLES = 50
_LATENCY_S = 0.03
"""Of a request within a region; to the other one it is twice as long."""
_SEGMENT = 16 * 2**20


@dataclass(frozen=True, slots=True)
class SimulatedLooks:
    """A busy firm: at each look its log has grown, and both vaults hold all but the segment that is being written."""

    firm: Firm
    real: Callable[[], object] | None = None
    """Called for each look at a vault: a listing over HTTP."""
    is_silent: bool = False
    host: str | None = "10.0.0.7"

    async def server(self) -> ServerSeen | Unanswered:
        await asyncio.sleep(600 if self.is_silent else _LATENCY_S * 3)  # TCP, TLS and the question
        now = utc_now()
        log = Lsn(int(now.timestamp()) % 10**6 * _SEGMENT // 60)
        return server_seen(now).model_copy(update={"flush_lsn": log, "slots": ()})

    def vault(self, side: Side, before: VaultSeen | None, server: ServerSeen | None, *, whole: bool) -> VaultSeen:
        time.sleep(_LATENCY_S * (1 if side == "primary" else 2))
        if self.real is not None:
            self.real()
        number = (server.flush_lsn.offset_bytes // _SEGMENT if server else 0) - 1
        seen = vault_seen(side, utc_now())
        assert seen.held
        held = seen.held.model_copy(update={"number": number, "missing": (), "ahead": (), "first": 0})
        place = self.firm.vaults.primary if side == "primary" else self.firm.vaults.replica
        own = {"bucket": place.bucket, "region": place.region, "key": place.kms_key, "held": held}
        return seen.model_copy(update={**own, "key_fault": None, "setting_faults": {}})

    def evidence(self) -> Evidence | None:
        time.sleep(_LATENCY_S * 20)
        return evidence(utc_now())


def run(console: Console) -> None:
    table = Table(title=f"One pass over {FIRMS:,} firms")
    for column in ("", "seconds", "CPU-s", "all answered", "memory", "scrape", "size"):
        table.add_column(column, justify="left" if not column else "right")
    for name, silent in (("all answer", 0), (f"{BLACK_HOLES} databases say nothing", BLACK_HOLES)):
        measured = _measured(silent)
        for number, one in enumerate(measured["passes"]):
            table.add_row(
                f"{name}, {'first pass' if number == 0 else 'a later one'}",
                f"{one['seconds']:.1f}",
                f"{one['cpu_s']:.1f}",
                f"{one['fresh']:,}",
                f"{measured['memory_mib']:.0f} MiB",
                f"{measured['scrape_s'] * 1000:.0f} ms",
                f"{measured['bytes'] / 1e6:.1f} MB",
            )
    console.print(table)


def _measured(silent: int) -> dict[str, Any]:
    """In a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bench.watch", str(silent)], capture_output=True, text=True, check=True
    )
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def _passes(silent: int) -> dict[str, Any]:
    drawn = random.Random(7)
    firms = {f"firm-{number:04d}": paper_firm(f"firm-{number:04d}") for number in range(FIRMS)}
    quiet = frozenset(drawn.sample(sorted(firms), silent))
    with tempfile.TemporaryDirectory() as folder:
        store = WatchStore.open(str(Path(folder) / "watch.sqlite"))
        fleet = Fleet(
            queue="us-east-1",
            firms=firms,
            broken={},
            looks=lambda firm: SimulatedLooks(firm, is_silent=firm.id in quiet),
            site=_no_site,
        )
        passes = [_one(fleet, store) for _ in range(2)]
        begun = time.perf_counter()
        shown = store.exposition()
        scrape_s = time.perf_counter() - begun
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"passes": passes, "memory_mib": memory, "scrape_s": scrape_s, "bytes": len(shown[0]) if shown else 0}


def _one(fleet: Fleet, store: WatchStore) -> dict[str, float]:
    begun, cpu = time.perf_counter(), time.process_time()
    airflow = AirflowSeen(seen_at=utc_now(), unseen="it is not asked", is_asked=False)
    done = watch_fleet(fleet, store, WatchSettings(), airflow, clock=utc_now, progress=Silent())
    assert done is not None
    spent = {"seconds": time.perf_counter() - begun, "cpu_s": time.process_time() - cpu, "fresh": done.fresh}
    time.sleep(timedelta(seconds=1).total_seconds())
    return spent


def _no_site(firm: Firm) -> Site:
    message = f"{firm.id} has no site: both vaults hold the same"
    raise AssertionError(message)


if __name__ == "__main__":
    print(json.dumps(_passes(int(sys.argv[1]))))
