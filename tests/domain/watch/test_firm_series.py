"""Unknown is no series: for every metric of a firm, where nothing was seen, and where what was seen is old."""

from datetime import timedelta

import pytest

from muniment.domain.watch.duty import State
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.firm_series import firm_series
from muniment.domain.watch.freshness import ROTATION_STALE_AFTER, STALE_AFTER
from muniment.domain.watch.metrics import FIRM_METRICS, Metric
from tests.support.fleets import NOW, duty_state, seen_nothing, seen_whole, server_seen

type Shown = dict[tuple[str, ...], float]

OF_SOME_FIRMS = {"promise_suspended_until_timestamp_seconds", "firm_left_registry_timestamp_seconds"}
OF_ALL_FIRMS = {"rpo_promise_seconds", "firm_observed_timestamp_seconds"}
BY_ROTATION = {"key_usable", "key_pending_deletion", "vault_setting_ok", "drill_rto_seconds"}
EAST, WEST = ("harbor-lane", "us-east-1"), ("harbor-lane", "us-west-2")


def shown(seen: FirmSeen, later: timedelta = timedelta(0)) -> Shown:
    """By the metric's name and its labels' values; each of them once."""
    found = [((name, *labels), value) for name, labels, value in firm_series(seen, NOW + later)]
    assert len(dict(found)) == len(found)
    return dict(found)


def names(seen: FirmSeen, later: timedelta = timedelta(0)) -> set[str]:
    return {name for name, *_ in shown(seen, later)}


@pytest.mark.parametrize("metric", FIRM_METRICS, ids=lambda metric: metric.name)
def test_what_is_not_known_has_no_series(metric: Metric) -> None:
    assert (metric.name in names(seen_whole())) is (metric.name not in OF_SOME_FIRMS)
    assert (metric.name in names(seen_nothing())) is (metric.name in OF_ALL_FIRMS)


@pytest.mark.parametrize("metric", FIRM_METRICS, ids=lambda metric: metric.name)
def test_what_is_old_has_no_series(metric: Metric) -> None:
    expected = metric.lasts or metric.name in BY_ROTATION
    if metric.name not in OF_SOME_FIRMS:
        assert metric.name in names(seen_whole(), STALE_AFTER)
        assert (metric.name in names(seen_whole(), STALE_AFTER + timedelta(seconds=1))) is expected
        assert (metric.name in names(seen_whole(), ROTATION_STALE_AFTER)) is metric.lasts


def test_every_series_bears_its_metrics_labels() -> None:
    labels = {metric.name: len(metric.labels) for metric in FIRM_METRICS}
    assert {name: len(values) for name, values, _ in firm_series(seen_whole(), NOW)}.items() <= labels.items()


def test_the_age_of_what_was_seen_stays() -> None:
    late = shown(seen_whole(), timedelta(hours=12))
    assert late["rpo_observed_timestamp_seconds", *EAST] == NOW.timestamp()
    assert late["rpo_promise_seconds", "harbor-lane"] == 3600.0


def test_without_the_log_s_end_nobody_knows_what_is_at_risk() -> None:
    before = server_seen(NOW - STALE_AFTER - timedelta(seconds=1))
    found = shown(seen_whole().model_copy(update={"server": before}))
    assert {"rpo_seconds", "vault_held_bytes_behind", "replica_lag_seconds"} & {name for name, *_ in found} == set()
    assert found["rpo_observed_timestamp_seconds", *EAST] == before.seen_at.timestamp()
    assert found["vault_observed_timestamp_seconds", *EAST] == NOW.timestamp()
    assert found["wal_hole_count", *EAST] == 1


def test_a_window_reaches_to_the_first_commit_at_risk() -> None:
    found = shown(seen_whole())
    assert found["recovery_window_end_timestamp_seconds", *EAST] == NOW.timestamp() - 40
    unknown = seen_whole().model_copy(update={"server": None})
    assert shown(unknown)["recovery_window_end_timestamp_seconds", *EAST] == NOW.timestamp() - 6 * 3600


def test_a_window_whose_wal_is_gone_has_no_end_that_is_known() -> None:
    first = seen_whole().vaults[0]
    assert first.held is not None
    lost = first.model_copy(update={"rpo_s": None, "held": first.held.model_copy(update={"number": 3})})
    found = shown(seen_whole().model_copy(update={"vaults": (lost,)}))
    assert ("recovery_window_start_timestamp_seconds", *EAST) in found
    assert ("recovery_window_end_timestamp_seconds", *EAST) not in found


