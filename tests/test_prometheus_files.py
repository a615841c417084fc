"""docs/prometheus/: the alert rules and the dashboard, by promtool, and against what the watch really shows."""

import json
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from muniment.domain.watch.fleet_series import CAUSES
from muniment.domain.watch.metrics import METRICS
from tests.fixtures.clusters import ROOT

FOLDER = ROOT / "docs" / "prometheus"
RULES = yaml.safe_load((FOLDER / "muniment.rules.yml").read_text())
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "muniment.dashboard.json").read_text())
NAMES = {metric.full_name for metric in METRICS}
LABELS = {label for metric in METRICS for label in metric.labels}
promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool: Debian's package prometheus")


def checked(*arguments: str | Path) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def alerts() -> list[dict[str, Any]]:
    return [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def queries() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def unknown_in(expression: str) -> set[str]:
    """Metrics and labels that the watch does not show."""
    named = set(re.findall(r"(?<![:\w])muniment_\w+", expression))
    labels = set(re.findall(r"(\w+)(?==~?\"|!~?\")", expression))
    grouped = re.findall(r"\b(?:by|on|unless on)\s*\(([^)]*)\)", expression)
    labels |= {label.strip() for each in grouped for label in each.split(",")}
    return (named - NAMES) | (labels - LABELS)


@promtool
def test_the_rules_are_rules_and_do_what_their_tests_say() -> None:
    """Idle for two days, a blocked archiver, unknown, a dead watch, a lost region, a firm that left, both clock
    changes, a key that will be deleted."""
    checked("check", "rules", FOLDER / "muniment.rules.yml")
    checked("test", "rules", *sorted(FOLDER.glob("*.test.yml")))


def test_every_alert_has_a_severity_words_and_a_page() -> None:
    for rule in alerts():
        assert rule["labels"]["severity"] in {"warning", "error", "critical", "{{ $labels.severity }}"}, rule["alert"]
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}, rule["alert"]


def test_every_alert_is_tried() -> None:
    tried = "".join(file.read_text() for file in FOLDER.glob("*.test.yml"))
    assert {rule["alert"] for rule in alerts()} <= set(re.findall(r"Muniment\w+", tried))


def test_rules_and_dashboard_ask_for_what_is_shown() -> None:
    recorded = {rule["record"] for group in RULES["groups"] for rule in group["rules"] if "record" in rule}
    for group in RULES["groups"]:
        for rule in group["rules"]:
            assert unknown_in(rule["expr"]) == set(), rule
            assert set(re.findall(r"\w+:muniment_\w+:\w+", rule["expr"])) <= recorded
    for expression in queries():
        assert unknown_in(expression.replace("$firm", "x")) == set(), expression


def test_an_incident_is_told_by_one_rule() -> None:
    """By the metric's own, or by the one for all those that have none."""
    general = next(rule for rule in alerts() if rule["alert"] == "MunimentIncident")
    with_their_own = set(re.search(r'cause!~"([^"]+)"', general["expr"])[1].split("|"))  # type: ignore[index]
    assert with_their_own <= set(CAUSES)
    missing = {cause for cause in CAUSES if cause.endswith("-missing") and cause not in ("dag-missing", "pool-missing")}
    told = {rule["annotations"]["runbook_url"].partition("#")[2] for rule in alerts()}
    assert with_their_own == (told & set(CAUSES)) | missing


@promtool
def test_the_dashboard_s_queries_are_promql(tmp_path: Path) -> None:
    rules = [
        {"record": f"query:{number}", "expr": each.replace("$firm", ".*")} for number, each in enumerate(queries())
    ]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    checked("check", "rules", file)


def test_the_dashboard_is_of_the_current_schema() -> None:
    """42, the last one of Grafana's dashboard API v1 (grafana/grafana, DashboardMigrator.ts)."""
    assert DASHBOARD["schemaVersion"] == 42
    identifiers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(identifiers) == len(set(identifiers))
    assert all(panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"} for panel in panels())
    assert all(panel["targets"] and panel["title"] for panel in panels())


def test_no_panel_lies_on_another() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert apart_x or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"], (one, other)
