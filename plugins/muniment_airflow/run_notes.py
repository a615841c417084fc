"""How to get into a staging, on the page of the run that made it.

A listener of Airflow's, in the scheduler: a task's process may not write the note of its run.
"""

import logging
from typing import Any

from airflow.listeners import hookimpl

from muniment.domain import chain_steps as named

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
        connection = _staged(dag_run)
    except Exception:  # the scheduler goes on, whatever a note costs
        _log.exception("no note for run %s of %s", dag_run.run_id, dag_run.dag_id)
        return
    if connection:
        dag_run.note = f"Staged, as long as it stands:\n\n```\n{connection}\n```"


def _staged(dag_run: Any) -> str | None:
    from airflow.models.xcom import XComModel
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    asked = XComModel.get_many(
        run_id=dag_run.run_id, key=CONNECTION_KEY, task_ids=named.STAGE, dag_ids=dag_run.dag_id, limit=1
    )
    found = session.scalars(asked).first() if session else None
    return XComModel.deserialize_value(found) if found else None