@pytest.mark.parametrize(
    ("held", "count"),
    [
        ({}, 1),
        ({"missing": ("1",), "missing_since": NOW}, 1),
        ({"missing": ("1",), "missing_since": NOW - timedelta(minutes=5)}, 2),
        ({"missing_before": ("0",)}, 2),
    ],
    ids=["of the windows", "on its way", "missing still", "deleted behind us"],
)
def test_holes_are_counted_when_they_are_ones(held: dict[str, object], count: int) -> None:
    first = seen_whole().vaults[0]
    assert first.held is not None
    vault = first.model_copy(update={"held": first.held.model_copy(update=held)})
    found = shown(seen_whole().model_copy(update={"vaults": (vault,)}))
    assert found["wal_hole_count", *EAST] == count


def test_the_replica_lags_by_what_it_lacks_beyond_the_primary() -> None:
    assert shown(seen_whole())["replica_lag_seconds", "harbor-lane"] == 60.0


def test_what_was_seen_by_a_clock_far_ahead_is_not_current() -> None:
    assert "rpo_seconds" not in names(seen_whole(now=NOW + timedelta(days=365)))


def test_holes_of_wal_that_nobody_counted_are_not_none() -> None:
    first = seen_whole().vaults[0].model_copy(update={"held": None})
    assert ("wal_hole_count", *EAST) not in shown(seen_whole().model_copy(update={"vaults": (first,)}))


def test_a_setting_that_is_wrong_is_named() -> None:
    found = shown(seen_whole())
    assert found["vault_setting_ok", *EAST, "all"] == 0
    assert found["vault_setting_ok", *EAST, "versioning"] == 0
    sound = seen_whole().vaults[0].model_copy(update={"setting_faults": {}})
    assert shown(seen_whole().model_copy(update={"vaults": (sound,)}))["vault_setting_ok", *EAST, "all"] == 1


def test_a_key_that_will_be_deleted_is_not_usable() -> None:
    doomed = seen_whole().vaults[0].model_copy(update={"key_pending_deletion": True})
    found = shown(seen_whole().model_copy(update={"vaults": (doomed,)}))
    assert (found["key_usable", *EAST], found["key_pending_deletion", *EAST]) == (0, 1)


def test_a_slots_state_and_none_without_a_slot() -> None:
    found = shown(seen_whole())
    states = {state: found["slot_state", "harbor-lane", state] for state in ("reserved", "extended", "lost")}
    assert states == {"reserved": 1, "extended": 0, "lost": 0}
    assert "slot_state" not in names(seen_whole(slots=0))


def test_an_archiver_that_failed_and_has_not_succeeded_since() -> None:
    assert shown(seen_whole())["archiver_failing", "harbor-lane"] == 0
    failing = server_seen().model_copy(update={"last_failed_at": NOW})
    assert shown(seen_whole().model_copy(update={"server": failing}))["archiver_failing", "harbor-lane"] == 1


@pytest.mark.parametrize(
    ("state", "expected", "value"),
    [
        ("new", None, None),
        ("kept", 1, 2),
        ("late", 1, 1),
        ("missing", 1, 0),
        ("unknown", 1, None),
        ("suspended", None, None),
        ("leaving", None, None),
    ],
)
def test_what_is_owed_is_expected_and_what_is_known_of_it_is_shown(
    state: State, expected: int | None, value: int | None
) -> None:
    seen = seen_whole().model_copy(update={"duties": (duty_state("drill", state),)})
    found = shown(seen)
    assert found.get(("promise_expected", "harbor-lane", "drill")) == expected
    assert found.get(("promise_state", "harbor-lane", "drill")) == value


def test_two_vaults_in_one_region_are_two() -> None:
    near = tuple(each.model_copy(update={"region": "us-east-1"}) for each in seen_whole().vaults)
    found = shown(seen_whole().model_copy(update={"vaults": near}))
    assert found["wal_hole_count", *EAST] == found["wal_hole_count", "harbor-lane", "us-east-1 (replica)"] == 1


def test_a_firm_that_left_the_registry_is_watched_on() -> None:
    found = shown(seen_whole().model_copy(update={"left_registry_at": NOW}))
    assert found["firm_left_registry_timestamp_seconds", "harbor-lane"] == NOW.timestamp()
    assert ("rpo_seconds", "harbor-lane", "professional", "us-west-2") in found
