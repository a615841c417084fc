"""A pass over a fleet: what it keeps, what it tells, and what a killed, doubled or delayed one leaves."""

import os
import signal
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from muniment.adapters.site.site import Site
from muniment.adapters.watch.store import WatchStore
from muniment.domain.firm.firm import Firm
from muniment.domain.fleet.row import FirmRow
from muniment.domain.fleet.row_of import row_of
from muniment.domain.watch.airflow import AirflowSeen
from muniment.domain.watch.assembly import Unanswered
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.passes import Pass
from muniment.domain.watch.settings import Channel, Route, WatchSettings
from muniment.errors import InvalidConfiguration, WatchStoreUnavailable
from muniment.runbooks.incidents.answer import Silenced, silence
from muniment.runbooks.watch import watch_fleet as module
from muniment.runbooks.watch import write_rows
from muniment.runbooks.watch.watch_fleet import LEASE, Fleet, watch_fleet
from tests.support.firms import paper_firm
from tests.support.progress import Told
from tests.support.simulated_looks import SimulatedClock, SimulatedFirm, SimulatedLooks

AWAY = Unanswered("connection refused", "ServerUnavailable")


@dataclass
class World:
    folder: Path
    clock: SimulatedClock = field(default_factory=SimulatedClock)
    firms: dict[str, Firm] = field(default_factory=dict)
    says: dict[str, SimulatedFirm] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    elsewhere: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def store(self) -> WatchStore:
        return WatchStore.open(str(self.folder / "watch.sqlite"))

    @property
    def settings(self) -> WatchSettings:
        note = {"file": str(self.folder / "told")}
        notifier = "tests.support.written_notes.WrittenNote"
        pager = Channel.model_validate({"name": "pager", "kind": "notifier", "notifier": notifier, "arguments": note})
        return WatchSettings(channels=(pager,), routes=(Route(tell=("pager",)),))

    def add(self, *firm_ids: str) -> None:
        self.firms |= {firm_id: paper_firm(firm_id) for firm_id in firm_ids}
        self.says |= {firm_id: SimulatedFirm() for firm_id in firm_ids}

    def watch(self, *, times: int = 1) -> Pass | None:
        """Passes, each five minutes after the one before; the last one's end."""
        done = None
        for _ in range(times):
            self.clock.pass_by(minutes=5)
            done = self.watch_now()
        return done

    def watch_now(self) -> Pass | None:
        queues = frozenset({"us-east-1"})
        fleet = Fleet("us-east-1", self.firms, self.broken, self._looks, _no_site, self.elsewhere, queues)
        airflow, told = AirflowSeen(seen_at=self.clock(), unseen="not asked", is_asked=False), Told()
        try:
            return watch_fleet(fleet, self.store, self.settings, airflow, clock=self.clock, progress=told)
        finally:
            self.notes += told.notes

    def _looks(self, firm: Firm) -> SimulatedLooks:
        return SimulatedLooks(firm, self.says[firm.id], self.clock)

    def told(self) -> list[str]:
        """Subjects, without the channel's own tests."""
        file = self.folder / "told"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line for line in lines if "TEST of channel" not in line]

    def rpo(self, firm_id: str) -> tuple[float | None, float | None]:
        seen = self.store.firms()[firm_id]
        primary, replica = seen.vault("primary"), seen.vault("replica")
        assert primary and replica
        return primary.rpo_s, replica.rpo_s


def _no_site(firm: Firm) -> Site:
    raise InvalidConfiguration(count=1, faults=f"{firm.id} has no connections")


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.add("acme", "birch")
    return world


def test_an_idle_cluster_risks_nothing_and_tells_nobody(world: World) -> None:
    """For days: tests/domain/watch/test_at_risk.py."""
    for _ in range(20):
        world.watch(times=2)
        assert world.rpo("acme") == (0.0, 0.0)
    assert world.told() == []


