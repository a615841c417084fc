"""Each thing that keeps a night from happening is named, once, and by its name."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from muniment.domain.firm.dag_names import FLEET_WATCH, POOL_NAMES, dag_file, firm_dag_ids
from muniment.domain.incidents.trouble import Cause, Trouble
from muniment.domain.watch.absence import absence_troubles
from muniment.domain.watch.airflow import AirflowSeen, BrokenFile, QueuedTask
from muniment.domain.watch.duty import Duty, DutyState, State, Suspension
from muniment.domain.watch.evidence import Evidence
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.passes import Pass
from tests.support.absences import seen_of, sound_airflow
from tests.support.firms import paper_firm

NOW = datetime(2026, 7, 15, 15, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ACME, BIRCH = paper_firm(), paper_firm("birch")
BACKUP = "acme__backup"


def troubles(airflow: AirflowSeen | None, seen: Sequence[FirmSeen] = (), **others: Any) -> list[Trouble]:
    """acme's and birch's, watched by one queue."""
    firms = seen or (seen_of(ACME, NOW), seen_of(BIRCH, NOW))
    given: dict[str, Any] = {"suspensions": (), "passes": (), "now": NOW, **others}
    registered = given.pop("registered", {"acme": ACME, "birch": BIRCH})
    return list(absence_troubles(firms, registered, given.pop("faults", {}), airflow, **given))


def airflow(**changes: Any) -> AirflowSeen:
    return sound_airflow([ACME, BIRCH], NOW, **changes)


def only(found: list[Trouble]) -> Trouble:
    assert [each.cause for each in found] == [found[0].cause], [each.what for each in found]
    return found[0]


def state(duty: Duty, state: State, came_at: datetime | None = NOW - 2 * DAY) -> DutyState:
    return DutyState(
        firm="acme",
        duty=duty,
        state=state,
        due_at=NOW - 8 * HOUR,
        grace_until=NOW - HOUR,
        next_due_at=NOW + 16 * HOUR,
        evidence_at=came_at,
    )


def test_nothing_is_wrong() -> None:
    assert troubles(airflow()) == []
    assert troubles(None) == []


def test_a_paused_dag_is_named_with_the_command_that_mends_it() -> None:
    found = only(troubles(airflow(paused=frozenset({BACKUP}))))
    assert (found.cause, found.firm, found.severity) == ("dag-paused", "acme", "error")
    assert [str(scope) for scope in found.scopes] == ["dag acme__backup", "queue us-east-1", "airflow airflow"]
    assert found.what == "of firm acme, Airflow has acme__backup paused"
    assert "`airflow dags unpause acme__backup`" in found.hint
    assert found.runbook == "docs/monitoring.md#dag-paused"


def test_a_firm_whose_dags_are_all_paused_is_one_trouble() -> None:
    found = only(troubles(airflow(paused=frozenset(firm_dag_ids(ACME)))))
    assert (found.cause, found.subject) == ("dag-paused", "all DAGs of the firm are paused")


def suspended(duty: Duty | None, until: datetime = NOW + 5 * DAY) -> Suspension:
    return Suspension(firm="acme", duty=duty, until=until, by="dana", why="they move", made_at=NOW - DAY)


def test_what_is_suspended_may_be_paused() -> None:
    paused = airflow(paused=frozenset({BACKUP}))
    assert troubles(paused, suspensions=(suspended("nightly point"),)) == []
    assert only(troubles(paused, suspensions=(suspended("drill"),))).cause == "dag-paused"
    everything = airflow(paused=frozenset(firm_dag_ids(ACME)))
    assert troubles(everything, suspensions=(suspended(None),)) == []
    left = troubles(everything, suspensions=(suspended("nightly point"),))
    assert [each.subject for each in left] == [
        "acme__restore_test is paused",
        "acme__restore is paused",
        "acme__adopt is paused",
    ]


def test_a_dag_that_is_missing_or_stale_is_named() -> None:
    sound = airflow()
    gone = sound.model_copy(update={"dag_ids": sound.dag_ids - {BACKUP}})
    assert only(troubles(gone)).cause == "dag-missing"
    stale = airflow(stale=frozenset(firm_dag_ids(ACME)))
    found = only(troubles(stale))
    assert (found.cause, found.firm) == ("dag-missing", "acme")
    paused_and_gone = gone.model_copy(update={"paused": frozenset({BACKUP})})
    assert only(troubles(paused_and_gone)).cause == "dag-missing"


def test_a_new_firms_dags_have_time_to_be_parsed() -> None:
    sound = airflow()
    gone = sound.model_copy(update={"dag_ids": sound.dag_ids - set(firm_dag_ids(ACME))})
    new = [seen_of(ACME, NOW, watched_since=NOW - 29 * MINUTE), seen_of(BIRCH, NOW)]
    assert troubles(gone, new) == []


@pytest.mark.parametrize("are_listed", [True, False])
def test_a_broken_dag_file_is_named_and_not_the_dags_that_it_lacks(are_listed: bool) -> None:
    """While Airflow still lists them, and after it has called them stale."""
    sound, own = airflow(), frozenset(firm_dag_ids(ACME))
    listed = {"broken": own} if are_listed else {"dag_ids": sound.dag_ids - own}
    wrong = BrokenFile(file=dag_file("acme"), first_line="ImportError: no module named muniment_airflow")
    found = only(troubles(sound.model_copy(update={**listed, "import_errors": (wrong,)})))
    assert (found.cause, found.firm) == ("dag-broken", "acme")
    assert f"file {dag_file('acme')}" in [str(scope) for scope in found.scopes]
    assert "ImportError: no module named muniment_airflow" in found.what


def test_a_firm_file_that_does_not_parse_is_named_and_not_the_dags_that_it_lacks() -> None:
    sound = airflow()
    gone = sound.model_copy(update={"dag_ids": sound.dag_ids - set(firm_dag_ids(ACME))})
    faults = {"acme": "firms/acme.yaml: not YAML"}
    found = only(troubles(gone, registered={"birch": BIRCH}, faults=faults))
    assert (found.cause, found.firm, found.tier) == ("firm-file-broken", "acme", "professional")
    assert "firms/acme.yaml: not YAML" in found.what
    never_seen = only(troubles(gone, [seen_of(BIRCH, NOW)], registered={"birch": BIRCH}, faults=faults))
    assert (never_seen.cause, never_seen.firm, never_seen.tier) == ("firm-file-broken", "acme", None)


def test_a_queue_that_nobody_serves_is_named_for_each_of_its_firms() -> None:
    queue = ACME.vaults.primary.region
    waiting = QueuedTask(dag_id=BACKUP, task_id="check_firm", queue=queue, queued_at=NOW - 6 * MINUTE)
    found = troubles(airflow(queued=(waiting,)))
    assert [(each.cause, each.firm) for each in found] == [("queue-unserved", "acme"), ("queue-unserved", "birch")]
    assert {str(scope) for each in found for scope in each.scopes} == {f"queue {queue}"}
    assert troubles(airflow(queued=(waiting,), serving=frozenset({queue}))) == []
    just_now = waiting.model_copy(update={"queued_at": NOW - 4 * MINUTE})
    assert troubles(airflow(queued=(just_now,))) == []
    elsewhere = waiting.model_copy(update={"queue": "nobodys"})
    assert only(troubles(airflow(queued=(elsewhere,)))).firm is None


@pytest.mark.parametrize("slots", [None, 0])
def test_a_pool_that_is_not_there_is_named(slots: int | None) -> None:
    heavy, *others = POOL_NAMES
    pools = {**dict.fromkeys(others, 2), **({} if slots is None else {heavy: slots})}
    found = only(troubles(airflow(pools=pools)))
    assert (found.cause, [str(scope) for scope in found.scopes]) == ("pool-missing", [f"pool {heavy}"])
    assert f"`airflow pools set {heavy} 2 muniment`" in found.hint


def test_a_pool_without_a_limit_is_a_pool() -> None:
    assert troubles(airflow(pools=dict.fromkeys(POOL_NAMES, -1))) == []


@pytest.mark.parametrize("beat", [None, NOW - 3 * MINUTE])
def test_a_scheduler_that_stands_still_is_named(beat: datetime | None) -> None:
    found = only(troubles(airflow(scheduler_heartbeat_at=beat)))
    assert (found.cause, found.severity, found.firm) == ("scheduler-still", "critical", None)
    assert "scheduler" in found.subject


def test_a_scheduler_whose_heart_beats_stands_not_still() -> None:
    assert troubles(airflow(scheduler_heartbeat_at=NOW - 100 * timedelta(seconds=1))) == []


def test_of_an_airflow_that_does_not_answer_only_that_is_said() -> None:
    found = only(troubles(AirflowSeen(seen_at=NOW, unseen="connection refused")))
    assert (found.cause, found.what) == ("airflow-unseen", "Airflow's API could not be asked: connection refused")


def test_an_airflow_that_nobody_asks_is_no_trouble() -> None:
    assert troubles(AirflowSeen(seen_at=NOW, unseen="watch.yaml names none", is_asked=False)) == []


def test_the_watch_itself_may_be_paused() -> None:
    found = only(troubles(airflow(paused=frozenset({FLEET_WATCH}))))
    assert (found.cause, found.severity, found.firm) == ("dag-paused", "critical", None)
    sound = airflow()
    gone = sound.model_copy(update={"dag_ids": sound.dag_ids - {FLEET_WATCH}})
    assert only(troubles(gone)).cause == "dag-missing"


@pytest.mark.parametrize(
    ("duty", "cause"),
    [
        ("nightly point", "point-missing"),
        ("second copy", "copy-missing"),
        ("verification", "verification-missing"),
        ("drill", "drill-missing"),
        ("sign-off", "sign-off-missing"),
        ("documents", "documents-missing"),
        ("configuration", "configuration-missing"),
        ("channel test", "channel-untested"),
    ],
)
def test_each_duty_that_is_missing_is_told_and_what_is_late_is_not(duty: Duty, cause: Cause) -> None:
    for told, is_told in (("missing", True), ("late", False), ("unknown", False), ("suspended", False)):
        seen = seen_of(ACME, NOW, duties=(state(duty, told),))  # type: ignore[arg-type]
        assert [each.cause for each in troubles(airflow(), [seen])] == [cause] * is_told


def test_a_missing_night_says_what_was_owed_and_when() -> None:
    seen = seen_of(ACME, NOW, duties=(state("nightly point", "missing"),), host="db.acme.example")
    found = only(troubles(airflow(), [seen]))
    assert found.what == (
        "firm acme was owed a recovery point at 2026-07-15 02:00 America/Chicago (8 h 00 min ago), and has none;"
        " the last: 2026-07-13 15:00 UTC"
    )
    assert "`muniment backup acme`" in found.hint
    assert [scope.kind for scope in found.scopes] == ["key", "bucket", "host", "queue", "region"]
    assert found.breaks_at == NOW - HOUR


@pytest.mark.parametrize(("nights", "severity"), [(1, "error"), (2, "error"), (3, "critical")])
def test_three_nights_in_a_row_are_critical(nights: int, severity: str) -> None:
    missing = state("nightly point", "missing", NOW - nights * DAY)
    assert only(troubles(airflow(), [seen_of(ACME, NOW, duties=(missing,))])).severity == severity


def test_a_copy_depends_on_the_other_region() -> None:
    seen = seen_of(ACME, NOW, duties=(state("second copy", "missing"),))
    scopes = [str(scope) for scope in only(troubles(airflow(), [seen])).scopes]
    assert f"region {ACME.vaults.replica.region}" in scopes


def test_a_firm_that_left_the_registry_is_told_of_and_owed_nothing() -> None:
    seen = seen_of(ACME, NOW, left_registry_at=NOW - HOUR, duties=(state("nightly point", "leaving"),))
    found = only(troubles(airflow(), [seen], registered={"birch": BIRCH}))
    assert (found.cause, found.severity) == ("left-registry", "warning")


def test_registers_that_cannot_be_read_are_told_where_the_vault_answers() -> None:
    """Else nothing of the firm would ever be missing."""
    unread = seen_of(ACME, NOW, evidence_unread="points/20260714.json is not what was stored")
    found = only(troubles(airflow(), [unread]))
    assert (found.cause, found.firm) == ("vault-unseen", "acme")
    just_read = unread.model_copy(update={"evidence": Evidence(read_at=NOW - HOUR)})
    assert troubles(airflow(), [just_read]) == []  # it is tried again
    vaults = tuple(each.model_copy(update={"unseen": "away"}) for each in unread.vaults)
    assert troubles(airflow(), [unread.model_copy(update={"vaults": vaults})]) == []


def test_a_suspension_is_told_of_a_day_before_it_ends() -> None:
    soon, later = suspended("drill", NOW + 23 * HOUR), suspended(None, NOW + 25 * HOUR)
    assert troubles(airflow(), suspensions=(later,)) == []
    found = only(troubles(airflow(), suspensions=(soon, later)))
    assert (found.cause, found.breaks_at) == ("suspension-ends", NOW + 23 * HOUR)
    assert "by dana: they move" in found.what
    assert troubles(airflow(), suspensions=(suspended("drill", NOW - MINUTE),)) == []


def test_a_queue_that_nobody_looks_at_is_named() -> None:
    passes = [
        Pass(queue="us-east-1", began_at=NOW - 5 * MINUTE, ended_at=NOW - 4 * MINUTE, firms=3),
        Pass(queue="eu-west-1", began_at=NOW - 40 * MINUTE, ended_at=NOW - 39 * MINUTE, firms=7),
    ]
    found = only(troubles(airflow(), passes=passes))
    own = passes[1].model_copy(update={"queue": ACME.vaults.primary.region})
    assert troubles(airflow(), passes=[own]) == []  # it was late, and is here
    assert (found.cause, [str(scope) for scope in found.scopes]) == ("watch-late", ["queue eu-west-1"])
