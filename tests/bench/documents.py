"""Documents: a first sync and one with nothing new, beside ``aws s3 sync`` from bucket to bucket on the same server."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

from muniment.adapters.site.site import Site
from muniment.domain.record import new_id
from muniment.ports import utc_now
from muniment.runbooks.documents.sync_documents import sync_documents
from muniment_demo.cloud import ROOT as CLOUD_ROOT
from muniment_demo.cloud import Cloud
from tests.bench.dataset import ROOT, bench_cluster
from tests.bench.world import bench_cloud, bench_site
from tests.fixtures.sites import make_document_bucket

OBJECTS = int(os.environ.get("MUNIMENT_BENCH_DOCUMENTS", "20000"))
OBJECT_BYTES = 4096
AWS_CLI = ROOT / "awscli"


def run(console: Console) -> None:
    aws = _aws_cli()
    with bench_cluster(17, rows=1000) as cluster, bench_cloud() as cloud:
        site = bench_site(cloud, cluster)
        _fill(cloud, site)
        table = Table("", "first sync", "objects/s", "nothing new", "objects/s", title=f"{OBJECTS:,} documents")
        table.add_row("muniment sync_documents", *_twice(lambda: _sync(site)))
        table.add_row("aws s3 sync", *_twice(_aws_sync(cloud, aws, site)))
        console.print(table)


def _twice(sync: Callable[[], None]) -> list[str]:
    cells = []
    for _ in range(2):
        began = time.monotonic()
        sync()
        seconds = time.monotonic() - began
        cells += [f"{seconds:.1f} s", f"{OBJECTS / seconds:,.0f}"]
    return cells


def _sync(site: Site) -> None:
    snapshot = sync_documents(site, snapshot_id=new_id(utc_now()), clock=utc_now)
    assert len(snapshot.documents) == OBJECTS


def _fill(cloud: Cloud, site: Site) -> None:
    (place,) = site.firm.documents
    make_document_bucket(cloud, place)
    s3 = cloud.client("s3", place.region)

    def put(number: int) -> None:
        body = os.urandom(OBJECT_BYTES)
        s3.put_object(Bucket=place.bucket, Key=f"matters/{number % 500:03d}/{number:06d}.pdf", Body=body)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(OBJECTS)))


def _aws_sync(cloud: Cloud, aws: Path, site: Site) -> Callable[[], None]:
    """Into a plain bucket: no encryption, no lock, no read back, and at its default of ten requests at once."""
    (place,) = site.firm.documents
    target = f"{site.firm.id}-aws-sync"
    cloud.client("s3").create_bucket(Bucket=target)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(AWS_CLI),
        "AWS_ACCESS_KEY_ID": CLOUD_ROOT.access_key_id,
        "AWS_SECRET_ACCESS_KEY": CLOUD_ROOT.secret_access_key.reveal(),
        "AWS_DEFAULT_REGION": place.region,
        "AWS_ENDPOINT_URL": cloud.endpoint_url,
    }
    command = [aws, "s3", "sync", "--only-show-errors", f"s3://{place.bucket}", f"s3://{target}"]
    return lambda: subprocess.run(command, env=env, check=True) and None


def _aws_cli() -> Path:
    """In an environment of its own: it pins another botocore than ours."""
    found = AWS_CLI / "bin" / "aws"
    if not found.exists():
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, AWS_CLI], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", AWS_CLI / "bin" / "python", "awscli"], check=True)
    return found
