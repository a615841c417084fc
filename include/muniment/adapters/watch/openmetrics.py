"""What the watch shows to Prometheus, as bytes: rendered once a pass, served as they are.

The same bytes are OpenMetrics 1.0 and Prometheus' text format 0.0.4: there are gauges only, whose lines are alike in
both, and to the older format UNIT and EOF are comments. So a scraper gets the one that it asks for, and promtool and
node_exporter's textfile collector, which read the older one alone, read it too (ADR 42).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain

from prometheus_client.core import GaugeMetricFamily, UntypedMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.openmetrics.exposition import ALLOWUTF8, CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from muniment.adapters.watch.store import WatchStore
from muniment.domain.incidents.incident import Delivery, Incident
from muniment.domain.watch.airflow import AirflowSeen
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.firm_series import firm_series
from muniment.domain.watch.fleet_series import airflow_series, channel_series, incident_series, watch_series
from muniment.domain.watch.freshness import is_fresh
from muniment.domain.watch.metrics import METRICS, Metric, Series
from muniment.domain.watch.passes import Pass

OPENMETRICS = CONTENT_TYPE_LATEST
PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"
EMPTY = b"# EOF\n"
_LASTING = frozenset(metric.full_name.encode() for metric in METRICS if metric.lasts)


def exposition(
    firms: Collection[FirmSeen],
    passes: Iterable[Pass],
    incidents: Iterable[Incident],
    airflow: AirflowSeen | None,
    deliveries: Sequence[Delivery],
    now: datetime,
) -> bytes:
    """``passes``: the last one that ended, of each queue. ``incidents``: those that are not resolved. ``deliveries``:
    those of the last 24 hours, and older ones do no harm."""
    found = chain(
        *(firm_series(seen, now) for seen in firms),
        incident_series(incidents),
        watch_series(passes, {seen.queue for seen in firms}, now),
        airflow_series(airflow, now),
        channel_series(deliveries, now),
    )
    registry = CollectorRegistry()
    registry.register(_Families(found))
    return _typed(generate_latest(registry, ALLOWUTF8))  # type: ignore[no-untyped-call]


class _Families(Collector):
    """Every metric, those without a series too: whoever reads it learns what there is."""

    def __init__(self, found: Iterable[Series]) -> None:
        self._by_name: defaultdict[str, list[tuple[tuple[str, ...], float]]] = defaultdict(list)
        for name, labels, value in found:
            self._by_name[name].append((labels, value))

    def collect(self) -> Iterator[Family]:
        for metric in METRICS:
            family = _family(metric)
            for labels, value in self._by_name[metric.name]:
                family.add_metric(labels, value)
            yield family


def _family(metric: Metric) -> GaugeMetricFamily | UntypedMetricFamily:
    """promtool takes a gauge that is called ``…_count`` for half of a histogram: such a one has no type."""
    if metric.name.endswith("_count"):
        return UntypedMetricFamily(metric.full_name, metric.meaning, labels=metric.labels)
    return GaugeMetricFamily(metric.full_name, metric.meaning, labels=metric.labels, unit=metric.unit)


def _typed(text: bytes) -> bytes:
    """Without a TYPE line a metric is *unknown* to OpenMetrics and *untyped* to the older format, which knows no
    ``unknown``."""
    return b"".join(line for line in text.splitlines(keepends=True) if not _is_unknown(line))


def _is_unknown(line: bytes) -> bool:
    return line.startswith(b"# TYPE ") and line.endswith(b" unknown\n")


def as_shown(text: bytes, rendered_at: datetime, now: datetime) -> bytes:
    """What of an exposition may be shown now: all of it; or only what lasts, where the watch stands still."""
    return text if is_fresh(rendered_at, now) else what_lasts(text)


def what_lasts(text: bytes) -> bytes:
    """Of an exposition: instants and what is expected, no value."""
    return b"".join(line for line in text.splitlines(keepends=True) if _name(line) in _LASTING) + EMPTY


def last_shown(store: WatchStore, now: datetime) -> bytes:
    """Of the last exposition that a pass has left there. Raises ``WatchStoreUnavailable``."""
    kept = store.exposition()
    return EMPTY if kept is None else as_shown(*kept, now)


def _name(line: bytes) -> bytes:
    """``# HELP name …``, ``name{…} 1.0``, ``name 1.0``."""
    if line.startswith(b"# "):
        return line.split(b" ", 3)[2] if line.count(b" ") > 1 else b""
    return line.partition(b" ")[0].partition(b"{")[0]
