"""A firm whose vaults a test may spoil."""

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.site import Site
from tests.fixtures.sites import SiteFactory


@pytest.fixture
def site(site_factory: SiteFactory, cluster: LocalCluster) -> Site:
    return site_factory(cluster, lock="none")
