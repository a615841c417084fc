"""A firm's cells say what is known, and of what is not that it is not."""

from datetime import timedelta
from typing import Any

import pytest

from muniment.domain.fleet.fleet_line import FleetLine, Said, fleet_line
from muniment.domain.fleet.row import FirmRow, OpenIncident
from muniment.domain.fleet.standing import standing_of
from tests.support.fleet_rows import LOOKED, NOW, firm_row, open_incident, vault_cell

RECOVER, RPO, POINT, DRILL, WINDOW, INCIDENTS, NIGHT = range(7)
LONG_AGO = NOW - timedelta(hours=3)


def _line(row: FirmRow, *incidents: OpenIncident) -> FleetLine:
    return fleet_line(row, standing_of(row, incidents, NOW), incidents, NOW)


def _cell(number: int, *incidents: OpenIncident, **changed: Any) -> Said:
    return _line(firm_row(**changed), *incidents).cells[number]


def _words(said: Said) -> list[str]:
    return [each for each in (said.text, said.at.local if said.at else "", said.beside, said.look) if each]


def _vaults(primary: dict[str, Any], replica: dict[str, Any]) -> tuple[Any, ...]:
    return vault_cell("primary", **primary), vault_cell("replica", **replica)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ["now − 2 min", "10:00 CET", "seen 2 min ago"]),
        (
            {"vaults": _vaults({"recoverable_to": NOW - timedelta(hours=1)}, {"recoverable_to": LOOKED})},
            ["now − 2 min", "10:00 CET", "seen 2 min ago"],
        ),
        # The one that reaches further was not seen lately: what the other one has is what is known.
        (
            {
                "vaults": _vaults(
                    {"recoverable_to": LONG_AGO, "seen_at": LONG_AGO},
                    {"recoverable_to": NOW - timedelta(hours=4)},
                )
            },
            ["now − 4 h", "06:02 CET", "seen 2 min ago"],
        ),
        (
            {"seen_at": LONG_AGO, "vaults": _vaults({"seen_at": LONG_AGO}, {"seen_at": LONG_AGO})},
            ["unknown", "10:00 CET", "when last seen, 3 h ago", "grey"],
        ),
        ({"vaults": _vaults({"recoverable_to": None}, {"recoverable_to": None})}, ["unknown", "grey"]),
        ({"points": 0, "vaults": _vaults({"recoverable_to": None}, {"recoverable_to": None})}, ["nothing yet", "grey"]),
        ({"vaults": ()}, ["unknown", "grey"]),
    ],
)
def test_can_be_recovered_to(changed: dict[str, Any], words: list[str]) -> None:
    assert _words(_cell(RECOVER, **changed)) == words


@pytest.mark.parametrize(
    ("vaults", "words"),
    [
        (_vaults({"rpo_s": 0.0}, {"rpo_s": 40.0}), ["40 s", "of 15 min"]),
        (
            _vaults({"rpo_s": 0.0}, {"rpo_s": 900.4}),
            ["15 min 01 s", "of 15 min; primary 0 s, replica 15 min 01 s", "bad"],
        ),
        (_vaults({"rpo_s": 60.0}, {"rpo_s": None}), ["unknown", "of 15 min; primary 1 min, replica unknown", "grey"]),
        (
            _vaults({"rpo_s": 6000.0}, {"rpo_s": None}),
            ["unknown", "of 15 min; primary 1 h 40 min, replica unknown", "bad"],
        ),
        # WAL flows into it, and nothing is there that it could be played onto.
        (_vaults({}, {"recoverable_to": None}), ["unknown", "of 15 min; primary 0 s, replica unknown", "grey"]),
        (_vaults({"rpo_known_at": LONG_AGO}, {"seen_at": LONG_AGO}), ["unknown", "of 15 min", "grey"]),
    ],
)
def test_rpo_against_promised(vaults: tuple[Any, ...], words: list[str]) -> None:
    assert _words(_cell(RPO, vaults=vaults)) == words


def test_without_a_point_there_is_no_rpo() -> None:
    assert _words(_cell(RPO, points=0)) == ["no point yet", "of 15 min", "bad"]
    assert _words(_cell(RPO, points=0, is_new=True)) == ["no point yet", "of 15 min", "grey"]


