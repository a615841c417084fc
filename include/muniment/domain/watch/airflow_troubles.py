"""What Airflow says of itself that keeps a firm's duties from being done: each cause by its name, before anything is
missing. Judged by what the registry expects, so that what is not there is seen as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from muniment.domain.firm.dag_names import FLEET_WATCH, POOL_NAMES, dag_file, firm_dag_ids
from muniment.domain.firm.firm import Firm
from muniment.domain.incidents.trouble import Cause, Scope, Severity, Trouble
from muniment.domain.units import human_duration
from muniment.domain.watch.airflow import AirflowSeen, BrokenFile, QueuedTask
from muniment.domain.watch.duties import suspension_of
from muniment.domain.watch.duty import Duty, Suspension
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.firm_trouble import Words, trouble_of

QUEUED_FOR_LONG = timedelta(minutes=5)
"""Airflow hands a task to its queue when a slot of its pool is free, and a worker takes it within seconds. After ten
minutes it takes the task back and queues it anew ([scheduler] task_queued_timeout): none is seen to wait for long."""

STILL_AFTER = timedelta(minutes=2)
"""The scheduler's heart beats every five seconds, and Airflow itself calls it unhealthy after 30
([scheduler] scheduler_health_check_threshold)."""

PARSED_WITHIN = timedelta(minutes=30)
"""A new firm's DAGs: the DAG processor looks for new files every five minutes, and comes round to each in its turn."""

_AIRFLOW = Scope(kind="airflow", name="airflow")
_DUTY_OF: Mapping[str, Duty] = {
    "backup": "nightly point",
    "restore_test": "drill",
    "drill_sign_off": "sign-off",
}
_NEEDED_FOR: Mapping[str, str] = {
    "backup": "no night is backed up",
    "restore_test": "no drill runs",
    "drill_sign_off": "no reviewer is asked",
    "restore": "a restore that is triggered waits, on the day it is needed",
    "adopt": "a cluster that took the firm's place cannot be adopted in Airflow",
}


def airflow_troubles(
    seen: Sequence[FirmSeen],
    registered: Mapping[str, Firm],
    airflow: AirflowSeen,
    suspensions: Sequence[Suspension],
    now: datetime,
) -> Iterator[Trouble]:
    """``registered``: the firms whose files are sound. Of an Airflow that was not seen, only that."""
    if airflow.unseen is not None:
        if airflow.is_asked:
            yield _unseen(airflow, now)
        return
    yield from _still(airflow, now)
    yield from _pools(airflow, now)
    yield from _watch_itself(airflow, now)
    for each in seen:
        if firm := registered.get(each.firm):
            yield from _dags(each, firm, airflow, suspensions, now)
    yield from _queues(seen, airflow, now)


def _of_airflow(cause: Cause, severity: Severity, words: Words, now: datetime, scope: Scope = _AIRFLOW) -> Trouble:
    return Trouble(
        cause=cause,
        firm=None,
        scopes=(scope,),
        severity=severity,
        seen_at=now,
        **words.fields(),
    )


def _unseen(airflow: AirflowSeen, now: datetime) -> Trouble:
    words = Words(
        subject="Airflow does not answer",
        what=f"Airflow's API could not be asked: {airflow.unseen}",
        kept="every recovery point; what the vaults and the clusters say is seen without Airflow",
        hint="see whether the API server runs, and whether the connection of `airflow` in watch.yaml still leads to it",
        at_stake="whether DAGs are paused, missing or broken, and whether tasks wait, is unknown",
    )
    return _of_airflow("airflow-unseen", "error", words, now)


def _still(airflow: AirflowSeen, now: datetime) -> Iterator[Trouble]:
    beats = {"scheduler": airflow.scheduler_heartbeat_at, "DAG processor": airflow.dag_processor_heartbeat_at}
    still = {part: at for part, at in beats.items() if at is None or now - at > STILL_AFTER}
    if not still:
        return
    told = "; ".join(f"the {part} {_since(at, now)}" for part, at in still.items())
    words = Words(
        subject=f"Airflow's {' and '.join(still)} stands still" if len(still) == 1 else "Airflow stands still",
        what=f"Airflow stands still: {told}",
        kept="every recovery point; WAL goes on into the vaults without Airflow",
        hint="start it again, and read its log: `airflow jobs check`. A night that is due meanwhile can be taken by"
        " `muniment backup FIRM`",
        at_stake="no night begins, no drill, and the watch itself runs no further pass",
    )
    yield _of_airflow("scheduler-still", "critical", words, now)


