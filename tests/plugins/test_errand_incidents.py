"""An errand that could not be done is an incident until it is: nobody else judges it, so it would be open for ever."""

from pathlib import Path

from muniment.adapters.watch.store import WatchStore
from muniment.errors import StoreUnavailable
from muniment_airflow import fleet_errands
from muniment_airflow.fleet_errands import record_errands
from tests.support.firms import paper_firm

AWAY = StoreUnavailable(service="S3", operation="ListObjectsV2", place="a bucket", reason="timed out")


def test_it_is_over_with_the_next_errands_of_the_firm(tmp_path: Path) -> None:
    store = WatchStore.open(str(tmp_path / "watch.sqlite"))
    for firm in (paper_firm(), None):
        record_errands(store, [], [fleet_errands._trouble(firm, ValueError("no such notifier"))])
    assert [each.state for each in store.incidents(open_only=True)] == ["open", "open"]
    record_errands(store, ["birch"], [])
    assert [str(each.scope) for each in store.incidents(open_only=True)] == ["firm acme"]
    record_errands(store, ["acme"], [])
    assert store.incidents(open_only=True) == []


def test_a_store_that_was_away_for_a_moment_wakes_nobody(tmp_path: Path) -> None:
    store = WatchStore.open(str(tmp_path / "watch.sqlite"))
    record_errands(store, ["acme"], [fleet_errands._trouble(paper_firm(), AWAY)])
    assert [each.state for each in store.incidents(open_only=True)] == ["observed"]
    record_errands(store, ["acme"], [])
    assert store.incidents(open_only=True) == []
