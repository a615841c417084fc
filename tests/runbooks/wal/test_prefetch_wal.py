"""The process that serves a recovery, run here in a thread on a real archive."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.wal.spool import WalSpool
from muniment.domain.wal.names import WalSegment
from muniment.errors import WalSegmentInvalid
from muniment.ports import utc_now
from muniment.runbooks.wal.fetch_wal import WalFetcher, open_fetcher
from muniment.runbooks.wal.prefetch_wal import Prefetcher
from muniment.runbooks.wal.push_wal import open_pusher
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory, make_policy
from tests.support.wal import eventually, sql, switch_wal

MIB = 2**20


@pytest.fixture
def pushed(
    site_factory: SiteFactory, cluster_factory: ClusterFactory, programs17: PostgresPrograms, tmp_path: Path
) -> tuple[WalFetcher, list[str], LocalCluster]:
    cluster = cluster_factory(programs17, archive_command="/bin/false", wal_segment_size_mb=1)
    site = site_factory(cluster)
    names = switch_wal(cluster, 6)
    pusher = open_pusher(site.primary, site.policy, WalSpool(tmp_path / "push", site.firm.id), clock=utc_now)
    for name in names:
        pusher.push(cluster.data_dir / "pg_wal" / name)
    mine = int(cluster.system_identifier())
    return open_fetcher(site.primary, site.replica, data_directory_belongs_to=mine), names, cluster


def test_it_answers_fetches_ahead_and_leaves_nothing(
    pushed: tuple[WalFetcher, list[str], LocalCluster], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetcher, names, cluster = pushed
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    monkeypatch.chdir(data_dir)
    server = data_dir / "postmaster.pid"
    server.write_text(f"{os.getpid()}\n")
    spool = WalSpool(tmp_path / "spool", "firm")
    assert spool.lock() is not None
    with ThreadPoolExecutor(1) as thread:
        token = spool.need("00000002.history")
        done = thread.submit(Prefetcher(fetcher, spool, data_dir).run)
        eventually(lambda: spool.answer("absent", token).exists())
        spool.need(names[0])
        eventually(lambda: all((spool.fetched / name).exists() for name in names))
        assert (spool.fetched / names[3]).read_bytes() == (cluster.data_dir / "pg_wal" / names[3]).read_bytes()
        (spool.fetched / names[2]).rename(data_dir / "RECOVERYXLOG")  # as restore_command does
        eventually(lambda: not (spool.fetched / names[1]).exists())
        assert (spool.fetched / names[3]).exists()
        token = spool.need(WalSegment.parse(names[-1], MIB).next().name)
        eventually(lambda: spool.answer("absent", token).exists())
        server.unlink()
        done.result(timeout=600)
    assert list(spool.fetched.iterdir()) == []


def test_a_partial_segment_is_archived_and_a_swapped_one_is_not(
    pushed: tuple[WalFetcher, list[str], LocalCluster], tmp_path: Path
) -> None:
    fetcher, names, cluster = pushed
    vault = fetcher.archive.preferred.vault
    pusher = open_pusher(vault, make_policy(), WalSpool(tmp_path, "x"), clock=utc_now)
    sql(cluster, "CREATE TABLE unfinished AS SELECT 1 AS entry")
    live = Path(str(sql(cluster, "SELECT pg_walfile_name(pg_current_wal_lsn())")))
    content = (cluster.data_dir / "pg_wal" / live).read_bytes()
    (tmp_path / f"{live}.partial").write_bytes(content)
    pusher.push(tmp_path / f"{live}.partial")
    assert fetcher.read(f"{live}.partial") == content
    swapped = tmp_path / WalSegment.parse(names[-1], MIB).next().next().next().name
    swapped.write_bytes((cluster.data_dir / "pg_wal" / names[0]).read_bytes())
    with pytest.raises(WalSegmentInvalid, match=r"it begins at .*, its name says"):
        pusher.push(swapped)
