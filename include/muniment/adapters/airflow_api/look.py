"""One look at Airflow: what it has of our DAGs, pools and queues.

Of 5,000 DAGs the list is 50 pages. It is read when their number is not what it was, and once an hour; which ones are
paused or broken, which is few, is asked every time. So a look is about nine requests.
"""

from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from muniment.adapters.airflow_api.client import AirflowApi, NotAnsweredError
from muniment.domain.firm.dag_names import DAG_TAGS
from muniment.domain.watch.airflow import AirflowSeen, BrokenFile, QueuedTask

LIST_LASTS = timedelta(hours=1)
LIST_MAY_LAST = timedelta(hours=6)
"""Where the API server is too slow to give it in time."""

_INSTANT = TypeAdapter(datetime | None)
_TASKS = "/api/v2/dags/~/dagRuns/~/taskInstances"
_LONGEST_LINE = 300


def look_at(api: AirflowApi, before: AirflowSeen | None, now: datetime) -> AirflowSeen:
    """Never raises: what was not answered in full is not seen. ``before``: the look before this one."""
    try:
        return _look(api, before, now)
    except NotAnsweredError as error:
        why = str(error)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # Another version of Airflow, or no Airflow at all. Without the cause: it would show what was answered.
        why = f"its answers are not as Airflow 3's: {type(error).__name__}"
    known = {"dag_ids": before.dag_ids, "dags_listed_at": before.dags_listed_at} if before else {}
    return AirflowSeen.model_validate({"seen_at": now, "unseen": why, **known})


def _look(api: AirflowApi, before: AirflowSeen | None, now: datetime) -> AirflowSeen:
    health = api.public("/api/v2/monitor/health")
    queued = tuple(_queued(api))
    seen = AirflowSeen(
        seen_at=now,
        scheduler_heartbeat_at=_beat(health, "scheduler"),
        dag_processor_heartbeat_at=_beat(health, "dag_processor"),
        triggerer_heartbeat_at=_beat(health, "triggerer"),
        paused=_ids(api, paused="true"),
        broken=_ids(api, has_import_errors="true"),
        import_errors=tuple(map(_broken_file, api.pages("/api/v2/importErrors", "import_errors"))),
        pools={pool["name"]: pool["slots"] for pool in api.pages("/api/v2/pools", "pools")},
        queued=queued,
        serving=frozenset(queue for queue in {task.queue for task in queued} if _serves(api, queue)),
    )
    listed_at, dag_ids = _dag_ids(api, before, now)
    return seen.model_copy(update={"dag_ids": dag_ids, "dags_listed_at": listed_at})


def _beat(health: dict[str, Any], part: str) -> datetime | None:
    return _INSTANT.validate_python((health.get(part) or {}).get(f"latest_{part}_heartbeat"))


def _dag_ids(api: AirflowApi, before: AirflowSeen | None, now: datetime) -> tuple[datetime, frozenset[str]]:
    """Those that are not stale: such a one is called broken for ever, though its file was mended without it.

    Asked last, because it may take all the time there is; then the one before does, for a while.
    """
    listed_at = before.dags_listed_at if before else None
    if before is None or listed_at is None:
        return now, _ids(api, order_by="dag_id")
    is_same = api.get("/api/v2/dags", limit=1, tags=DAG_TAGS)["total_entries"] == len(before.dag_ids)
    if is_same and now - listed_at < LIST_LASTS:
        return listed_at, before.dag_ids
    try:
        return now, _ids(api, order_by="dag_id")
    except NotAnsweredError:
        if is_same and now - listed_at < LIST_MAY_LAST:
            return listed_at, before.dag_ids
        raise


def _ids(api: AirflowApi, **query: str) -> frozenset[str]:
    return frozenset(dag["dag_id"] for dag in api.pages("/api/v2/dags", "dags", tags=DAG_TAGS, **query))


def _broken_file(error: Any) -> BrokenFile:
    """The traceback's last line is the error itself."""
    lines = str(error["stack_trace"]).strip().splitlines()
    return BrokenFile(
        file=error["filename"], first_line=lines[-1].strip()[:_LONGEST_LINE] if lines else "", at=error["timestamp"]
    )


def _queued(api: AirflowApi) -> list[QueuedTask]:
    """Of any DAG: whoever waits on a queue says that it is not served. The first hundred are enough for that."""
    found = api.get(_TASKS, state="queued", limit=100, order_by="id")["task_instances"]
    return [
        QueuedTask(dag_id=task["dag_id"], task_id=task["task_id"], queue=task["queue"], queued_at=task["queued_when"])
        for task in found
        if task["queue"] and task["queued_when"]
    ]


def _serves(api: AirflowApi, queue: str) -> bool:
    return bool(api.get(_TASKS, state="running", queue=queue, limit=1)["task_instances"])