def test_rpo_has_its_day() -> None:
    spark = _cell(RPO).spark
    assert spark is not None
    assert spark.text == "RPO over the last day: at most 1 min of promised 15 min"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ["02:05 CET", "in both vaults, verified"]),
        ({"last_copied_at": NOW - timedelta(days=1)}, ["02:05 CET", "not in the replica, verified", "bad"]),
        ({"last_copied_at": None, "last_verified_at": None}, ["02:05 CET", "not in the replica, not verified", "bad"]),
        ({"evidence_at": LONG_AGO}, ["02:05 CET", "in both vaults, verified, as read 3 h ago", "grey"]),
        ({"evidence_at": None}, ["unknown", "grey"]),
        ({"last_point_at": None}, ["none", "bad"]),
        ({"last_point_at": None, "is_new": True}, ["none"]),
    ],
)
def test_last_point_and_both_copies(changed: dict[str, Any], words: list[str]) -> None:
    assert _words(_cell(POINT, **changed)) == words


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ["8 d ago", "20 Nov 10:02 CET", "RTO 21 min of 1 h"]),
        ({"last_drill_failed": True}, ["8 d ago", "20 Nov 10:02 CET", "the newest failed; RTO 21 min of 1 h", "bad"]),
        ({"drill_rto_s": 3601.0}, ["8 d ago", "20 Nov 10:02 CET", "RTO 1 h 01 min of 1 h", "bad"]),
        ({"drill_rto_s": None}, ["8 d ago", "20 Nov 10:02 CET", "RTO unknown"]),
        ({"last_drill_at": None, "last_drill": None}, ["none has passed"]),
        (
            {"last_drill_at": None, "last_drill": None, "last_drill_failed": True},
            ["none has passed", "the newest failed", "bad"],
        ),
        ({"last_drill_at": None, "last_drill": None, "evidence_at": None}, ["unknown", "grey"]),
    ],
)
def test_last_drill(changed: dict[str, Any], words: list[str]) -> None:
    assert _words(_cell(DRILL, **changed)) == words


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ["since", "24 Oct 11:02 CEST", "no holes"]),
        ({"holes": 1}, ["since", "24 Oct 11:02 CEST", "1 hole"]),
        ({"holes": 2, "hole_now": True}, ["since", "24 Oct 11:02 CEST", "a hole now, 2 holes", "bad"]),
        ({"window_start_at": None}, ["unknown", "grey"]),
        ({"window_start_at": None, "points": 0}, ["none", "grey"]),
    ],
)
def test_window(changed: dict[str, Any], words: list[str]) -> None:
    assert _words(_cell(WINDOW, **changed)) == words


def test_incidents_lead_to_the_only_one_or_to_the_firms_own() -> None:
    warning = open_incident(id="2", severity="warning")
    assert _words(_cell(INCIDENTS)) == ["none"]
    assert _cell(INCIDENTS, open_incident()) == Said(
        "1 open", beside="error", is_bad=True, path="incident/20261128T084500000Z"
    )
    assert _cell(INCIDENTS, warning, open_incident()) == Said(
        "2 open", beside="error", is_bad=True, path="firm/acme#incidents"
    )
    assert _words(_cell(INCIDENTS, warning)) == ["1 open", "warning"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ["in 16 h", "29 Nov 02:00 CET"]),
        ({"next_night_at": NOW - timedelta(hours=2)}, ["was due 2 h ago", "08:02 CET", "grey"]),
        ({"next_night_at": None}, ["unknown", "grey"]),
        ({"left_registry_at": LONG_AGO}, ["none", "grey"]),
    ],
)
def test_next_run(changed: dict[str, Any], words: list[str]) -> None:
    assert _words(_cell(NIGHT, **changed)) == words


def test_a_firm_that_left_is_shown_as_such() -> None:
    assert _line(firm_row(left_registry_at=LONG_AGO)).left == "left the registry on 2026-11-28"


def test_the_first_reason_stands_for_all() -> None:
    assert _line(firm_row()).why == ""
    assert _line(firm_row(missing=("drill",))).why == "missing: drill"
    assert _line(firm_row(missing=("drill",), unknown=("documents",)), open_incident()).why == (
        "incident: its archiver fails; and 2 more"
    )


def test_a_firm_that_is_well_says_what_may_change_that() -> None:
    line = _line(firm_row(), open_incident(severity="warning", subject="the archiver fails"))
    assert (line.standing.state, line.why) == ("safe", "warning: the archiver fails")


def test_a_name_that_turns_the_reading_direction_is_shown_by_its_code_point() -> None:
    assert _line(firm_row(name="Law\N{RIGHT-TO-LEFT OVERRIDE}efas")).name == "Law[U+202E]efas"
    assert _line(firm_row(name="<script>alert(1)</script>")).name == "<script>alert(1)</script>"
