from datetime import timedelta

from muniment.domain.watch.fleet_series import airflow_series, channel_series, incident_series, watch_series
from muniment.domain.watch.freshness import STALE_AFTER
from tests.support.fleets import NOW, airflow_seen, delivery, ended_pass, incident

QUEUES = {"us-east-1"}
LATER = NOW + STALE_AFTER + timedelta(seconds=1)


def test_incidents_are_counted_by_cause_and_their_firms_once() -> None:
    two = [incident(firms=("a-b", "c-d")), incident(severity="critical", firms=("a-b",))]
    over = incident("wal-hole").model_copy(update={"state": "resolved"})
    held_back = incident("vault-unseen").model_copy(update={"held_back_by": "the region's"})
    found = {(name, *labels): value for name, labels, value in incident_series([*two, over, held_back])}
    assert found["incident_open", "wal-at-risk", "error"] == found["incident_open", "wal-at-risk", "critical"] == 1
    assert found["incident_members", "wal-at-risk"] == 2
    assert found["incident_open", "wal-hole", "error"] == found["incident_open", "vault-unseen", "error"] == 0


def test_a_pass_shows_its_end_however_old_and_its_numbers_while_they_are_current() -> None:
    found = {(name, *labels): value for name, labels, value in watch_series([ended_pass()], QUEUES, NOW)}
    assert found["watch_firms", "us-east-1", "fresh"] == 950
    assert found["watch_firms", "us-east-1", "unseen"] == 50
    late = {name for name, _, _ in watch_series([ended_pass()], QUEUES, LATER)}
    assert late == {"watch_rendered_timestamp_seconds", "watch_pass_timestamp_seconds"}


def test_a_pass_under_way_is_none() -> None:
    begun = ended_pass().model_copy(update={"ended_at": None})
    assert [name for name, _, _ in watch_series([begun], QUEUES, NOW)] == ["watch_rendered_timestamp_seconds"]


def test_a_queue_that_no_firm_has_any_more_is_not_late() -> None:
    shown = watch_series([ended_pass(), ended_pass(queue="eu-west-1")], QUEUES, NOW)
    assert {labels[0] for _, labels, _ in shown if labels} == QUEUES
    assert [labels for _, labels, _ in watch_series([ended_pass()], set(), NOW)][1] == ("us-east-1",)


def test_an_airflow_that_was_not_seen_says_nothing() -> None:
    assert {name: value for name, _, value in airflow_series(airflow_seen(), NOW)}["airflow_paused_dags"] == 1
    assert {name for name, _, _ in airflow_series(airflow_seen(), LATER)} == {
        "airflow_observed_timestamp_seconds",
        "airflow_scheduler_heartbeat_timestamp_seconds",
        "airflow_dag_processor_heartbeat_timestamp_seconds",
        "airflow_triggerer_heartbeat_timestamp_seconds",
    }
    unseen = airflow_seen().model_copy(update={"unseen": "connection refused"})
    assert [*airflow_series(unseen, NOW), *airflow_series(None, NOW)] == []


def test_deliveries_of_the_last_day_are_counted_by_how_they_ended() -> None:
    told = [delivery(), delivery(failure="500"), delivery(NOW - timedelta(days=2), failure="hangs")]
    found = {(name, *labels): value for name, labels, value in channel_series(told, NOW)}
    assert found == {
        ("channel_deliveries", "taken"): 1,
        ("channel_deliveries", "failed"): 1,
    }
