"""What the watch says of a running Airflow in which one thing after the other goes wrong: each by its name, alone."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from muniment.adapters.airflow_api.client import AirflowApi
from muniment.adapters.airflow_api.look import look_at
from muniment.domain.firm.dag_names import FLEET_WATCH, dag_file, firm_dag_ids
from muniment.domain.watch.absence import absence_troubles
from muniment.domain.watch.airflow import AirflowSeen
from tests.support.absences import seen_of
from tests.support.firms import paper_firm
from tests.support.real_airflow import PASSWORD, RealAirflow

FIRM = paper_firm("harbor")
POOL = "muniment_heavy"
DAGS = """
from airflow.sdk import DAG
for dag_id in {ids!r}:
    globals()[dag_id] = DAG(dag_id, schedule=None, is_paused_upon_creation=False, tags=[dag_id.split("__")[1]])
"""

type Told = list[tuple[str, str | None]]


def look(running: RealAirflow, before: AirflowSeen | None = None) -> AirflowSeen:
    """As a viewer, who may change nothing."""
    return look_at(AirflowApi(running.url, "viewer", PASSWORD), before, datetime.now(UTC))


def told(airflow: AirflowSeen, later: timedelta = timedelta(0)) -> Told:
    now = datetime.now(UTC) + later
    found = absence_troubles((seen_of(FIRM, now),), {FIRM.id: FIRM}, {}, airflow, suspensions=(), passes=(), now=now)
    return [(each.cause, each.firm) for each in found]


@pytest.fixture
def soon(running: RealAirflow) -> Iterator[Callable[[Told], None]]:
    """Airflow is as a firm needs it, once; then what is told of it becomes what is given."""
    running.add_dags("fleet.py", DAGS.format(ids=[FLEET_WATCH]))
    running.add_dags(dag_file(FIRM.id), DAGS.format(ids=list(firm_dag_ids(FIRM))))

    def becomes(expected: Told) -> None:
        running.eventually(f"that {expected} is told", lambda: told(look(running)) == expected)

    becomes([])
    yield becomes
    for name in ("fleet.py", dag_file(FIRM.id)):
        (running.folder / "dags" / name).unlink()
    running.eventually("that the broken file is forgotten", lambda: not look(running).import_errors)


@pytest.mark.timeout(1800)
def test_each_thing_that_goes_wrong_is_told_by_its_name_and_alone(
    running: RealAirflow, soon: Callable[[Told], None]
) -> None:
    seen = look(running)
    assert seen.scheduler_heartbeat_at is not None
    assert seen.dag_processor_heartbeat_at is not None
    assert told(seen, timedelta(minutes=3)) == [("scheduler-still", None)]

    running.api.patch("/api/v2/dags/harbor__backup", {"is_paused": True})
    soon([("dag-paused", "harbor")])
    running.api.patch("/api/v2/dags/harbor__backup", {"is_paused": False})
    soon([])

    pools = {pool["name"]: pool for pool in running.api._get("/api/v2/pools")["pools"]}
    running.api._http.delete(f"/api/v2/pools/{POOL}").raise_for_status()
    soon([("pool-missing", None)])
    running.api._post("/api/v2/pools", {"name": POOL, "slots": pools[POOL]["slots"]})
    soon([])

    running.api._http.delete("/api/v2/dags/harbor__restore_test").raise_for_status()
    soon([("dag-missing", "harbor")])

    running.add_dags(dag_file(FIRM.id), "from airflow.sdk import DAG\nraise ImportError('no such module')\n")
    soon([("dag-broken", "harbor")])
    [error] = [error for error in look(running).import_errors if error.file == dag_file(FIRM.id)]
    assert error.first_line == "ImportError: no such module"
