"""What can be read off a DAG without running it."""

import re
from collections.abc import Iterator

from airflow.sdk import DAG

_TAKEN = re.compile(r"xcom_pull\(task_ids='(\w+)'\)")


def taken_from(dag: DAG) -> set[tuple[str, str]]:
    """Each task, and a task whose result its templates name."""
    return {
        (task.task_id, source) for task in dag.tasks for text in _templates(task) for source in _TAKEN.findall(text)
    }


def _templates(task: object) -> Iterator[str]:
    for field in getattr(task, "template_fields", ()):
        value = getattr(task, field, None)
        if isinstance(value, str):
            yield value
