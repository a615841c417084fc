"""What every benchmark stands on: one cloud, one firm, and a process of its own for whatever is measured."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from shutil import rmtree
from typing import Any
from uuid import uuid4

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.site import Site, build_site
from muniment.domain.firm.firm import BaseBackups
from muniment.ports import utc_now
from muniment.runbooks.vault.create_vaults import create_vaults
from muniment_demo.cloud import Cloud
from tests.bench.dataset import ROOT
from tests.fixtures.sites import LOGINS, make_firm, make_logins, site_env, with_firm


@contextmanager
def bench_cloud() -> Iterator[Cloud]:
    folder = ROOT / "cloud"
    rmtree(folder, ignore_errors=True)
    cloud = Cloud.start(folder)
    try:
        yield cloud
    finally:
        cloud.stop()
        rmtree(folder)


def bench_site(cloud: Cloud, cluster: LocalCluster, **base_backups: Any) -> Site:
    """A new firm with that cluster; its objects are not locked, so that a benchmark can throw them away."""
    firm = make_firm(
        cloud, f"bench-{uuid4().hex[:8]}", lock="none", base_backups=BaseBackups.model_validate(base_backups)
    )
    logins = make_logins(cloud, firm, cluster)
    LOGINS[firm.id] = logins
    site = build_site(firm, logins["postgres"].conninfo(), logins["aws"].clients())
    create_vaults(site, clock=utc_now)
    return site


def with_base_backups(site: Site, **base_backups: Any) -> Site:
    policy = site.policy.model_copy(update={"base_backups": BaseBackups.model_validate(base_backups)})
    return with_firm(site, policy=policy)


@dataclass(frozen=True, slots=True)
class Measured:
    """One backup in a process of its own; ``start_s`` is Python's start and our imports, ``peak_bytes`` its VmHWM."""

    seconds: float
    start_s: float
    peak_bytes: int
    cpu_s: float
    size_bytes: int
    stored_bytes: int
    chunks: int
    backup_id: str


def measured_backup(site: Site, *, full: bool) -> Measured:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.one_backup", "full" if full else "policy"],
        input=pickle.dumps(site.firm),
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, **site_env(site)},
    )
    return Measured(**json.loads(done.stdout))


def empty_vault(cloud: Cloud, site: Site) -> None:
    """The cloud keeps objects in memory; what one run stored would slow the next one down."""
    s3 = cloud.client("s3", site.primary.region)
    for item in site.primary.list_versions("base/"):
        s3.delete_object(Bucket=site.primary.bucket, Key=item.key, VersionId=item.version_id)
