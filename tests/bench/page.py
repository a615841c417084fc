"""The Recovery page over 1,000 firms, a tenth of them in trouble: what a request takes, and what goes over the wire.

The store, the reader, the views, the templates and the application are the product's own; who asks may see every firm.
Each request reads the store anew; rows whose text is as it was are not parsed again, so what the first request behind a
pass takes stands in lines of its own. Compressed as Airflow's API server compresses (``GZipMiddleware``, level 5).
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console
from rich.table import Table
from starlette.middleware.gzip import GZipMiddleware
from starlette.testclient import TestClient

from muniment.adapters.watch.store import WatchStore
from muniment.domain.fleet.row import VaultCell
from muniment.domain.fleet.row_of import duty_cells
from muniment.domain.incidents.incident import Incident
from muniment.domain.watch.passes import PASS_EVERY, Sample
from muniment.ports import utc_now
from muniment.runbooks.fleet.reader import FleetReader
from tests.fixtures.clusters import ROOT
from tests.support.fleets import airflow_seen, ended_pass
from tests.support.recovery_firms import ShownFirm, never_answered, over_the_promise, safe, with_duty, without_points
from tests.support.recovery_incidents import shown_incident

FIRMS, REQUESTS = 1_000, 30
GOAL_S, GOAL_BYTES = 0.3, 300_000
_NAMES = ("Hartwell", "Lane", "Aldgate", "Whitcombe", "Birch", "Okafor", "Nakamura", "Lindqvist", "Marchetti", "Dubois")
_ZONES = ("America/New_York", "America/Chicago", "Europe/London", "Europe/Berlin", "Asia/Dubai")
_MONTH = timedelta(days=30)
_CAUSES = ("wal-at-risk", "point-missing", "server-unseen", "drill-missing")
_PAGES = {
    "fleet": "/",
    "fleet, those at risk": "/?state=risk",
    "promises": "/promises",
    "firm, 90 nights": "/firm/firm-0501",
    "firm in trouble, 90 nights": "/firm/firm-0000",
    "instant": "/firm/firm-0501/at/now",
    "incidents": "/incidents?all=1",
}
_AFTER_PASS = ("fleet", "promises")


def run(console: Console) -> None:
    table = Table(title=f"The Recovery page over {FIRMS:,} firms, {REQUESTS} requests of each page")
    for column in ("", "p50", "p95", "CPU, p95", "HTML", "compressed", f"goal: {GOAL_S * 1000:.0f} ms, 300 kB"):
        table.add_column(column, justify="left" if not column else "right")
    for page, one in _measured().items():
        is_kept = one["p95_s"] < GOAL_S and one["sent"] < GOAL_BYTES
        table.add_row(
            page,
            *(f"{one[name] * 1000:.0f} ms" for name in ("p50_s", "p95_s", "cpu_p95_s")),
            f"{one['html'] / 1000:,.0f} kB",
            f"{one['sent'] / 1000:,.0f} kB",
            "kept" if is_kept else "not kept",
        )
    console.print(table)


def _measured() -> dict[str, dict[str, float]]:
    """In a process of its own, with a home of Airflow that has nothing in it."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.pathsep.join(str(ROOT / part) for part in ("include", "plugins", "."))
        environment = {**os.environ, "AIRFLOW_HOME": folder, "PYTHONPATH": path}
        argv = [sys.executable, "-m", "tests.bench.page", folder]
        ended = subprocess.run(argv, capture_output=True, text=True, check=True, env=environment, cwd=ROOT)
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def _pages(folder: Path) -> dict[str, dict[str, float]]:
    url = str(folder / "watch.sqlite")
    store = WatchStore.open(url)
    _fill(store, datetime.now(UTC))
    client = TestClient(_application(WatchStore.open(url, read_only=True)))
    found = {page: _asked(client, address) for page, address in _PAGES.items()}
    behind = {f"{page}, first after a pass": _asked(client, _PAGES[page], lambda: _pass(store)) for page in _AFTER_PASS}
    return found | behind


def _pass(store: WatchStore) -> None:
    """Of each row another text, and of its day another line."""
    now = utc_now()
    rows = store.fleet_rows()
    store.put_rows(row.model_copy(update={"seen_at": now, "day": row.day[1:] + row.day[:1]}) for row in rows)


def _application(store: WatchStore) -> GZipMiddleware:
    from muniment_airflow.recovery_page.app import recovery_app  # noqa: PLC0415 - in its own process alone
    from muniment_airflow.recovery_page.mount import settle  # noqa: PLC0415
    from muniment_airflow.recovery_page.stored import Stored  # noqa: PLC0415
    from muniment_airflow.recovery_page.visit import Visit  # noqa: PLC0415

    class Trusted(Visit):
        """Airflow is not asked what its user may."""

        _reads_every_dag = True
        _readable = frozenset()

        def require(self, firm: str) -> None: ...

    app = recovery_app(Stored(lambda: FleetReader(store, None, utc_now)))
    app.dependency_overrides[Visit] = Trusted
    settle()
    return GZipMiddleware(app, minimum_size=1024, compresslevel=5)