def _since(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "has no heartbeat at all"
    return f"had its last heartbeat {human_duration((now - at).total_seconds())} ago"


def _pools(airflow: AirflowSeen, now: datetime) -> Iterator[Trouble]:
    for name in POOL_NAMES:
        slots = airflow.pools.get(name)
        if slots is not None and slots != 0:  # -1: as many as one likes
            continue
        what = f"there is no pool {name}" if slots is None else f"pool {name} has no slots"
        words = Words(
            subject=what,
            what=f"{what} in Airflow: it runs no task of that pool, and says so in the scheduler's log alone",
            kept="every recovery point",
            hint=f"`airflow pools set {name} 2 muniment`, with the slots that your workers bear; or start the scheduler"
            " again, which makes what is missing",
            at_stake="no night of any firm gets past the first task of that pool",
        )
        yield _of_airflow("pool-missing", "error", words, now, Scope(kind="pool", name=name))


def _watch_itself(airflow: AirflowSeen, now: datetime) -> Iterator[Trouble]:
    """Seen by a pass that somebody, or another machine's cron, runs by hand."""
    is_missing = FLEET_WATCH not in airflow.dag_ids
    if not is_missing and FLEET_WATCH not in airflow.paused:
        return
    words = Words(
        subject=f"{FLEET_WATCH} is {'not in Airflow' if is_missing else 'paused'}",
        what=f"DAG {FLEET_WATCH} is {'not in Airflow' if is_missing else 'paused in Airflow'}",
        kept="every recovery point",
        hint="`airflow dags list-import-errors`" if is_missing else f"`airflow dags unpause {FLEET_WATCH}`",
        at_stake="nobody looks at any firm",
    )
    cause: Cause = "dag-missing" if is_missing else "dag-paused"
    yield _of_airflow(cause, "critical", words, now, Scope(kind="dag", name=FLEET_WATCH))


def _dags(
    seen: FirmSeen, firm: Firm, airflow: AirflowSeen, suspensions: Sequence[Suspension], now: datetime
) -> Iterator[Trouble]:
    """A broken file explains that its DAGs are missing; a DAG that is missing is not paused as well."""
    expected = firm_dag_ids(firm)
    gone = [dag for dag in expected if dag not in airflow.dag_ids or dag in airflow.stale]
    wrong = next((each for each in airflow.import_errors if each.file.endswith(dag_file(firm.id))), None)
    broken = [dag for dag in expected if dag in airflow.broken]
    if (gone or broken) and (wrong or broken):
        yield _broken(seen, firm, wrong)
        return
    if gone and now - seen.watched_since >= PARSED_WITHIN:
        yield from _each(seen, "dag-missing", gone, expected)
    paused = [
        dag for dag in expected if dag in airflow.paused and dag not in gone and not _is_meant(dag, suspensions, now)
    ]
    yield from _each(seen, "dag-paused", paused, expected)


def _is_meant(dag: str, suspensions: Sequence[Suspension], now: datetime) -> bool:
    """What is suspended may be paused. A restore is no duty: only who suspends the firm suspends that."""
    firm_id, _, kind = dag.rpartition("__")
    own = [each for each in suspensions if each.firm == firm_id]
    duty = _DUTY_OF.get(kind)
    if duty is None:
        return any(each.duty is None and each.made_at <= now < each.until for each in own)
    return suspension_of(duty, own, now) is not None


def _each(seen: FirmSeen, cause: Cause, dags: Sequence[str], expected: Sequence[str]) -> Iterator[Trouble]:
    """All of a firm's are one trouble of the firm; some of them are each its own, which explains what it leaves out."""
    shared = (Scope(kind="queue", name=seen.queue), _AIRFLOW)
    if set(dags) == set(expected):
        yield _of_dags(seen, cause, dags, shared)
        return
    for dag in dags:
        yield _of_dags(seen, cause, [dag], (Scope(kind="dag", name=dag), *shared))


def _of_dags(seen: FirmSeen, cause: Cause, dags: Sequence[str], scopes: tuple[Scope, ...]) -> Trouble:
    listed, is_paused = ", ".join(dags), cause == "dag-paused"
    state = "paused" if is_paused else "not in Airflow"
    hint = (
        f"`airflow dags unpause {dags[0]}`{_and_the_others(dags)}; where it is meant,"
        f" `muniment watch suspend {seen.firm} --until … --why …` says so and ends by itself"
        if is_paused
        else "see whether the DAG processor runs and has this registry: `airflow dags list-import-errors`,"
        " `airflow dags reserialize`"
    )
    return trouble_of(
        seen,
        cause,
        _severity_of(dags),
        Words(
            subject=f"{listed} is {state}" if len(dags) == 1 else f"all DAGs of the firm are {state}",
            what=f"of firm {seen.firm}, Airflow has {listed} {'paused' if is_paused else 'not at all'}",
            kept="every recovery point, and the WAL that the cluster archives",
            hint=hint,
            at_stake="; ".join(_NEEDED_FOR[dag.rpartition("__")[2]] for dag in dags),
            breaks_at=_next_night_until(seen) if any(dag.endswith("__backup") for dag in dags) else None,
        ),
        scopes=scopes,
    )


def _severity_of(dags: Sequence[str]) -> Severity:
    """Nothing is missing yet, but a night will be; and a restore must run on the day it is triggered."""
    return "error" if any(dag.endswith(("__backup", "__restore")) for dag in dags) else "warning"


def _and_the_others(dags: Sequence[str]) -> str:
    return "" if len(dags) == 1 else f", and {len(dags) - 1} more of the firm"


def _next_night_until(seen: FirmSeen) -> datetime | None:
    """When the next night is missing, if it does not begin."""
    night = next((each for each in seen.duties if each.duty == "nightly point"), None)
    if night is None or night.due_at is None or night.grace_until is None or night.next_due_at is None:
        return None
    return night.grace_until if night.state == "late" else night.next_due_at + (night.grace_until - night.due_at)


def _broken(seen: FirmSeen, firm: Firm, wrong: BrokenFile | None) -> Trouble:
    file = dag_file(firm.id)
    return trouble_of(
        seen,
        "dag-broken",
        "error",
        Words(
            subject=f"{file} cannot be imported",
            what=f"Airflow cannot import {file}, which has the DAGs of firm {firm.id}"
            + (f": {wrong.first_line}" if wrong else ""),
            kept="every recovery point, and the WAL that the cluster archives",
            hint=f"`airflow dags list-import-errors` has the whole traceback. The night meanwhile: `muniment backup"
            f" {firm.id}`",
            at_stake="no night, no drill and no restore of the firm runs in Airflow",
            breaks_at=_next_night_until(seen),
        ),
        scopes=(Scope(kind="file", name=file), _AIRFLOW),
    )


def _queues(seen: Sequence[FirmSeen], airflow: AirflowSeen, now: datetime) -> Iterator[Trouble]:
    """A queue on which something runs is served: what waits there waits for its turn."""
    waiting: dict[str, QueuedTask] = {}
    for task in airflow.queued:
        oldest = waiting.setdefault(task.queue, task)
        waiting[task.queue] = min(oldest, task, key=lambda each: each.queued_at)
    for queue, task in waiting.items():
        if now - task.queued_at <= QUEUED_FOR_LONG or queue in airflow.serving:
            continue
        words = _unserved(task, now)
        scope = Scope(kind="queue", name=queue)
        firms = [each for each in seen if each.queue == queue]
        if not firms:
            yield _of_airflow("queue-unserved", "error", words, now, scope)
        for each in firms:
            yield trouble_of(each, "queue-unserved", "error", words, scopes=(scope,))


def _unserved(task: QueuedTask, now: datetime) -> Words:
    lasting = human_duration((now - task.queued_at).total_seconds())
    return Words(
        subject=f"no worker serves queue {task.queue}",
        what=f"task {task.task_id} of {task.dag_id} has waited on queue {task.queue} for {lasting}, and nothing runs"
        " there",
        kept="every recovery point; nothing of the waiting runs is lost",
        hint=f"start a worker of that queue, such as `airflow celery worker --queues {task.queue}`; it takes up what"
        " waits",
        at_stake="no night, drill or restore of that queue's firms runs",
    )
