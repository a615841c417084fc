"""Whatever keeps a night from happening ends in exactly one incident, which names it: through what the watch judges
and what the incidents make of that, to what a person is told."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, get_args

import pytest

from muniment.domain.firm.dag_names import POOL_NAMES, dag_file, firm_dag_ids
from muniment.domain.incidents.judged import Judged
from muniment.domain.incidents.trouble import Cause, Trouble
from muniment.domain.watch.absence import absence_troubles
from muniment.domain.watch.airflow import AirflowSeen, BrokenFile, QueuedTask
from muniment.domain.watch.duty import Duty, DutyState
from muniment.domain.watch.judging import judged_firm
from muniment.domain.watch.owed import NIGHT_DUTIES
from tests.support.absences import seen_of, sound_airflow
from tests.support.firms import paper_firm
from tests.support.troubles import START, Watching

ACME, BIRCH = paper_firm(), paper_firm("birch")
HOUR = timedelta(hours=1)
OF_FLEET: tuple[Cause, ...] = ("scheduler-still", "pool-missing", "airflow-unseen", "watch-late")


def missing(duties: Sequence[Duty]) -> tuple[DutyState, ...]:
    return tuple(
        DutyState(
            firm="acme",
            duty=duty,
            state="missing",
            due_at=START - 8 * HOUR,
            grace_until=START - HOUR,
            next_due_at=START + 16 * HOUR,
            evidence_at=START - 30 * HOUR,
        )
        for duty in duties
    )


def troubles(airflow: AirflowSeen, duties: Sequence[Duty], **others: Any) -> list[Trouble]:
    seen = [seen_of(ACME, START, duties=missing(duties)), seen_of(BIRCH, START)]
    given: dict[str, Any] = {"registered": {"acme": ACME, "birch": BIRCH}, "registry_faults": {}, **others}
    return list(absence_troubles(seen, airflow=airflow, suspensions=(), passes=(), now=START, **given))


def airflow_where(what: str) -> AirflowSeen:
    sound, own = sound_airflow([ACME, BIRCH], START), frozenset(firm_dag_ids(ACME))
    waiting = QueuedTask(
        dag_id="acme__backup", task_id="t", queue=ACME.vaults.primary.region, queued_at=START - HOUR / 6
    )
    changes: dict[str, dict[str, Any]] = {
        "the night is paused": {"paused": frozenset({"acme__backup"})},
        "the firm is paused": {"paused": own},
        "the DAGs are missing": {"dag_ids": sound.dag_ids - own},
        "the DAG file is broken": {
            "dag_ids": sound.dag_ids - own,
            "import_errors": (BrokenFile(file=dag_file("acme"), first_line="ImportError: x"),),
        },
        "nobody serves the queue": {"queued": (waiting,)},
        "a pool is missing": {"pools": dict.fromkeys(POOL_NAMES[1:], 2)},
        "the scheduler stands still": {"scheduler_heartbeat_at": START - HOUR},
        "Airflow does not answer": {"unseen": "connection refused"},
    }
    return sound.model_copy(update=changes[what])


def watching() -> Watching:
    return Watching("acme", "birch", causes=get_args(Cause.__value__), fleet=OF_FLEET)


@pytest.mark.parametrize("was_missing_before", [False, True])
@pytest.mark.parametrize(
    ("what", "key"),
    [
        ("the night is paused", "dag-paused.dag.acme-backup"),
        ("the firm is paused", "dag-paused.firm.acme"),
        ("the DAGs are missing", "dag-missing.firm.acme"),
        ("the DAG file is broken", "dag-broken.firm.acme"),
        ("nobody serves the queue", "queue-unserved.queue.us-east-1"),
        ("a pool is missing", "pool-missing.pool.muniment-heavy"),
        ("the scheduler stands still", "scheduler-still.airflow.airflow"),
        ("Airflow does not answer", "airflow-unseen.airflow.airflow"),
    ],
)
def test_each_cause_is_one_incident_whether_the_night_is_missing_yet_or_not(
    what: str, key: str, was_missing_before: bool
) -> None:
    watched, airflow = watching(), airflow_where(what)
    for duties in ((), (), NIGHT_DUTIES, NIGHT_DUTIES, NIGHT_DUTIES)[2 * was_missing_before :]:
        watched.look(*troubles(airflow, duties))
    assert [(each.kind, each.key.rpartition(".")[0]) for each in watched.told] == [("opened", key)]
    assert watched.open() == [key]


def test_a_firm_file_that_does_not_parse_is_one_incident() -> None:
    watched = watching()
    sound = airflow_where("the DAGs are missing")
    for _ in range(4):
        found = troubles(
            sound, NIGHT_DUTIES, registered={"birch": BIRCH}, registry_faults={"acme": "firms/acme.yaml: not YAML"}
        )
        watched.look(*found)
    assert [(each.kind, each.key.rpartition(".")[0]) for each in watched.told] == [
        ("opened", "firm-file-broken.firm.acme")
    ]


def test_a_missing_night_without_a_cause_is_one_incident_of_its_own() -> None:
    watched, sound = watching(), sound_airflow([ACME, BIRCH], START)
    for _ in range(3):
        watched.look(*troubles(sound, NIGHT_DUTIES))
    assert [(each.kind, each.key.rpartition(".")[0]) for each in watched.told] == [
        ("opened", "point-missing.firm.acme")
    ]


def test_a_night_that_was_missing_is_not_called_mended_when_its_dag_is_paused() -> None:
    watched, sound = watching(), sound_airflow([ACME, BIRCH], START)
    for _ in range(3):
        watched.look(*troubles(sound, NIGHT_DUTIES))
    for _ in range(5):
        watched.look(*troubles(airflow_where("the night is paused"), NIGHT_DUTIES))
    assert "resolved" not in [each.kind for each in watched.told]


def test_a_paused_restore_explains_no_missing_night() -> None:
    watched = watching()
    paused = sound_airflow([ACME, BIRCH], START, paused=frozenset({"acme__restore"}))
    for _ in range(3):
        watched.look(*troubles(paused, NIGHT_DUTIES))
    assert sorted(each.key.rpartition(".")[0] for each in watched.told) == [
        "dag-paused.dag.acme-restore",
        "point-missing.firm.acme",
    ]


def test_a_paused_night_explains_no_missing_drill() -> None:
    watched = watching()
    for _ in range(3):
        watched.look(*troubles(airflow_where("the night is paused"), (*NIGHT_DUTIES, "drill")))
    assert sorted(watched.open()) == ["dag-paused.dag.acme-backup", "drill-missing.firm.acme"]


def test_a_night_that_is_paused_for_all_firms_is_one_page_and_explains_no_drill() -> None:
    """Somebody paused every backup before an upgrade, and went home."""
    firms = {name: paper_firm(name) for name in (f"firm-{number:02d}" for number in range(30))}
    seen = [seen_of(firm, START) for firm in firms.values()]
    seen[0] = seen[0].model_copy(update={"duties": missing(("nightly point", "drill"))})
    paused = frozenset(f"{name}__backup" for name in firms)
    airflow = sound_airflow(list(firms.values()), START).model_copy(update={"paused": paused})
    found = absence_troubles(seen, firms, {}, airflow, suspensions=(), passes=(), now=START)
    watch = watching()
    watch.judged = Judged(firms=tuple(judged_firm(each, airflow_seen=True) for each in seen))
    told = [each for _ in range(2) for each in watch.look(*found)]
    assert told == [("opened", "drill-missing.firm.firm-00"), ("opened", "dag-paused.queue.us-east-1")]
