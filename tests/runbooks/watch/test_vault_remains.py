"""A firm that left the registry is watched for as long as a vault of it is there."""

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.logins import Login
from muniment.adapters.site.site import Side, build_site
from muniment.runbooks.watch.vault_remains import vault_remains
from muniment_demo.cloud import Cloud
from tests.fixtures.sites import SiteFactory, as_root
from tests.support.watch_rights import watching


@pytest.mark.parametrize("side", ["primary", "replica"])
def test_a_vault_remains_until_its_bucket_is_gone(
    site_factory: SiteFactory, cluster: LocalCluster, cloud: Cloud, side: Side
) -> None:
    unmade = site_factory(cluster, vaults=False)
    assert vault_remains(as_root(cloud, unmade), side) is False
    made = site_factory(cluster)
    assert vault_remains(watching(cloud, made), side) is True
    nowhere = Login(
        id="away",
        user="a",
        extra={"endpoint_url": "http://127.0.0.1:9", "config_kwargs": {"retries": {"total_max_attempts": 1}}},
    )
    assert vault_remains(build_site(made.firm, made.postgres.conninfo, nowhere.clients()), side) is None
