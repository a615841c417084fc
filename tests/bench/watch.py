"""One pass over 1,000 firms: answers with the latency of a region, and real listings of the local store for some.

Looks are simulated where a thousand databases and two thousand buckets would be needed; all else is the product: what
is kept, judged, told and rendered, over a real store file. Listings that are real go over HTTP and cost what they cost.
"""

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from shutil import rmtree
from typing import Any

from rich.console import Console
from rich.table import Table

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.site import Site
from muniment.adapters.watch.store import WatchStore
from muniment.domain.firm.firm import Firm
from muniment.domain.watch.airflow import AirflowSeen
from muniment.domain.watch.settings import WatchSettings
from muniment.ports import Silent, utc_now
from muniment.runbooks.watch.look_at_vault import look_at_vault
from muniment.runbooks.watch.watch_fleet import Fleet, watch_fleet
from muniment_demo.world import demo_programs
from tests.bench.dataset import ROOT
from tests.bench.world import bench_cloud, bench_site
from tests.support.firms import paper_firm
from tests.support.simulated_looks import SimulatedFirm, SimulatedLooks
from tests.support.vault_looks import make_server, push_names, requests_of
from tests.support.vault_looks import run as run_of

FIRMS = 1_000
BLACK_HOLES = 50
OBJECTS = (1_000, 20_000)
"""A firm may have 200,000. What is asked for does not grow with them, and the local store is slow to fill."""
LOOKS = 50
_LATENCY_S = 0.03
"""Of a request within a region; to the other one it is twice as long."""


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
    _of_vaults(console)


def _of_vaults(console: Console) -> None:
    """Looks at one real vault over HTTP, with few old WAL objects and with many: nobody lists what was seen before."""
    table = Table(title="One look at a real vault, nothing new in it")
    for column in ("WAL objects", "requests", "milliseconds", "CPU-ms"):
        table.add_column(column, justify="right")
    cluster = LocalCluster(ROOT / "watched", demo_programs())
    cluster.create(sync=False)
    cluster.start()
    try:
        with bench_cloud() as cloud:
            site = bench_site(cloud, cluster)
            system, there = site.postgres.system_identifier(), 1
            for objects in OBJECTS:
                push_names(site.primary, system, run_of(there, objects))
                there = objects + 1
                table.add_row(f"{objects:,}", *_looked(site, objects))
    finally:
        cluster.stop()
        rmtree(ROOT / "watched")
    console.print(table)


def _looked(site: Site, objects: int) -> tuple[str, ...]:
    server = make_server(site, objects + 1)
    before = look_at_vault(site, "primary", None, server, whole=True, clock=utc_now)
    while before.held and before.held.more:
        before = look_at_vault(site, "primary", before, server, whole=False, clock=utc_now)
    begun, cpu = time.perf_counter(), time.process_time()
    with requests_of(site) as sent:
        for _ in range(LOOKS):
            before = look_at_vault(site, "primary", before, server, whole=False, clock=utc_now)
    assert before.held and before.held.number == objects
    spent = (time.perf_counter() - begun, time.process_time() - cpu)
    return f"{len(sent) / LOOKS:.1f}", *(f"{each / LOOKS * 1000:.1f}" for each in spent)


def _measured(silent: int) -> dict[str, Any]:
    """In a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bench.watch", str(silent)], capture_output=True, text=True, check=True
    )
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def _passes(silent: int) -> dict[str, Any]:
    drawn = random.Random(7)
    firms = {f"firm-{number:04d}": paper_firm(f"firm-{number:04d}") for number in range(FIRMS)}
    says = {firm_id: SimulatedFirm(latency_s=_LATENCY_S) for firm_id in firms}
    for firm_id in drawn.sample(sorted(firms), silent):
        says[firm_id].hangs = True
    with tempfile.TemporaryDirectory() as folder:
        store = WatchStore.open(str(Path(folder) / "watch.sqlite"))
        fleet = Fleet(
            queue="us-east-1",
            firms=firms,
            broken={},
            looks=lambda firm: SimulatedLooks(firm, says[firm.id], utc_now),
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
    return {"seconds": time.perf_counter() - begun, "cpu_s": time.process_time() - cpu, "fresh": done.fresh}


def _no_site(firm: Firm) -> Site:
    message = f"{firm.id} has no site: both vaults hold the same"
    raise AssertionError(message)


if __name__ == "__main__":
    print(json.dumps(_passes(int(sys.argv[1]))))
