"""`make demo`, `make up` and `make down`, each from its beginning to its end."""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from muniment.adapters.watch.store import WatchStore
from muniment.domain.firm.dag_names import FLEET_WATCH
from muniment.domain.secret import Secret
from muniment.domain.vault.registers import Point
from muniment.errors import WatchStoreNotReady, WatchStoreUnavailable
from muniment_demo import causes, night, on_call
from muniment_demo.airflow_api import AirflowApi, TaskState
from muniment_demo.airflow_env import watch_store
from muniment_demo.airflow_process import SCHEDULER
from muniment_demo.directions import show_directions
from muniment_demo.errors import DemonstrationFailed
from muniment_demo.practice import DATABASE
from muniment_demo.settings import load_settings
from muniment_demo.show import Show
from muniment_demo.stack import Stack
from muniment_demo.world import World
from muniment_demo.writer import start_writer, stop_writer

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_READY_TIMEOUT_S = 600
_NIGHT_TIMEOUT_S = 3600
_POLL_S = 1.0
# Left alone for a day, `make up` should not fill the disk.
_SLOW_S = 5
_LOG_TAIL_LINES = 40
_USER = "admin"


def demo(world: World, count: int) -> None:
    """Everything from nothing, tonight's run through Airflow, a lost server, and an end that leaves nothing running."""
    show, began = Show(), time.monotonic()
    with world.locked(), _stopped_at_the_end(world, show):
        stack = _set_the_stage(world, count, show)
        writer = start_writer(world)
        seconds = _tonight(stack, show)
        if (status := stop_writer(writer)) != 0:
            tail = (world.root / "writer.log").read_text()[-3000:]
            raise _failed(show, world, f"the writer ended with status {status}", tail)
        points = night.tonights_points(stack)
        show.points(points, stack.registry, seconds)
        _lose_and_restore(stack, show, points)
    show.title(f"Done in {time.monotonic() - began:.0f} s. Nothing runs any more.")


def up(world: World, count: int) -> None:
    """The same world, left running."""
    show = Show()
    with world.locked():
        if not _answers(world):
            with _stopped_on_failure(world):
                _bring_up(world, count, show)
        _tell_where(world, show)


def _answers(world: World) -> bool:
    """Whether an earlier `make up` is all there; half of one is ended and made anew."""
    facts = world.description()
    return facts is not None and AirflowApi(facts["airflow_url"], _USER, Secret("")).is_healthy()


def told(world: World) -> None:
    """What who is on call, and the firms' contacts, were told so far."""
    Show().told(on_call.told(world))


def cause(world: World, name: str, firm_id: str | None) -> None:
    """Breaks something, for who is on call to find (docs/on-call.md)."""
    Show().console.print(causes.cause(world, name, firm_id), soft_wrap=True)


def mend(world: World, name: str, firm_id: str | None) -> None:
    """Puts it right again."""
    Show().console.print(causes.mend(world, name, firm_id), soft_wrap=True)


def down(world: World) -> None:
    show = Show()
    with world.locked():
        if not world.root.exists():
            show.console.print("nothing is up")
            return
        with show.phase("stopped and removed"):
            world.stop()
            world.remove()


def _bring_up(world: World, count: int, show: Show) -> None:
    stack = _set_the_stage(world, count, show, stays_up=True)
    _write_env(world)
    start_writer(world, pause_s=_SLOW_S)
    with show.phase("Airflow's scheduler, and the watch's first look at every firm"):
        _begin(stack)


def _set_the_stage(world: World, count: int, show: Show, *, stays_up: bool = False) -> Stack:
    """Firms at work with last night behind them, and an Airflow that knows them."""
    show.title(f"{count} law firms, from nothing")
    stack = Stack(world, show.phase, stays_up)
    stack.start(count)
    with ThreadPoolExecutor(1) as pool:
        airflow = pool.submit(_start_airflow, stack, show)
        (night.nights_that_lack_something if stays_up else night.last_night)(stack)
        night.a_working_day(stack)
        airflow.result()
    _describe(stack)
    return stack


def _start_airflow(stack: Stack, show: Show) -> None:
    with show.phase(f"Airflow: {'' if stack.stays_up else 'scheduler, '}DAG processor, API server, triggerer"):
        stack.start_airflow()
        api = _api(stack)
        later = SCHEDULER if stack.stays_up else None
        _wait(stack, lambda: api.is_healthy(without=later), "Airflow is not healthy")
        api.sign_in()
        load_settings(stack.world.settings, api.patch)


def _api(stack: Stack) -> AirflowApi:
    return AirflowApi(stack.airflow_url, _USER, stack.passwords[_USER])


def _wait(stack: Stack, ready: Callable[[], bool], otherwise: str) -> None:
    """Raises `ProgramFailed` as soon as a part of Airflow has ended."""
    deadline = time.monotonic() + _READY_TIMEOUT_S
    while not ready():
        stack.airflow.require_running()
        if time.monotonic() > deadline:
            raise DemonstrationFailed(what=f"{otherwise} after {_READY_TIMEOUT_S} s", place=stack.world.root)
        time.sleep(1)


def _begin(stack: Stack) -> None:
    """Nothing ran by its schedule until now: what was due meanwhile would have come between the nights."""
    api = _api(stack)
    api.sign_in()
    paused = [f"{firm_id}__restore_test" for firm_id in stack.registry if firm_id == night.UNDRILLED]
    _wait(stack, lambda: {FLEET_WATCH, *paused} <= api.dag_ids(), "Airflow has not read the DAGs")
    for dag_id in paused:
        api.pause(dag_id, is_paused=True)
    stack.airflow.start(only=SCHEDULER)
    _wait(stack, api.is_healthy, "Airflow's scheduler is not healthy")
    api.trigger(FLEET_WATCH)
    _wait(stack, lambda: _was_looked_at(stack), "the watch has looked at nobody")


