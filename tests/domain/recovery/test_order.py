"""A name decides nothing: points made late, by hand and at a second try are in measured order."""

from datetime import timedelta
from typing import NamedTuple, cast

from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.drill.rules import choose_target
from muniment.domain.record import new_id
from muniment.domain.recovery.backup_choice import Base, Choice, Restorable
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.retention.rules import plan_expiry
from muniment.domain.vault.registers import ControlTotals, Point, RecoveryWindow, WalRange
from muniment.domain.wal.names import Lsn
from muniment.runbooks.restore.find_stop import StopFinder
from muniment.runbooks.wal.search_wal import WalSearch
from tests.support.paper_archives import MIB, NOON, archive, backup, lsn, run, written
from tests.support.worlds import DAY, START, World

MINUTE = timedelta(minutes=1)


class Run(NamedTuple):
    """``late``: by how much it started after it was due, which names it; ``None``: by hand, named when it started.
    ``waits``: how long after its base backup it is registered, at a second try after others were made perhaps."""

    after: int
    late: int | None
    waits: int


RUNS = st.lists(
    st.builds(
        Run,
        after=st.integers(min_value=1, max_value=2000),
        late=st.none() | st.integers(min_value=0, max_value=4000),
        waits=st.integers(min_value=0, max_value=900),
    ),
    min_size=1,
    max_size=8,
)


def name_of(run: Run, minute: int, number: int) -> str:
    """Two runs that are due in the same minute are not of the same millisecond."""
    return new_id(NOON + (minute - (run.late or 0)) * MINUTE + timedelta(milliseconds=number))


def bases(runs: list[Run]) -> list[Base]:
    """In the order in which their backups ended. The database writes a MiB in a hundred minutes."""
    made, minute = [], 0
    for number, each in enumerate(runs):
        minute += each.after
        name = name_of(each, minute, number)
        at, begin = NOON + minute * MINUTE, 1 + minute / 100
        taken = backup(f"backup-{number}", begin, begin + 0.004, at=at)
        made.append(Base(point(name, taken.id, at, taken.stop_lsn, lsn(begin + 0.005 + each.waits / 100)), (taken,)))
    return made


def point(name: str, backup_id: str, at: object, through: Lsn, totals: Lsn) -> Point:
    window = RecoveryWindow(backup="-", timeline=1, start_lsn=Lsn(0), end_lsn=lsn(10_000), start_at=NOON)
    return Point.model_validate(
        {
            "id": name,
            "firm": "harlan-pike",
            "run": "-",
            "taken_at": at,
            "registered_at": at,
            "system_identifier": 1,
            "chain": (backup_id,),
            "kind": "full",
            "size_bytes": 0,
            "stored_bytes": 0,
            "wal": WalRange(timeline=1, first_segment="-", last_segment="-", through_lsn=through),
            "windows": (window,),
            "effective_rpo_s": 0,
            "documents": name,
            "document_count": 0,
            "document_bytes": 0,
            "config": name,
            "control_totals": ControlTotals(lsn=totals, read_at=NOON, counts={}, sums={}),
            "verified_primary_at": at,
            "verified_replica_at": at,
        }
    )


def restorable(made: list[Base]) -> Restorable:
    """As a plan takes stock: newest first, whatever the listing's order was."""
    listed = sorted(made, key=lambda base: base.point.id)
    newest_first = sorted(listed, key=lambda base: base.point.measured, reverse=True)
    end = max(base.point.control_totals.lsn.offset_bytes for base in made) // MIB + 1
    return Restorable(newest_first, archive(*run(1, end)), written(1))


def planned(found: Restorable, target: RecoveryTarget, asked: Point | None = None) -> Choice:
    """Without a look into WAL, which this archive does not have."""
    choice = StopFinder(found, cast(WalSearch, None), asked).without_reading(target)
    assert isinstance(choice, Choice), choice
    return choice


@given(RUNS)
def test_points_are_in_the_order_in_which_they_were_taken(runs: list[Run]) -> None:
    made = [base.point for base in bases(runs)]
    by_name = sorted(made, key=lambda point: point.id)
    assert sorted(by_name, key=lambda point: point.measured) == made


@given(RUNS)
def test_each_point_comes_back_from_its_own_base_backup(runs: list[Run]) -> None:
    made = bases(runs)
    found = restorable(made)
    for base in made:
        assert planned(found, RecoveryTarget("point", base.point.id), base.point).base == base


@given(RUNS, st.data())
def test_a_position_is_restored_from_the_last_backup_that_had_ended(runs: list[Run], data: st.DataObject) -> None:
    made = bases(runs)
    found = restorable(made)
    first, last = made[0].backup.stop_lsn.offset_bytes, made[-1].backup.stop_lsn.offset_bytes
    asked = Lsn(data.draw(st.integers(min_value=first, max_value=last)))
    expected = [base for base in made if base.backup.stop_lsn <= asked][-1]
    assert planned(found, RecoveryTarget("lsn", str(asked))).base == expected


@given(RUNS, st.integers())
def test_a_drill_aims_between_neighbours_in_time(runs: list[Run], seed: int) -> None:
    made = [base.point for base in bases(runs)]
    target = choose_target(
        sorted(made, key=lambda point: point.id), window=timedelta(days=999), now=made[-1].taken_at, seed=seed
    )
    assert target is not None
    if target.kind == "between":
        ids = [point.id for point in made]
        assert ids.index(target.after or "") == ids.index(target.before) + 1


def expired(names: list[str], runs: list[Run]) -> list[str]:
    """A world of nights under these names: what is kept and goes, and why, with each name replaced by its number."""
    world = World()
    for name, each in zip(names, runs, strict=True):
        world.now += each.after * MINUTE * 10
        world.night(name=name, full=each.waits % 2 == 0)
    world.now += 20 * DAY
    plan = plan_expiry(world.inventory(), policy=world.policy, now=world.now)
    told = [f"{each.group.kind} {each.group.id}: {each.keeps} {each.why}" for each in plan.verdicts]
    for number, name in enumerate(names):
        told = [line.replace(name, f"<{number}>") for line in told]
    return sorted(told)


@given(RUNS)
def test_what_expires_does_not_depend_on_names(runs: list[Run]) -> None:
    in_time = [f"point-{number:04d}" for number in range(len(runs))]
    minute, late = 0, []
    for number, each in enumerate(runs):
        minute += each.after * 10
        late.append(new_id(START + (minute - (each.late or 0) * 10) * MINUTE + timedelta(milliseconds=number)))
    assert expired(in_time, runs) == expired(late, runs)