def test_a_commit_that_no_vault_has_grows_older(world: World) -> None:
    world.watch(times=2)
    world.says["acme"].commit()
    world.watch()
    assert world.rpo("acme") == (300.0, 300.0)
    world.watch(times=11)
    assert world.rpo("acme") == (3600.0, 3600.0)
    assert world.rpo("birch") == (0.0, 0.0)
    assert len(world.told()) == 2, world.told()  # half of the promise, and all of it
    world.says["acme"].switch()
    world.watch(times=3)
    assert world.rpo("acme") == (0.0, 0.0)
    assert len(world.told()) == 3, world.told()


def test_a_vault_that_lags_has_an_rpo_of_its_own(world: World) -> None:
    world.watch()
    world.says["acme"].commit()
    world.watch()
    world.says["acme"].switch()
    world.says["acme"].lacks = {"replica": 1}
    world.watch(times=2)
    assert world.rpo("acme") == (0.0, 900.0)


def test_what_could_not_be_seen_is_unknown_and_never_0(world: World) -> None:
    world.watch()
    world.says["acme"].server_says = AWAY
    world.says["birch"].silent = {"replica"}
    world.watch()
    assert world.rpo("acme") == (None, None)
    assert world.rpo("birch") == (0.0, None)
    samples = world.store.samples("acme", world.clock() - timedelta(minutes=1), world.clock() + timedelta(minutes=1))
    assert [(each.rpo_primary_s, each.flush_lsn_bytes) for each in samples] == [(None, None)]


def test_that_nobody_knows_what_is_at_risk_is_told_though_everything_answers(world: World) -> None:
    """After a failover that the connection did not follow, a standby answers for ever."""
    world.watch(times=2)
    world.says["acme"].is_standby = True
    world.watch(times=12)
    assert world.told() == []  # an hour is promised
    world.watch(times=2)
    [line] = world.told()
    assert "acme: nobody knows how much is not in the" in line
    world.says["acme"].is_standby = False
    world.watch(times=3)
    assert len(world.told()) == 2, world.told()


def test_a_vault_that_was_behind_before_the_first_look_is_told(world: World) -> None:
    """archive_command returns 0 and does nothing: no age can be told of what it lacks."""
    world.says["acme"].archived = 50
    for _ in range(20):
        world.says["acme"].commit()
        world.says["acme"].switch(is_archived=False)
        world.watch()
    assert world.rpo("acme") == (None, None)
    [line] = world.told()
    assert "acme: nobody knows how much is not in the" in line


def test_registers_that_cannot_be_read_are_told_and_nothing_is_called_kept(world: World) -> None:
    """The vault answers: without this a firm would owe nothing for as long as its registers cannot be read."""
    world.watch()
    world.says["acme"].evidence_says = Unanswered("points/1.json is not what was stored", "ObjectDamaged")
    world.watch(times=13)
    assert world.told() == []  # it is tried again for an hour
    world.watch(times=20)
    [line] = world.told()
    assert "its registers cannot be read" in line
    night = next(each for each in world.store.firms()["acme"].duties if each.duty == "nightly point")
    assert night.state == "unknown"


def test_a_firm_that_does_not_answer_costs_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("muniment.runbooks.watch.look_at_firms.SERVER_TIMEOUT_S", -0.5)
    world.add(*(f"firm-{number}" for number in range(20)))
    for number in range(10):
        world.says[f"firm-{number}"].hangs = True
    done = world.watch()
    assert done and (done.firms, done.fresh) == (22, 12)


