from dataclasses import replace
from datetime import UTC, datetime

from muniment.domain.fleet.home_line import HomeLine, home_line, unread_line
from muniment.domain.fleet.pictures import FleetSeen
from muniment.domain.fleet.row import OpenIncident
from tests.support.fleets import airflow_seen, ended_pass
from tests.support.recovery_firms import safe
from tests.support.recovery_store import shown_firms

NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)
PAGE = "/airflow/plugin/recovery"
HELD = OpenIncident(id="20261128T080000000Z", cause="point-missing", severity="error", subject="hartwell: no point")
WELL = FleetSeen(
    rows=(safe("hartwell", "Hartwell & Stone", NOW).row,),
    open_incidents={},
    common_incidents=(),
    passes=(ended_pass(NOW),),
    airflow=airflow_seen(NOW),
    read_at=NOW,
)


def test_there_is_none_while_all_is_well() -> None:
    assert home_line(WELL, NOW, PAGE) is None


def test_it_counts_firms_by_what_is_wrong_and_names_none() -> None:
    firms = shown_firms(NOW)
    line = home_line(replace(WELL, rows=tuple(each.row for each in firms)), NOW, PAGE)
    assert line is not None
    assert line.category == "error"
    assert line.text.startswith("Recovery: 1 firm is not recoverable, 2 firms are at risk,")
    assert line.text.endswith("[Recovery page](/airflow/plugin/recovery)")
    assert not any(name in line.text for each in firms for name in (each.row.firm, each.row.name))


def test_an_incident_of_several_firms_is_one() -> None:
    seen = replace(WELL, open_incidents={"hartwell": (HELD,), "gone": (HELD,)})
    assert home_line(seen, NOW, PAGE) == HomeLine(
        "error", "Recovery: 1 firm is at risk, 1 open incident. [Recovery page](/airflow/plugin/recovery)"
    )


def test_an_incident_of_no_firm_is_a_warning() -> None:
    line = home_line(replace(WELL, common_incidents=(HELD,)), NOW, PAGE)
    assert line == HomeLine("warning", "Recovery: 1 open incident. [Recovery page](/airflow/plugin/recovery)")


def test_a_watch_that_never_ran_is_not_all_quiet() -> None:
    line = home_line(replace(WELL, rows=(), passes=()), NOW, PAGE)
    assert line is not None
    assert line.text.startswith("Recovery: no pass of the watch has ended yet.")


def test_a_watch_that_has_stopped_leaves_every_firm_unknown() -> None:
    line = home_line(WELL, NOW.replace(hour=12), PAGE)
    assert line is not None
    assert "1 firm is in a state that nobody knows" in line.text


def test_a_store_that_does_not_answer_is_said() -> None:
    assert unread_line(PAGE) == HomeLine(
        "error",
        "Recovery: the watch's store cannot be read, so how the firms stand is unknown."
        " [Recovery page](/airflow/plugin/recovery)",
    )
