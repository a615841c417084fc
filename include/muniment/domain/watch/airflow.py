"""What Airflow's own API says of the DAGs, pools and queues that the firms depend on."""

from pydantic import AwareDatetime, Field

from muniment.domain.record import Record


class BrokenFile(Record):
    file: str
    first_line: str
    at: AwareDatetime | None = None


class QueuedTask(Record):
    """It waits for a worker."""

    dag_id: str
    task_id: str
    queue: str
    queued_at: AwareDatetime


class AirflowSeen(Record):
    """``unseen``: why nothing could be asked; then all else says nothing, and ``dag_ids`` only spares the next look."""

    seen_at: AwareDatetime
    unseen: str | None = None
    is_asked: bool = True
    """Or nobody has told the watch how; then it is ``unseen``, and nobody is told of that."""
    scheduler_heartbeat_at: AwareDatetime | None = None
    dag_processor_heartbeat_at: AwareDatetime | None = None
    triggerer_heartbeat_at: AwareDatetime | None = None
    dag_ids: frozenset[str] = frozenset()
    """Of ours, without those that are stale."""
    dags_listed_at: AwareDatetime | None = None
    """When ``dag_ids`` was read; since then their number is the same."""
    paused: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()
    """DAGs that have import errors."""
    stale: frozenset[str] = frozenset()
    import_errors: tuple[BrokenFile, ...] = ()
    pools: dict[str, int] = Field(default_factory=dict)
    """Name → slots."""
    queued: tuple[QueuedTask, ...] = ()
    serving: frozenset[str] = frozenset()
    """Queues on which a task runs now."""
