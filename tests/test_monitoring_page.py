"""docs/monitoring.md is where alerts link to: every cause and every metric is in it, and nothing that is not there."""

import re
from functools import cache

import pytest
import yaml

from muniment.domain.watch.fleet_series import CAUSES
from muniment.domain.watch.metrics import METRICS
from tests.fixtures.clusters import ROOT
from tests.support.commands import leaves

PAGE = (ROOT / "docs" / "monitoring.md").read_text()
RULES = yaml.safe_load((ROOT / "docs" / "prometheus" / "muniment.rules.yml").read_text())
PARTS = ("At stake", "First", "Over")


@cache
def sections() -> dict[str, str]:
    """By the anchor that GitHub and others make of the heading."""
    found = re.split(r"^##+ (.+)$", PAGE, flags=re.MULTILINE)
    return {head.lower().replace(" ", "-"): body for head, body in zip(found[1::2], found[2::2], strict=True)}


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_says_what_is_at_stake_what_to_do_and_how_it_ends(cause: str) -> None:
    body = sections()[cause].strip()
    assert not body.startswith("-")
    assert tuple(re.findall(r"^- \*\*([A-Z][a-z ]+):\*\* \S", body, re.MULTILINE)) == PARTS


def test_every_section_of_that_kind_is_a_cause() -> None:
    assert {anchor for anchor, body in sections().items() if "**At stake:**" in body} == set(CAUSES)


def test_every_link_within_the_page_leads_somewhere() -> None:
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= sections().keys()


def test_every_alert_leads_to_a_section() -> None:
    links = [
        rule["annotations"]["runbook_url"] for group in RULES["groups"] for rule in group["rules"] if "alert" in rule
    ]
    anchors = {link.removeprefix("docs/monitoring.md#") for link in links} - {"{{ $labels.cause }}"}
    assert anchors <= sections().keys()


def test_every_metric_is_in_the_page_as_it_is_shown() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \| ([^|]*) \| [^|]+ \|$", PAGE, re.MULTILINE)
    told = [(name, tuple(re.findall(r"\w+", labels)), meaning, lasts == "yes") for name, labels, meaning, lasts in rows]
    shown = [(m.name, tuple(label for label in m.labels if label != "firm"), m.meaning, m.lasts) for m in METRICS]
    assert [row for row in told if row[0] not in ("state",)] == shown


def test_every_command_of_the_page_is_one() -> None:
    known = {" ".join(words) for words in leaves()}
    named = set(re.findall(r"`muniment ([a-z][a-z -]*?)(?= [A-Z-]|`| …)", PAGE))
    named |= {
        re.split(r" (?=[A-Z-]| )", line)[0] for line in re.findall(r"^muniment ([a-z][^\n]*)", PAGE, re.MULTILINE)
    }
    assert {each.strip() for each in named} <= known