@pytest.mark.parametrize("look", ["server", "vault", "evidence"])
def test_a_look_that_fails_in_a_way_nobody_foresaw_costs_its_own_firm(
    world: World, look: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as the name of a host that is none: a UnicodeError of Python's own."""

    def fails(self: SimulatedLooks, *given: Any, **more: Any) -> Any:
        if self.firm.id == "acme":
            raise UnicodeError("label empty or too long")
        return sound(self, *given, **more)

    sound = getattr(SimulatedLooks, look)
    monkeypatch.setattr(SimulatedLooks, look, fails)
    done = world.watch(times=2)
    assert done and done.firms == 2
    assert world.rpo("birch") == (0.0, 0.0)
    acme = world.store.firms()["acme"]
    assert "UnicodeError" in f"{acme.server_unseen} {acme.vaults[0].unseen} {acme.evidence_unread}"
    assert look == "evidence" or len(world.told()) in {1, 2}, world.told()


def test_a_history_goes_on_with_each_whole_look_and_asks_what_has_answered(world: World) -> None:
    world.watch()
    begun = world.store.history("acme")
    assert begun is not None and begun.unread == ("primary+replica",)
    world.says["acme"].silent = {"primary"}
    world.watch(times=6)
    assert world.store.history("acme") == begun, "not its turn"
    world.watch(times=6)
    later = world.store.history("acme")
    assert later is not None and later.unread == ("primary+replica", "replica")
    assert later.read_at > begun.read_at

    world.says["acme"].silent = {"primary", "replica"}
    world.watch(times=12)
    assert world.store.history("acme") == later, "nobody answered: it stays, with its age"


@pytest.mark.parametrize("where", ["the vaults", "the store"])
def test_a_history_that_fails_costs_nothing_else(world: World, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Any:
        raise UnicodeError("label empty or too long")

    subject, name = (SimulatedLooks, "history") if where == "the vaults" else (WatchStore, "put_histories")
    monkeypatch.setattr(subject, name, fails)
    done = world.watch(times=2)
    assert done and (done.firms, done.fresh) == (2, 2)
    acme = world.store.firms()["acme"]
    assert acme.evidence is not None and acme.evidence_unread is None
    assert world.store.history("acme") is None
    assert world.told() == []


def test_a_line_that_cannot_be_made_costs_no_other_firm_its_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def makes_no_line_of_acme(seen: FirmSeen, *given: Any, **more: Any) -> FirmRow:
        if seen.firm == "acme":
            raise ValueError("year 10000 is out of range")
        return row_of(seen, *given, **more)

    monkeypatch.setattr(write_rows, "row_of", makes_no_line_of_acme)
    world.says["birch"].server_says = AWAY
    done = world.watch(times=2)
    assert done and done.firms == 2
    assert [row.firm for row in world.store.fleet_rows()] == ["birch"]
    assert len(world.told()) == 1, "what is wrong is told all the same"


def test_a_region_that_answers_nobody_is_not_asked_for_each_firm(world: World) -> None:
    world.add(*(f"firm-{number:02d}" for number in range(40)))
    for says in world.says.values():
        says.silent = {"replica"}
    world.watch(times=2)
    why = [str(seen.vault("replica").unseen) for seen in world.store.firms().values()]  # type: ignore[union-attr]
    assert sum(each.endswith("firms in this pass; not asked") for each in why) > 20
    assert len(world.told()) == 1, world.told()


def fleet_of(world: World, count: int) -> list[str]:
    names = [f"firm-{number:02d}" for number in range(count)]
    world.add(*names)
    world._looks = lambda firm: SimulatedLooks(  # type: ignore[method-assign] - each on a host of its own
        firm, world.says[firm.id], world.clock, host=f"{firm.id}.db.example.com"
    )
    return names


def test_a_worker_that_reaches_no_database_is_one_trouble_though_each_has_its_own_host(world: World) -> None:
    names = fleet_of(world, 30)
    world.watch(times=2)
    for name in names:
        world.says[name].server_says = AWAY
    world.watch(times=4)
    assert len([line for line in world.told() if "does not answer" in line]) == 1, world.told()


def test_who_falls_silent_a_day_after_some_others_is_told_though_they_still_are(world: World) -> None:
    names = fleet_of(world, 30)
    world.watch(times=2)
    for name in names[:12]:
        world.says[name].server_says = AWAY
    world.watch(times=12)
    before = len(world.told())
    world.says[names[20]].server_says = AWAY
    world.watch(times=2)
    assert [names[20] in line for line in world.told()[before:]] == [True], world.told()


@pytest.mark.parametrize("is_broken", [True, False])
def test_what_takes_half_of_the_registry_is_one_trouble(world: World, is_broken: bool) -> None:
    """A fault in a tier's file, or a folder that was not there when it was read."""
    names = fleet_of(world, 30)
    world.watch(times=2)
    for name in names[:20]:
        del world.firms[name]
        world.broken |= {name: "policies/starter.yaml: retention: is missing"} if is_broken else {}
    world.watch(times=3)
    assert len(world.told()) == 1, world.told()


def test_the_second_of_two_passes_yields(world: World) -> None:
    begun = world.store.begin_pass("us-east-1", world.clock(), LEASE)
    assert begun
    assert world.watch() is None
    assert world.notes == ["another pass over queue us-east-1 is under way"]
    world.clock.pass_by(minutes=11)
    assert world.watch_now() is not None


@pytest.mark.parametrize("step", ["put_firms", "add_samples", "judge", "write_rows", "end_pass", "tell", "show"])
def test_a_pass_that_is_killed_loses_what_it_had_not_seen_and_no_more(world: World, step: str) -> None:
    world.watch(times=2)
    world.says["acme"].server_says = AWAY
    world.watch()
    killed = get_context("fork").Process(target=_killed_at, args=(world, step))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    world.clock.pass_by(minutes=10)
    world.watch(times=2)
    assert world.rpo("birch") == (0.0, 0.0)
    assert len(world.told()) == 1, world.told()


def _killed_at(world: World, step: str) -> None:
    def die(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    place = WatchStore if hasattr(WatchStore, step) else module
    setattr(place, step, die)
    world.watch()


def test_a_clock_that_jumps_raises_no_alarm(world: World) -> None:
    world.watch(times=3)
    world.clock.pass_by(hours=-3)
    world.watch(times=3)
    world.clock.pass_by(hours=6)
    world.watch(times=3)
    assert world.told() == []


def test_after_an_outage_of_the_watch_the_gap_is_unknown(world: World) -> None:
    world.watch(times=3)
    began = world.clock()
    world.clock.pass_by(hours=8)
    world.watch()
    samples = world.store.samples("acme", began + timedelta(seconds=1), world.clock())
    assert [each.at for each in samples] == [world.clock()]


def test_a_store_that_nobody_may_write_to_stops_the_pass_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise WatchStoreUnavailable(place="watch.sqlite", reason="attempt to write a readonly database")

    world.watch()
    monkeypatch.setattr(WatchStore, "begin_pass", refuses)
    with pytest.raises(WatchStoreUnavailable, match="readonly"):
        world.watch()


def test_a_firm_that_left_the_registry_stays_watched_and_is_told_once(world: World) -> None:
    world.watch(times=2)
    del world.firms["acme"]
    world.watch(times=4)
    seen = world.store.firms()["acme"]
    assert (seen.seen_at, bool(seen.left_registry_at)) == (world.clock(), True)
    row = next(each for each in world.store.fleet_rows() if each.firm == "acme")
    assert (row.seen_at, row.left_registry_at, row.next_night_at) == (seen.seen_at, seen.left_registry_at, None)
    assert [each.cause for each in world.store.incidents(open_only=True)] == ["left-registry"]


def test_a_firm_that_left_under_another_version_costs_no_other_one_its_look(world: World) -> None:
    world.watch(times=2)
    seen = world.store.firms()["acme"]
    world.store.put_firms([seen.model_copy(update={"definition": {**seen.definition, "of_a_later_version": 1}})])
    del world.firms["acme"]
    done = world.watch(times=3)
    assert done and done.firms == 1
    [line] = world.told()
    assert "acme" in line


def test_a_firm_that_moved_to_another_queue_has_not_left(world: World) -> None:
    """Two queues' passes begin together: the one would write over what the other saw, and call its duties leaving."""
    world.watch(times=2)
    del world.firms["acme"]
    world.elsewhere = ["acme"]
    done = world.watch()
    assert done and done.firms == 1
    assert world.store.firms()["acme"].left_registry_at is None


def test_a_firm_that_left_is_watched_until_both_its_vaults_are_gone(world: World) -> None:
    world.watch(times=2)
    del world.firms["acme"]
    world.says["acme"].silent = {"primary", "replica"}
    world.watch()
    assert "acme" in world.store.firms()
    world.says["acme"].is_gone = True
    world.watch()
    assert "acme" not in world.store.firms()
    assert [row.firm for row in world.store.fleet_rows()] == ["birch"]
    assert world.notes == ["acme left the registry, and both its vaults are gone: it is not watched any more"]


def test_a_firm_that_left_with_its_queue_stays_watched(world: World) -> None:
    world.watch()
    elsewhere = world.store.firms()["acme"].model_copy(update={"queue": "eu-central-1"})
    world.store.put_firms([elsewhere])
    del world.firms["acme"]
    world.watch()
    assert world.store.firms()["acme"].seen_at == world.clock()


def test_no_record_is_written_into_a_vault_that_does_not_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the firm's own rights goes the patience of a night: one black-holed vault would cost the whole pass."""
    asked: list[list[str]] = []
    monkeypatch.setattr(module, "keep_closed", lambda store, site, firms, *, clock: asked.append(sorted(firms)))
    world.says["acme"].silent = {"primary"}
    world.watch()
    assert asked == [["birch"]]


def test_nobody_is_called_for_a_firm_that_is_onboarding_and_one_that_never_began_is_forgotten(world: World) -> None:
    world.add("new")
    world.says["new"].server_says, world.says["new"].silent = AWAY, {"primary", "replica"}
    world.watch(times=6)
    assert world.told() == []
    world.clock.pass_by(hours=24)
    world.watch(times=3)
    assert any("new" in line for line in world.told())
    del world.firms["new"]
    world.watch()
    assert "new" not in world.store.firms()
    assert [each.cause for each in world.store.incidents(open_only=True, firm="new")] == []


def test_what_no_channel_took_is_told_by_the_next_pass_and_the_channel_is_well_again(world: World) -> None:
    world.watch(times=2)
    (world.folder / "told").unlink()
    (world.folder / "told").mkdir()
    world.says["acme"].server_says = AWAY
    world.watch(times=2)
    (world.folder / "told").rmdir()
    world.clock.pass_by(minutes=1)
    world.watch_now()
    assert any("acme: the cluster does not answer" in line for line in world.told())
    assert {each.cause for each in world.store.incidents(open_only=True)} == {"server-unseen"}


def test_a_silence_holds_back_what_nobody_has_taken_yet(world: World) -> None:
    world.watch(times=2)
    (world.folder / "told").unlink()
    (world.folder / "told").mkdir()
    world.says["acme"].server_says = AWAY
    world.watch(times=2)
    (world.folder / "told").rmdir()
    until = world.clock() + timedelta(hours=1)
    what = Silenced(firm="acme", cause="server-unseen")
    silence(world.store, what, until=until, by="ann", why="planned", clock=world.clock)
    world.watch(times=2)
    assert not any("acme" in line for line in world.told())


def test_a_roll_back_on_record_is_no_log_that_went_back(world: World) -> None:
    for says in world.says.values():
        says.timeline = 2
    world.watch(times=2)
    world.says["acme"].abandoned = (2,)
    for says in world.says.values():
        says.timeline = 1
    world.watch(times=3)
    gone_back = [each for each in world.store.incidents(open_only=True) if each.cause == "lsn-went-back"]
    assert [member.firm for each in gone_back for member in each.members] == ["birch"]


def test_a_firm_whose_file_has_a_fault_has_not_left(world: World) -> None:
    world.watch(times=2)
    del world.firms["acme"]
    world.broken["acme"] = "firms/acme.yaml: tier: is missing"
    world.watch(times=4)
    seen = world.store.firms()["acme"]
    assert (seen.seen_at, seen.left_registry_at) == (world.clock(), None)
    assert [each.cause for each in world.store.incidents(open_only=True)] == ["firm-file-broken"]


def test_what_is_to_be_told_waits_for_no_test_of_a_channel(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    for step in ("tell", "prove_channels"):
        real = getattr(module, step)
        monkeypatch.setattr(module, step, lambda *a, _s=step, _r=real, **k: (steps.append(_s), _r(*a, **k))[1])
    world.watch(times=2)
    assert steps == ["tell", "prove_channels", "tell", "tell", "prove_channels"]


def test_the_metrics_are_rendered_by_each_pass(world: World) -> None:
    world.watch()
    shown = world.store.exposition()
    assert shown and shown[1] == world.clock()
    assert b'muniment_rpo_seconds{firm="acme",region="us-east-1",tier="professional"} 0.0' in shown[0]
