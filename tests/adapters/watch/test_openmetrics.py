"""What Prometheus reads: clean by promtool, strict OpenMetrics, and nothing in a label that is no name."""

import re
import shutil
import subprocess
from datetime import datetime, timedelta

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.utils import floatToGoString

from muniment.adapters.watch.openmetrics import as_shown, exposition
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.freshness import STALE_AFTER
from muniment.domain.watch.metrics import METRICS
from tests.support.fleets import NEEDLE, NOW, airflow_seen, delivery, ended_pass, incident, seen_nothing, seen_whole

LABELS = {"firm", "tier", "region", "duty", "state", "setting", "cause", "severity", "queue", "result"}
LATER = NOW + STALE_AFTER + timedelta(seconds=1)
promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool: Debian's package prometheus")


def rendered(*firms: FirmSeen, now: datetime = NOW) -> bytes:
    told = [delivery(), delivery(failure=NEEDLE)]
    return exposition(firms, [ended_pass()], [incident()], airflow_seen(), told, now)


def samples(text: bytes) -> list[str]:
    return [line for line in text.decode().splitlines() if not line.startswith("#")]


@promtool
@pytest.mark.parametrize("firm", [seen_whole(), seen_nothing()], ids=["whole", "nothing"])
def test_promtool_finds_nothing_to_say(firm: FirmSeen) -> None:
    for text in (rendered(firm), as_shown(rendered(firm), NOW, LATER), rendered()):
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_it_is_open_metrics_with_every_metric() -> None:
    families = list(text_string_to_metric_families(rendered(seen_whole()).decode()))
    assert [(f.name, f.unit, f.documentation) for f in families] == [
        (metric.full_name, metric.unit, metric.meaning) for metric in METRICS
    ]
    assert {f.type for f in families} == {"gauge", "unknown"}
    assert [f.name for f in families if f.type == "unknown"] == ["muniment_wal_hole_count"]


def test_labels_are_the_few_that_are_agreed_on() -> None:
    used = {label for metric in METRICS for label in metric.labels}
    assert used == LABELS
    for family in text_string_to_metric_families(rendered(seen_whole()).decode()):
        labels = next(metric.labels for metric in METRICS if metric.full_name == family.name)
        assert all(set(sample.labels) == set(labels) for sample in family.samples)


def test_no_free_text_reaches_it() -> None:
    """Segments, keys, buckets, errors' words and the firm's own file: each has the needle."""
    assert seen_whole().to_json().count(NEEDLE.encode()) > 15
    text = rendered(seen_whole(), seen_nothing("quill-brandt"))
    assert NEEDLE.encode() not in text
    assert b"password" not in text


def test_a_name_with_a_quote_or_a_line_s_end_stays_in_its_label() -> None:
    odd = seen_nothing().model_copy(update={"tier": 'a"b\\c\nd', "firm": "x"})
    whole = seen_whole().model_copy(update={"tier": odd.tier})
    families = text_string_to_metric_families(rendered(odd, whole).decode())
    rpo = next(family for family in families if family.name == "muniment_rpo_seconds")
    assert {sample.labels["tier"] for sample in rpo.samples} == {odd.tier}


def test_a_watch_that_stands_still_shows_nothing_as_current() -> None:
    text = rendered(seen_whole())
    assert as_shown(text, NOW, NOW + STALE_AFTER) == text
    late = as_shown(text, NOW, LATER)
    lasting = {metric.full_name for metric in METRICS if metric.lasts}
    assert {re.split(r"[ {]", line)[0] for line in samples(late)} <= lasting
    seen_at = f'{{firm="harbor-lane",region="us-east-1"}} {floatToGoString(NOW.timestamp())}'
    assert f"muniment_rpo_observed_timestamp_seconds{seen_at}" in samples(late)
    assert [family.name for family in text_string_to_metric_families(late.decode())] == [
        metric.full_name for metric in METRICS if metric.lasts
    ]


def test_a_thousand_firms_fit() -> None:
    """As agreed: fewer than 60,000 series, less than 6 MB; here all that can be known of each is known."""
    text = rendered(*(seen_whole(f"harbor-lane-{number:04}") for number in range(1_000)))
    assert len(samples(text)) < 60_000
    assert len(text) < 6_000_000
