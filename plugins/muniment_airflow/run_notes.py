"""How to get into a staging, or that it went live, on the page of the run that did it.

A listener of Airflow's, in the scheduler: a task's process may not write the note of its run.
"""

import logging
from typing import Any

from airflow.listeners import hookimpl

from muniment.domain import chain_steps as named
from muniment.domain.record import instant_of

CONNECTION_KEY = "connection"
_RESTORE = "__restore"
_log = logging.getLogger(__name__)


@hookimpl  # type: ignore[untyped-decorator]
def on_dag_run_success(dag_run: Any, msg: str) -> None:
    _note_staging(dag_run)


@hookimpl  # type: ignore[untyped-decorator]
def on_dag_run_failed(dag_run: Any, msg: str) -> None:
    _note_staging(dag_run)


def _note_staging(dag_run: Any) -> None:
    if not dag_run.dag_id.endswith(_RESTORE) or dag_run.note:
        return
    try:
        note = _note(dag_run)
    except Exception:  # the scheduler goes on, whatever a note costs
        _log.exception("no note for run %s of %s", dag_run.run_id, dag_run.dag_id)
        return
    if note:
        dag_run.note = note


def _note(dag_run: Any) -> str | None:
    live = _said(dag_run, named.CUT_OVER, "return_value")
    if live:
        at = instant_of(live["live_at"])
        firm = dag_run.dag_id.removesuffix(_RESTORE)
        return f"Went live at {at:%Y-%m-%d %H:%M:%S} UTC. Where it stands: `muniment live status {firm}`"
    connection = _said(dag_run, named.STAGE, CONNECTION_KEY)
    return f"Staged, as long as it stands:\n\n```\n{connection}\n```" if connection else None


def _said(dag_run: Any, task: str, key: str) -> Any:
    from airflow.models.xcom import XComModel
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    asked = XComModel.get_many(run_id=dag_run.run_id, key=key, task_ids=task, dag_ids=dag_run.dag_id, limit=1)
    found = session.scalars(asked).first() if session else None
    return XComModel.deserialize_value(found) if found else None