def _asked(client: TestClient, address: str, before: Callable[[], None] = lambda: None) -> dict[str, float]:
    took, spent, html, sent = [], [], 0, 0
    for number in range(REQUESTS + 1):
        before()
        begun, cpu = time.perf_counter(), time.process_time()
        answer = client.get(address, headers={"Accept-Encoding": "gzip"})
        if number:  # the first one compiles the templates
            took.append(time.perf_counter() - begun)
            spent.append(time.process_time() - cpu)
        assert answer.status_code == 200, (address, answer.status_code, answer.text[-400:])
        html, sent = len(answer.content), int(answer.headers["Content-Length"])
    p95 = {f"{name}_s": statistics.quantiles(each, n=20)[-1] for name, each in (("p95", took), ("cpu_p95", spent))}
    return {"p50_s": statistics.median(took), **p95, "html": html, "sent": sent}


def _fill(store: WatchStore, now: datetime) -> None:
    for begin in range(0, FIRMS, 50):  # all of them take more memory than a page ever does
        firms = [_firm(number, now) for number in range(begin, begin + 50)]
        store.put_firms(each.seen for each in firms)
        store.put_rows(each.row for each in firms)
        store.put_histories(each.history for each in firms if each.history)
        store.add_samples(sample for each in firms for sample in each.samples)
    for firm in ("firm-0000", "firm-0501"):
        store.add_samples(_month_of(firm, now))
    with store.book() as book:
        for incident in _incidents(now):
            book.put(incident)
    store.put_airflow(airflow_seen(now))
    begun = store.begin_pass("us-east-1", now, PASS_EVERY)
    assert begun
    store.end_pass(begun, ended_pass(now))


def _firm(number: int, now: datetime) -> ShownFirm:
    """Its history and samples are those of its kind, its line is its own: lines that are alike are small when they are
    compressed."""
    firm, chance = f"firm-{number:04d}", Random(number)
    like = _kind((number // 10 % 4) if number % 10 == 0 else 4 + number % 3, now)
    name = f"{chance.choice(_NAMES)}, {chance.choice(_NAMES)} & {chance.choice(_NAMES)} LLP"
    own = {"firm": firm, "name": name, "time_zone": chance.choice(_ZONES)}
    rpo_s = chance.uniform(10, 120)
    cells = tuple(
        cell if cell.rpo_s is None or cell.rpo_s > like.row.rpo_promise_s else _cell(cell, rpo_s, now)
        for cell in like.row.vaults
    )
    moved = {
        each: at - timedelta(seconds=chance.randrange(7_000))
        for each in ("last_point_at", "last_copied_at", "last_verified_at", "next_night_at", "window_start_at")
        if (at := getattr(like.row, each)) is not None
    }
    day = tuple(value and value * chance.uniform(0.5, 1.5) for value in like.row.day)
    drill = {"drill_rto_s": chance.uniform(300, 3_000)} if like.row.drill_rto_s else {}
    return ShownFirm(
        like.seen.model_copy(update=own),
        like.row.model_copy(
            update={**own, **moved, **drill, "vaults": cells, "day": day, "duties": duty_cells(like.seen.duties)}
        ),
        like.history.model_copy(update={"firm": firm}) if like.history else None,
        tuple(each.model_copy(update={"firm": firm}) for each in like.samples),
    )


def _cell(cell: VaultCell, rpo_s: float, now: datetime) -> VaultCell:
    return cell.model_copy(update={"rpo_s": rpo_s, "recoverable_to": now - timedelta(seconds=rpo_s)})


@cache
def _kind(kind: int, now: datetime) -> ShownFirm:
    name, firm = "Hartwell & Lane LLP", "firm-0000"
    match kind:
        case 0:
            return over_the_promise(firm, name, now)
        case 1:
            return without_points(firm, name, now, is_new=False)
        case 2:
            return never_answered(firm, name, now)
        case 3:
            return with_duty(safe(firm, name, now), "missing", "drill")
        case _:
            return safe(firm, name, now, tier=("enterprise", "professional", "starter")[kind % 3])


def _incidents(now: datetime) -> list[Incident]:
    """One each of whoever is in trouble, one of all of them, and some of every day of the month before."""
    troubled = [f"firm-{number:04d}" for number in range(0, FIRMS, 10)]
    found: list[Incident] = []
    for number, firm in enumerate(troubled):
        cause: Any = _CAUSES[number % 4]
        own = shown_incident(cause, (firm,), now, ago=timedelta(minutes=number + 10))
        found.append(own)
        for day in range(1, 30, 3):
            past = shown_incident(cause, (firm,), now, ago=timedelta(days=day, minutes=number))
            ended = past.observed_at + timedelta(hours=1)
            found.append(past.model_copy(update={"state": "resolved", "resolved_at": ended, "is_bad": False}))
    return [*found, shown_incident("vault-unseen", tuple(troubled), now, ago=timedelta(minutes=5))]


def _month_of(firm: str, now: datetime) -> list[Sample]:
    facts = {"behind_primary_bytes": 4_096, "behind_replica_bytes": 9_000, "flush_lsn_bytes": 2**40, "ready": 1}
    return [
        Sample.model_validate(
            {
                **facts,
                "firm": firm,
                "at": now - number * PASS_EVERY,
                "rpo_primary_s": 30.0 + number % 60,
                "rpo_replica_s": 60.0 + number % 90,
                "pg_wal_bytes": 2**30,
                "wal_free_bytes": 80 * 2**30,
            }
        )
        for number in range(timedelta(days=1) // PASS_EVERY, _MONTH // PASS_EVERY)
    ]


if __name__ == "__main__":
    print(json.dumps(_pages(Path(sys.argv[1]))))
