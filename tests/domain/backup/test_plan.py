"""Full or incremental: each reason, in its own words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from muniment.domain.backup.plan import ServerState, plan_backup, slice_bytes
from muniment.domain.firm.firm import BaseBackups
from muniment.domain.record import new_id
from muniment.domain.vault.registers import Backup, StoredFile
from muniment.domain.wal.names import Lsn

CHICAGO = "America/Chicago"
POLICY = BaseBackups(full_on="sunday", chain_limit=7)
SERVER = ServerState(system_identifier=7, version=170009, timeline=1, wal_segment_bytes=16 * 2**20, summarizes_wal=True)
MONDAY = datetime(2026, 11, 16, 8, 30, tzinfo=UTC)


def backup(at: datetime, parent: Backup | None = None, *, system: int = 7, timeline: int = 1) -> Backup:
    return Backup(
        id=new_id(at),
        firm="alder",
        point=new_id(at),
        kind="incremental" if parent else "full",
        parent=parent.id if parent else None,
        system_identifier=system,
        server_version=170009,
        wal_segment_bytes=16 * 2**20,
        timeline=timeline,
        start_lsn=Lsn(1),
        stop_lsn=Lsn(2),
        stop_timeline=timeline,
        started_at=at,
        finished_at=at,
        slice_bytes=16 * 2**20,
        zstd_level=3,
        archives=(),
        manifest=StoredFile(key="k", size_bytes=1, stored_bytes=1, sha256="0"),
    )


def chain(first: datetime, length: int) -> tuple[Backup, ...]:
    made = [backup(first)]
    for night in range(1, length):
        made.append(backup(first + timedelta(days=night), made[-1]))
    return tuple(made)


def plan(now: datetime, made: tuple[Backup, ...], **changes: object) -> str:
    server = replace(SERVER, **{k: v for k, v in changes.items() if hasattr(SERVER, k)})  # type: ignore[arg-type]
    policy = POLICY.model_copy(update={k: v for k, v in changes.items() if k in BaseBackups.model_fields})
    return str(plan_backup(policy, CHICAGO, now, made, server))


def test_a_night_builds_on_the_one_before() -> None:
    made = chain(MONDAY, 2)
    planned = plan_backup(POLICY, CHICAGO, MONDAY + timedelta(days=2), made, SERVER)
    assert planned.parent == made[1]
    assert str(planned) == f"incremental base backup: builds on {made[1].id}, number 3 of at most 7"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"incremental": False}, "the policy wants no incrementals"),
        ({"version": 150018}, "PostgreSQL 15 cannot do incrementals"),
        ({"summarizes_wal": False}, "summarize_wal is off"),
        ({"system_identifier": 8}, "20261116T083000000Z is of cluster 7, this is 8"),
        ({"timeline": 2}, "20261116T083000000Z is on timeline 1, the server on 2"),
        (
            {"version": 170012},
            "20261116T083000000Z is of PostgreSQL 17.9, which can leave changes out; the server is 17.12 now",
        ),
        ({"chain_limit": 1}, "the chain that begins with 20261116T083000000Z is at its limit of 1"),
    ],
)
def test_it_is_full_and_says_why(changes: dict[str, object], why: str) -> None:
    assert plan(MONDAY + timedelta(days=1), chain(MONDAY, 1), **changes) == f"full base backup: {why}"


def test_an_update_that_mends_nothing_is_no_reason_for_a_full_one() -> None:
    """Nor is one to a later release, when all of the chain is of a release that leaves nothing out."""
    assert plan(MONDAY + timedelta(days=1), chain(MONDAY, 1), version=170011).startswith("incremental")
    sound = tuple(each.model_copy(update={"server_version": 170012}) for each in chain(MONDAY, 1))
    assert plan(MONDAY + timedelta(days=1), sound, version=170013).startswith("incremental")


def test_the_first_of_all_is_full() -> None:
    assert plan(MONDAY, ()) == "full base backup: there is none to build on"


def test_the_weekday_is_the_firms_own() -> None:
    """Sunday 05:30 UTC is still Saturday in Chicago; Monday 05:30 UTC is still Sunday."""
    saturday, sunday = datetime(2026, 11, 15, 5, 30, tzinfo=UTC), datetime(2026, 11, 16, 5, 30, tzinfo=UTC)
    made = chain(datetime(2026, 11, 14, 1, tzinfo=UTC), 1)
    assert plan(saturday, made).startswith("incremental")
    assert plan(sunday, made) == "full base backup: it is Sunday in America/Chicago"


def test_the_second_backup_of_that_day_builds_on_the_first() -> None:
    made = chain(datetime(2026, 11, 15, 8, 30, tzinfo=UTC), 1)
    assert plan(datetime(2026, 11, 15, 20, 30, tzinfo=UTC), made).startswith("incremental")


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 3, 8, 7, 59, tzinfo=UTC),
        datetime(2026, 3, 8, 8, 1, tzinfo=UTC),
        datetime(2026, 11, 1, 7, 30, tzinfo=UTC),
    ],
    ids=["before-spring-forward", "after-spring-forward", "in-the-hour-that-comes-twice"],
)
def test_a_clock_change_on_sunday_does_not_hide_the_day(at: datetime) -> None:
    assert plan(at, chain(at - timedelta(days=2), 1)) == "full base backup: it is Sunday in America/Chicago"


def test_a_chain_at_its_limit_ends() -> None:
    made = chain(MONDAY, 6)
    assert plan(MONDAY + timedelta(days=5, hours=1), made).startswith("incremental")
    made = (*made, backup(MONDAY + timedelta(days=5, hours=1), made[-1]))
    assert "is at its limit of 7" in plan(MONDAY + timedelta(days=5, hours=2), made)


@pytest.mark.parametrize(("cluster_gib", "slice_mib"), [(0.1, 16), (0.5, 32), (100_000, 32)])
def test_a_small_cluster_has_small_slices_and_the_largest_no_larger_ones(cluster_gib: float, slice_mib: int) -> None:
    assert slice_bytes(BaseBackups(), int(cluster_gib * 2**30)) == slice_mib * 2**20


def test_the_policy_may_say_the_slice() -> None:
    assert slice_bytes(BaseBackups.model_validate({"slice_size": "64 MiB"}), 1) == 64 * 2**20
