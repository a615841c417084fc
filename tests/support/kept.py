"""What a test leaves when a restored copy differs: both clusters, and the vault that the copy came from."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.site import Site
from tests.fixtures.clusters import ROOT
from tests.golden.make_vault import write_out

KEPT = ROOT / ".muniment" / "kept"


@contextmanager
def kept_where_it_differs(
    site: Site, *clusters: LocalCluster, below: Path = ROOT / ".muniment" / "kept"
) -> Iterator[None]:
    """Each of ``clusters`` is stopped and copied. The reason says where all of it is."""
    try:
        yield
    except AssertionError as difference:
        folder = below / f"{site.firm.id}-{uuid4().hex[:8]}"
        folder.mkdir(parents=True)
        write_out(site, folder / "vault")
        for number, cluster in enumerate(clusters, 1):
            cluster.kill()
            shutil.copytree(cluster.data_dir, folder / f"cluster-{number}", symlinks=True)
        difference.add_note(f"kept: {folder} (key of the vault: tests/golden/vaults.py)")
        raise