def _was_looked_at(stack: Stack) -> bool:
    """Every firm, by a pass that has ended."""
    with suppress(WatchStoreUnavailable, WatchStoreNotReady):
        store = WatchStore.open(str(watch_store(stack.world.airflow)), read_only=True)
        return bool(store.last_passes()) and {row.firm for row in store.fleet_rows()} >= stack.registry.keys()
    return False


def _write_env(world: World) -> None:
    """For `muniment` in a shell beside it."""
    lines = {
        "MUNIMENT_REGISTRY": world.registry,
        "MUNIMENT_SETTINGS": world.settings,
        "MUNIMENT_SCRATCH": world.scratch,
        "MUNIMENT_WATCH_STORE": watch_store(world.airflow),
        "PATH": f"{Path(sys.executable).parent}:$PATH",
    }
    (world.root / "env").write_text("".join(f'export {name}="{value}"\n' for name, value in lines.items()))


def _describe(stack: Stack) -> None:
    firms = [
        {
            "id": firm.id,
            "name": firm.name,
            "tier": firm.tier,
            "conninfo": stack.clusters[firm.id].conninfo(DATABASE),
            "bucket": firm.documents[0].bucket,
            "region": firm.documents[0].region,
        }
        for firm in stack.registry.values()
    ]
    stack.world.describe(
        {
            "endpoint_url": stack.cloud.endpoint_url,
            "airflow_url": _api(stack).url,
            "passwords": {user: password.reveal() for user, password in stack.passwords.items()},
            "firms": firms,
        }
    )


def _tonight(stack: Stack, show: Show) -> dict[str, float]:
    """Each firm's chain, by Airflow's scheduler; returns how many seconds each took."""
    show.title("Tonight, through Airflow")
    api = _api(stack)
    api.sign_in()
    wanted = {f"{firm_id}__backup" for firm_id in stack.registry}
    _wait(stack, lambda: wanted <= api.dag_ids(), "Airflow has not read the DAGs")
    runs = {dag_id: api.trigger(dag_id) for dag_id in sorted(wanted)}
    _watch(stack, api, runs, show)
    return {dag_id.removesuffix("__backup"): api.run_seconds(dag_id, run_id) for dag_id, run_id in runs.items()}


def _watch(stack: Stack, api: AirflowApi, runs: Mapping[str, str], show: Show) -> None:
    deadline = time.monotonic() + _NIGHT_TIMEOUT_S
    waiting = dict(runs)
    with show.night(stack.registry) as board:
        while waiting:
            stack.airflow.require_running()
            states = {dag_id: api.run_state(dag_id, run_id) for dag_id, run_id in waiting.items()}
            tasks = api.tasks(runs)
            board.update(tasks)
            waiting = {dag_id: run_id for dag_id, run_id in waiting.items() if states[dag_id] != "success"}
            if "failed" in states.values() or time.monotonic() > deadline:
                break
            time.sleep(_POLL_S)
    if waiting:
        raise _night_failed(stack, api, runs, tasks, show)


def _night_failed(
    stack: Stack, api: AirflowApi, runs: Mapping[str, str], tasks: list[TaskState], show: Show
) -> DemonstrationFailed:
    """With the end of the log of the task that failed, or of the scheduler's where none did."""
    for task in tasks:
        if task.state == "failed":
            log = api.log(task.dag_id, runs[task.dag_id], task.task_id, task.try_number)
            return _failed(show, stack.world, f"{task.task_id} of {task.dag_id} failed", log)
    return _failed(show, stack.world, "the night did not end", stack.airflow.tail("scheduler"))


def _failed(show: Show, world: World, what: str, log: str) -> DemonstrationFailed:
    show.log(log.splitlines()[-_LOG_TAIL_LINES:])
    return DemonstrationFailed(what=what, place=world.root)


def _lose_and_restore(stack: Stack, show: Show, points: Mapping[str, Point]) -> None:
    """One firm, the last of the list."""
    firm_id, point = list(points.items())[-1]
    show.title("A server is lost")
    with show.phase(f"{firm_id}: its cluster is killed and its disk wiped"):
        night.lose_the_server(stack, firm_id)
    with show.phase(f"{firm_id}: restored from its vault into staging, documents too, and compared"):
        compared = night.restore(stack, firm_id, point)
    show.comparison(stack.registry[firm_id], point, compared)
    differing = [one.name for one in compared if not one.matches]
    if differing or not compared:
        raise DemonstrationFailed(what=f"what was restored differs in {differing}", place=stack.world.root)


def _tell_where(world: World, show: Show) -> None:
    facts = world.description()
    if facts is None:
        raise DemonstrationFailed(what="it was stopped while it started", place=world.root)
    show_directions(show.console, facts, world)


@contextmanager
def _stopped_at_the_end(world: World, show: Show) -> Iterator[None]:
    """However it ends. The folder stays when it failed: the logs are in it."""
    with _stopped_on_failure(world):
        yield
    with show.phase("stopped"):
        _stop_in_peace(world)
        world.remove()


@contextmanager
def _stopped_on_failure(world: World) -> Iterator[None]:
    world.create()
    try:
        yield
    except BaseException:
        _stop_in_peace(world)
        raise


def _stop_in_peace(world: World) -> None:
    """A second Ctrl-C must not leave half of it running."""
    before = {each: signal.signal(each, signal.SIG_IGN) for each in ENDING_SIGNALS}
    try:
        world.stop()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
