"""docs/on-call.md, as an on-call engineer follows it: what each cause breaks, what arrives, and what ends it.

In the demonstration's own world of two firms, without Airflow: passes are made here, and count however close together.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from muniment.adapters.postgres.archiver import read_archiver
from muniment.adapters.postgres.session import open_session
from muniment.adapters.site.logins import connection_variables
from muniment.cli.watch.outlook import outlook
from muniment.domain.incidents import lifecycle
from muniment.domain.record import new_id
from muniment.domain.secret import Secret
from muniment.domain.watch import server_troubles
from muniment.ports import Silent, utc_now
from muniment.runbooks.drill.run_drill import run_drill
from muniment.runbooks.repair.repair_vaults import find_repair, repair
from muniment.runbooks.watch.one_pass import one_pass
from muniment_demo import causes, night
from muniment_demo.errors import NotRehearsed
from muniment_demo.firms import firm_files
from muniment_demo.on_call import told
from muniment_demo.practice import DATABASE
from muniment_demo.show import Show
from muniment_demo.stack import Stack
from muniment_demo.world import PROJECT, World
from tests.support.wal import eventually

# The notifiers' own libraries; and receivers are ended by their sessions, not by who started them.
pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("default::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:subprocess:ResourceWarning"),
]
PAGE = (PROJECT / "docs" / "on-call.md").read_text()
FIRM = night.NOT_ARCHIVING
IN_MAKE_UP, HERE = "3 firms", "2 firms"
NEEDS_AIRFLOW = "dag-paused"


@dataclass(frozen=True)
class Section:
    """One incident of the page."""

    cause: str
    alert: str
    mends: tuple[str, ...]
    """The command, in words."""
    over: str

    @classmethod
    def of(cls, text: str) -> "Section":
        blocks = re.findall(r"^```\n(.*?)\n```$", text, re.MULTILINE | re.DOTALL)
        caused, alert, mends, over = (block.replace(IN_MAKE_UP, HERE) for block in blocks)
        return cls(caused.removeprefix("python -m muniment_demo cause "), alert, tuple(mends.split()), over)


SECTIONS = {section.cause: section for section in map(Section.of, re.split(r"^## \d\. ", PAGE, flags=re.MULTILINE)[1:])}


@dataclass
class Rehearsal:
    stack: Stack = field(repr=False)
    heard: Counter[str] = field(default_factory=Counter)

    @property
    def world(self) -> World:
        return self.stack.world

    def watch(self, passes: int = 1, *, whole: bool = False) -> set[str]:
        """Subjects of what was told meanwhile."""
        for _ in range(passes):
            watch = outlook(self.world.registry, self.world.settings)
            assert one_pass(watch, None, clock=utc_now, progress=Silent(), everyone=whole)
        arrived = Counter(each.subject for each in told(self.world))
        new, self.heard = arrived - self.heard, arrived | self.heard
        return set(new)

    def work(self) -> None:
        """The firm goes on until its server has something to archive."""
        with open_session(self.stack.clusters[FIRM].conninfo(DATABASE)) as connection:
            for _ in range(2):
                connection.execute("SELECT pg_logical_emit_message(true, 'muniment', 'a note')")
                connection.execute("SELECT pg_switch_wal()")

    def has_archived_all(self) -> bool:
        statuses = self.stack.clusters[FIRM].data_dir / "pg_wal" / "archive_status"
        return not any(statuses.glob("*.ready"))

    def has_failed_to_archive(self) -> bool:
        return read_archiver(self.stack.site(FIRM).postgres).failed_count > 0

    def follow(self, words: tuple[str, ...]) -> None:
        """The page's command."""
        match words:
            case ("python", "-m", "muniment_demo", "mend", name):
                causes.mend(self.world, name, None)
            case ("muniment", "repair", firm_id):
                vaults = self.stack.site(firm_id).vaults
                plan = find_repair(vaults)
                assert len(plan.mendings) == 1
                assert repair(plan, vaults, clock=utc_now) == ()
            case _:
                raise AssertionError(words)


