"""What all firms have in common: incidents, the watch itself, Airflow, channels."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from datetime import datetime, timedelta
from typing import get_args

from muniment.domain.incidents.incident import Delivery, Incident
from muniment.domain.incidents.trouble import Cause, Severity
from muniment.domain.watch.airflow import AirflowSeen
from muniment.domain.watch.freshness import is_fresh
from muniment.domain.watch.metrics import Series
from muniment.domain.watch.passes import Pass

COUNTED = timedelta(hours=24)
"""Deliveries older than this are not counted any more."""

CAUSES: tuple[str, ...] = get_args(Cause.__value__)
SEVERITIES: tuple[str, ...] = get_args(Severity.__value__)


def incident_series(incidents: Iterable[Incident]) -> Iterator[Series]:
    """Every cause, those without an incident too: that there is none is known. What a wider incident holds back is told
    by that one."""
    told = [each for each in incidents if each.state in {"open", "acknowledged"} and each.held_back_by is None]
    number: Counter[tuple[str, str]] = Counter((each.cause, each.severity) for each in told)
    members = {(each.cause, member.firm) for each in told for member in each.members if member.is_troubled}
    firms: Counter[str] = Counter(cause for cause, _ in members)
    for cause in CAUSES:
        for severity in SEVERITIES:
            yield "incident_open", (cause, severity), number[cause, severity]
        yield "incident_members", (cause,), firms[cause]


def watch_series(passes: Iterable[Pass], queues: Set[str], now: datetime) -> Iterator[Series]:
    """``passes``: the last one that ended, of each queue. ``queues``: those that firms are watched by; of another one
    no pass is due any more."""
    yield "watch_rendered_timestamp_seconds", (), now.timestamp()
    for each in passes:
        if each.ended_at is None or (queues and each.queue not in queues):
            continue
        queue = (each.queue,)
        yield "watch_pass_timestamp_seconds", queue, each.ended_at.timestamp()
        if not is_fresh(each.ended_at, now):
            continue
        if each.seconds is not None:
            yield "watch_pass_duration_seconds", queue, each.seconds
        if each.requests is not None:
            yield "watch_pass_requests", queue, each.requests
        yield "watch_firms", (*queue, "fresh"), each.fresh
        yield "watch_firms", (*queue, "unseen"), each.firms - each.fresh


def airflow_series(seen: AirflowSeen | None, now: datetime) -> Iterator[Series]:
    if seen is None or seen.unseen is not None:
        return
    instants = {
        "airflow_observed_timestamp_seconds": seen.seen_at,
        "airflow_scheduler_heartbeat_timestamp_seconds": seen.scheduler_heartbeat_at,
        "airflow_dag_processor_heartbeat_timestamp_seconds": seen.dag_processor_heartbeat_at,
        "airflow_triggerer_heartbeat_timestamp_seconds": seen.triggerer_heartbeat_at,
    }
    for name, at in instants.items():
        if at is not None:
            yield name, (), at.timestamp()
    if is_fresh(seen.seen_at, now):
        yield "airflow_paused_dags", (), len(seen.paused)
        yield "airflow_import_errors", (), len(seen.import_errors)


def channel_series(deliveries: Sequence[Delivery], now: datetime) -> Iterator[Series]:
    lately = [each for each in deliveries if now - each.at <= COUNTED]
    failed = sum(each.failure is not None for each in lately)
    yield "channel_deliveries", ("taken",), len(lately) - failed
    yield "channel_deliveries", ("failed",), failed
