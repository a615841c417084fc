"""One document of 100,000, and a matter's: found in the snapshots, planned, and put back.

The two snapshots name all of them, as the chain writes it. Only one matter's documents are really there, in the bucket
and in the vault: no step looks at another's.
"""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from muniment.adapters.documents.source_bucket import source_buckets
from muniment.adapters.site.site import Site
from muniment.domain.documents.selection import Selection
from muniment.domain.record import new_id
from muniment.domain.vault import keys
from muniment.domain.vault.registers import DocumentSnapshot
from muniment.ports import utc_now
from muniment.runbooks.documents.restore_documents import plan_document_restore, restore_in_place
from muniment.runbooks.documents.sync_documents import sync_documents
from muniment_demo.cloud import Cloud
from tests.bench.dataset import bench_cluster
from tests.bench.world import bench_cloud, bench_site
from tests.fixtures.sites import make_document_bucket

DOCUMENTS = int(os.environ.get("MUNIMENT_BENCH_DOCUMENTS", "100000"))
OF_THE_MATTER = 40


def run(console: Console) -> None:
    with bench_cluster(17, rows=1000) as cluster, bench_cloud() as cloud:
        site = bench_site(cloud, cluster)
        base = _fill(cloud, site)
        between = base.taken_at + timedelta(hours=1)
        live = source_buckets(site.firm, site.clients)
        table = Table("", "at a night", "between two", title=f"{DOCUMENTS:,} documents")
        for name, selection in (
            ("one document, plan", Selection(key="matters/000000/000.pdf")),
            (f"a matter's {OF_THE_MATTER}, plan", Selection(prefix="matters/000000/")),
            ("all, plan without the live bucket", Selection()),
        ):
            sources = live if selection != Selection() else None
            plan = partial(plan_document_restore, site.primary, selection=selection, live=sources)
            cells = [_timed(partial(plan, at=at)) for at in (base.taken_at, between)]
            table.add_row(name, *(f"{seconds:.2f} s" for seconds in cells))
        matter = plan_document_restore(
            site.primary, selection=Selection(prefix="matters/000000/"), at=base.taken_at, live=live
        )
        seconds = _timed(partial(restore_in_place, site.primary, matter, live=live))
        table.add_row(f"a matter's {OF_THE_MATTER}, put back", f"{seconds:.2f} s", "")
        console.print(table)


def _timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _fill(cloud: Cloud, site: Site) -> DocumentSnapshot:
    """One matter through sync_documents itself, then deleted; the others are names beside it."""
    (place,) = site.firm.documents
    make_document_bucket(cloud, place)
    s3 = cloud.client("s3", place.region)
    for number in range(OF_THE_MATTER):
        s3.put_object(Bucket=place.bucket, Key=f"matters/000000/{number:03d}.pdf", Body=os.urandom(4096))
    real = sync_documents(site, snapshot_id=new_id(utc_now()), clock=utc_now)
    for number in range(OF_THE_MATTER):
        s3.delete_object(Bucket=place.bucket, Key=f"matters/000000/{number:03d}.pdf")
    first = real.documents[0]
    others = tuple(
        replace(first, key=f"matters/{number // 100 + 1:06d}/{number % 100:03d}.pdf", version_id=f"v{number}")
        for number in range(DOCUMENTS - OF_THE_MATTER)
    )
    nights = [real.taken_at - timedelta(days=days) for days in (2, 1)]
    base = real.model_copy(
        update={"id": new_id(nights[0]), "documents": (*real.documents, *others), "taken_at": nights[0]}
    )
    following = base.model_copy(update={"id": new_id(nights[1]), "previous": base.id, "taken_at": nights[1]})
    for snapshot in (base, following):
        content = TypeAdapter(DocumentSnapshot).dump_json(snapshot)
        site.primary.put_sealed(keys.document_snapshot(snapshot.id), content, locked_until=None)
    return base