@pytest.fixture(scope="module")
def made(run_dir: Path) -> Iterator[Stack]:
    """A firm that was never drilled, and one that is promised the most."""
    files = firm_files(3)[1:]
    world = World(run_dir / "rehearsal")
    world.create()
    stack = Stack(world, Show().phase, stays_up=True)
    stack.passwords = {"viewer": Secret("nobody asks")}
    try:
        channels = stack._start_on_call()
        topic = stack._make_cloud(files)
        for values in files:
            stack._make_cluster(values["id"], values["tier"])
        stack._store_documents(stack.registry[night.UNDRILLED])
        stack._write_settings([*channels, ("aws", topic)])
        without_airflow(world.registry / "watch.yaml")
        night.long_ago(stack, stack.registry[night.UNDRILLED])
        night._first_night(stack, stack.registry[FIRM])
        yield stack
    finally:
        if hasattr(stack, "cloud"):
            stack.cloud.stop()  # reaps it
        world.stop()
        world.remove()


def without_airflow(watch_file: Path) -> None:
    values = yaml.safe_load(watch_file.read_text())
    watch_file.write_text(yaml.safe_dump({name: value for name, value in values.items() if name != "airflow"}))


@pytest.fixture
def rehearsal(made: Stack, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    monkeypatch.setattr(lifecycle, "_ONE_LOOK", timedelta(0))
    monkeypatch.setattr(server_troubles, "_ARCHIVER_PATIENCE", timedelta(0))
    monkeypatch.setenv("MUNIMENT_WATCH_STORE", str(made.world.root / "watch.sqlite"))
    for name, value in connection_variables(CHANNELS, made.world.settings).items():
        monkeypatch.setenv(name, value)
    found = Rehearsal(made)
    found.heard = Counter(each.subject for each in told(made.world))
    return found


CHANNELS = ("muniment_pager", "muniment_topic", "muniment_chat", "muniment_mail")


def test_who_was_never_drilled_lacks_it_until_a_drill_has_passed(rehearsal: Rehearsal) -> None:
    """In `make up` the DAG that is paused explains it; here there is none."""
    missing = f"[muniment] {night.UNDRILLED}: no restore drill has passed"
    assert missing in rehearsal.watch(whole=True)
    assert f"```\nmuniment drill {night.UNDRILLED}\n```" in PAGE
    site = rehearsal.stack.site(night.UNDRILLED)
    run_drill(site, drill_id=new_id(utc_now()), run_dir=rehearsal.world.scratch, clock=utc_now)
    assert missing.replace("] ", "] over: ") in rehearsal.watch(3, whole=True)


@pytest.mark.parametrize(
    "section", [each for name, each in SECTIONS.items() if name != NEEDS_AIRFLOW], ids=lambda each: each.cause
)
def test_the_page_is_true(rehearsal: Rehearsal, section: Section) -> None:
    rehearsal.work()
    eventually(rehearsal.has_archived_all)
    rehearsal.watch()

    causes.cause(rehearsal.world, section.cause, None)
    if section.cause == "archiver-fails":
        rehearsal.work()
        eventually(rehearsal.has_failed_to_archive)
    is_of_the_key = section.cause == "key-deletion"
    assert section.alert in rehearsal.watch(2, whole=is_of_the_key)

    rehearsal.follow(section.mends)
    eventually(rehearsal.has_archived_all)
    assert section.over in rehearsal.watch(3, whole=is_of_the_key)


def test_the_page_tells_of_each_paused_dag_as_the_alert_does() -> None:
    """tests/demo/test_commands.py sees it arrive, of another firm."""
    paused = re.findall(r"^\[muniment\] (?:over: )?([\w-]+): ([\w-]+) is paused$", PAGE, re.MULTILINE)
    assert {dag_id.rpartition("__")[0] for firm_id, dag_id in paused if firm_id in dag_id} == {night.UNDRILLED, FIRM}


def test_the_page_has_six_and_names_every_cause() -> None:
    assert len(SECTIONS) == 6
    assert set(SECTIONS) == set(causes.CAUSES)


def test_what_cannot_be_done_is_said(rehearsal: Rehearsal, tmp_path: Path) -> None:
    with pytest.raises(NotRehearsed) as repaired:
        causes.mend(rehearsal.world, "wal-lost", None)
    assert str(repaired.value) == (
        "wal-lost is not undone\n"
        "KEPT: everything: nothing was broken and nothing was put right\n"
        f"HINT: muniment repair {FIRM}."
    )
    with pytest.raises(NotRehearsed, match="there is no firm acme\n"):
        causes.cause(rehearsal.world, "cluster-down", "acme")
    with pytest.raises(NotRehearsed, match="nothing is up in "):
        causes.cause(World(tmp_path / "nowhere"), "cluster-down", None)
