"""Time and cost of a whole drill of a 1 GB firm, step by step: by Muniment, and by the restore kit alone.

Requests are counted as botocore makes them. The kit is a process of its own, whose requests nobody here sees: its time
alone is told.
"""

import io
import os
import shutil
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import docx
import psycopg
from fpdf import FPDF
from rich.console import Console
from rich.table import Table

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.site import Site
from muniment.domain.drill.evidence import Drill, Means
from muniment.domain.firm.application import ControlTotalsPolicy
from muniment.domain.firm.firm import WalArchive
from muniment.domain.record import new_id
from muniment.domain.units import human_duration, human_size
from muniment.ports import utc_now
from muniment.runbooks.drill.run_drill import run_drill
from muniment.runbooks.nightly.chain import run_chain
from muniment_demo.cloud import Cloud
from tests.bench.dataset import ROOT, bench_cluster
from tests.bench.full_backup import CORES, MAJOR, size_of
from tests.bench.world import bench_cloud, bench_site
from tests.fixtures.sites import make_document_bucket, with_firm
from tests.support.wal import archive_with, muniment_script

DOCUMENTS = 200
# US dollars, us-east-1: https://aws.amazon.com/s3/pricing/ (Standard; requests, and transfer between regions for
# a drill that reads the other region's vault), https://aws.amazon.com/kms/pricing/ (symmetric, and ECC for the
# signature). List prices as known in November 2026; the worker's own hours are not in it.
PRICE_OF = {
    "s3 read": 0.40e-6, "s3 write or list": 5.0e-6, "kms": 3.0e-6, "kms sign": 15.0e-6,
}  # fmt: skip
PRICE_A_GB_BETWEEN_REGIONS = 0.02
_WRITES = {"PutObject", "CopyObject", "ListObjectsV2", "ListObjectVersions"}


@dataclass
class Bill:
    """What one drill asked for."""

    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    read_bytes: int = 0
    written_bytes: int = 0

    def watch(self, service: str, client: Any) -> None:
        client.meta.events.register(f"after-call.{service}", self._after, unique_id="bill")
        client.meta.events.register(f"before-call.{service}", self._before, unique_id="bill before")

    def _before(self, model: Any, params: Any, **_: Any) -> None:
        if model.name == "PutObject":
            body = params.get("body") or b""
            self.written_bytes += len(body) if isinstance(body, bytes | bytearray) else body.getbuffer().nbytes

    def _after(self, http_response: Any, model: Any, **_: Any) -> None:
        self.requests[model.service_model.service_name, model.name] += 1
        if model.name == "GetObject":
            self.read_bytes += int(http_response.headers.get("Content-Length", 0))

    @property
    def dollars(self) -> float:
        return sum(PRICE_OF[_kind(*name)] * count for name, count in self.requests.items())


def _kind(service: str, operation: str) -> str:
    if service == "kms":
        return "kms sign" if operation in ("Sign", "GetPublicKey") else "kms"
    return "s3 write or list" if operation in _WRITES else "s3 read"


def run(console: Console) -> None:
    folder = ROOT / "drill"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with bench_cluster(MAJOR) as cluster, bench_cloud() as cloud:
        site = patient(bench_site(cloud, cluster))
        archive_with(cluster, f"{muniment_script(site, folder, warm=False)} wal push %p")
        fill_documents(cloud, site)
        run_chain(site, point_id=new_id(utc_now()), run="bench", clock=utc_now)
        work(cluster)
        size = size_of(cluster)
        bill = watched(site)
        show(console, drilled(site, folder, "muniment"), size)
        show_bill(console, bill)
        show(console, drilled(site, folder, "restore-kit"), size)
    shutil.rmtree(folder)


def patient(site: Site) -> Site:
    """The tests' policy waits seconds for the archiver, and hears of no row of ours."""
    totals = ControlTotalsPolicy(tables=("public.note",), sums={"authors": "public.note.author"})
    changes = {"wal_archive": WalArchive(wait=timedelta(minutes=10)), "control_totals": totals}
    return with_firm(site, policy=site.policy.model_copy(update=changes))


def fill_documents(cloud: Cloud, site: Site) -> None:
    """Real ones: a drill opens some of them."""
    make_document_bucket(cloud, site.firm.documents[0])
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("helvetica", size=12)
    pdf.multi_cell(0, text="The parties agree. " * 400)
    word = io.BytesIO()
    docx.Document().save(word)
    bodies = {"pdf": bytes(pdf.output()), "docx": word.getvalue()}
    for number in range(DOCUMENTS):
        for ending, body in bodies.items():
            key = f"matters/{number:04d}.{ending}"
            cloud.client("s3").put_object(Bucket=site.firm.documents[0].bucket, Key=key, Body=body)


def work(cluster: LocalCluster) -> None:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("UPDATE note SET author = author + 1 WHERE id % 100 = 0")


def watched(site: Site) -> Bill:
    bill = Bill()
    for vault in site.vaults:
        for service in ("s3", "kms"):
            bill.watch(service, site.clients(service, vault.region))
    return bill


def drilled(site: Site, folder: Any, by: Means) -> Drill:
    return run_drill(
        site, drill_id=new_id(utc_now()), run_dir=folder / "scratch", clock=utc_now, side="primary", by=by, seed=1
    )


def show(console: Console, drill: Drill, size: int) -> None:
    load = f"load {os.getloadavg()[0]:.1f} on {CORES} cores"
    table = Table(title=f"drill of {human_size(size)} by {drill.by}, {drill.target}; {load}")
    table.add_column("step")
    table.add_column("time", justify="right")
    for step in drill.steps:
        table.add_row(step.name, human_duration(step.seconds))
    table.add_section()
    table.add_row("time to recover", human_duration(drill.recover_s or 0))
    table.add_row("whole drill", human_duration(drill.took.total_seconds()))
    console.print(table)


def show_bill(console: Console, bill: Bill) -> None:
    table = Table("request", "count", "dollars", title="what S3 and KMS were asked for by Muniment")
    for (service, name), count in sorted(bill.requests.items()):
        table.add_row(f"{service} {name}", str(count), f"{PRICE_OF[_kind(service, name)] * count:.6f}")
    table.add_section()
    table.add_row("all", str(bill.requests.total()), f"{bill.dollars:.4f}")
    moved = bill.read_bytes / 1e9 * PRICE_A_GB_BETWEEN_REGIONS
    table.add_row(f"{human_size(bill.read_bytes)} read, from the other region", "", f"{moved:.4f}")
    table.add_row(f"{human_size(bill.written_bytes)} written", "", "0")
    console.print(table)
