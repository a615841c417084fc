"""The plan as its approver reads it, what is left out, how long it takes, and where it really ended."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from muniment.domain.drill.evidence import Drill, RestoreFigures
from muniment.domain.evidence import Check
from muniment.domain.recovery.backup_choice import Choice, Restorable, Stop
from muniment.domain.recovery.wal_coverage import TimelineHistory
from muniment.domain.restore.estimate import Measured, estimate_s
from muniment.domain.restore.outcome import Reached, differences
from muniment.domain.restore.plan import (
    DocumentsToRestore,
    OtherTimeline,
    PlacedTablespace,
    RestorePlan,
    WalToReplay,
)
from muniment.domain.restore.plan_text import NEVER_IN_IT, left_out, left_out_of_documents, plan_lines
from muniment.domain.restore.space import RoomNeeded
from muniment.domain.vault.registers import WalRange
from muniment.domain.wal.names import Lsn
from tests.support.paper_archives import MIB, NOON, archive, base, lsn, run, written

TRANSACTIONS = "transactions that ended behind LSN 16/B374D848, after 2026-11-20 12:30:01.123456 UTC"
LAST = datetime(2026, 11, 20, 12, 30, 1, 123456, tzinfo=UTC)


def plan(**changes: Any) -> RestorePlan:
    told: dict[str, Any] = {
        "id": "20261121T083000123Z",
        "firm": "okafor-steele",
        "made_at": LAST,
        "target": "2026-11-20 12:30:02.000000+00:00",
        "settings": {"recovery_target_time": "2026-11-20 12:30:02.000000+00:00"},
        "side": "primary",
        "vault": "okafor-vault",
        "region": "us-east-1",
        "point": "20261120T083000123Z",
        "chain": ("20261119T083000123Z", "20261120T083000123Z"),
        "server_version": 170005,
        "timeline": 2,
        "history": 2,
        "serving": 2,
        "reaches_lsn": Lsn(0x16B374D848),
        "reaches_at": LAST,
        "replay": WalToReplay(
            wal=WalRange(
                timeline=2,
                first_segment="000000010000001600000090",
                last_segment="0000000200000016000000B3",
                through_lsn=Lsn(0x16B4000000),
            ),
            segments=1036,
            stored_bytes=10**9,
        ),
        "documents": DocumentsToRestore(
            at=LAST.replace(microsecond=0), snapshot="20261120T083000123Z", count=12345, size_bytes=10**10
        ),
        "config": "20261120T083000123Z",
        "into": "/srv/restored",
        "fetch_bytes": 12 * 10**9,
        "space_needed_bytes": 3 * 10**9,
        "space_there_bytes": 10**9,
        "estimate_s": 754.3,
        "held_until": datetime(2026, 11, 21, 13, tzinfo=UTC),
        "left_out": (
            "transactions that ended behind LSN 16/B374D848, after 2026-11-20 12:30:01.123456 UTC",
            NEVER_IN_IT,
        ),
    }
    return RestorePlan(**{**told, **changes})


def test_a_plan_is_a_page() -> None:
    assert "\n".join(plan_lines(plan())) == (
        "restore        okafor-steele to 2026-11-20 12:30:02.000000+00:00\n"
        "reaches        LSN 16/B374D848, the last transaction in it ended at 2026-11-20 12:30:01.123456 UTC\n"
        "from           okafor-vault in us-east-1, the primary vault\n"
        "base backup    20261120T083000123Z of recovery point 20261120T083000123Z, PostgreSQL 17\n"
        "               an increment, the last of 1: 20261119T083000123Z + 20261120T083000123Z\n"
        "               visibility maps that an increment holds in part are blanked: until VACUUM, indexes read the\n"
        "                 rows too\n"
        "WAL            1,036 segments (953.7 MiB)\n"
        "               000000010000001600000090 to 0000000200000016000000B3, timeline 2\n"
        "timeline       2, which serves\n"
        "documents      12,345 (9.3 GiB), as they were at 2026-11-20 12:30:01 UTC, from snapshot 20261120T083000123Z\n"
        "configuration  of 20261120T083000123Z\n"
        "into           /srv/restored\n"
        "replaces       nothing\n"
        "to fetch       11.2 GiB\n"
        "space          2.8 GiB needed, 953.7 MiB there: TOO LITTLE\n"
        "takes about    12 min 34 s\n"
        "held           until 2026-11-21 13:00:00 UTC: nothing of it is deleted before then or before it has been\n"
        "                 carried out; later, it is looked at again first\n"
        "not in it      transactions that ended behind LSN 16/B374D848, after 2026-11-20 12:30:01.123456 UTC\n"
        "               what no base backup holds: rows of unlogged tables, replication slots, and whatever lies\n"
        "                 outside of the data directory, such as the server's log and, on Debian, postgresql.conf and\n"
        "                 pg_hba.conf"
    )


def test_the_plan_says_which_timeline_it_took_and_that_another_exists() -> None:
    other = OtherTimeline(timeline=2, seen_at=LAST.replace(microsecond=0))
    lines = [line[15:] for line in plan_lines(plan(timeline=1, history=1, serving=1, others=(other,)))]
    taken = lines.index("1, which serves")
    there = "timeline 2 has more, or something else, until 2026-11-20 12:30:01 UTC: `--to timeline:2:latest`"
    assert lines[taken + 1] == there
    asked = [line[15:] for line in plan_lines(plan(serving=1))]
    assert "2, AS WAS ASKED FOR: the firm's cluster is on timeline 1" in asked


def test_the_plan_says_where_each_tablespace_is_led() -> None:
    there = plan(into="/srv/r")
    led = plan(
        into="/srv/r",
        replay=there.replay.model_copy(update={"unread_segments": 2}),
        tablespaces=(
            PlacedTablespace(oid=16389, location="/mnt/a", place="/srv/r-tablespaces/16389", made_by="backup"),
            PlacedTablespace(oid=16400, location="/mnt/b", place="/srv/r/pg_tblspc/16400", made_by="WAL"),
        ),
    )
    added = [line for line in plan_lines(led) if line not in plan_lines(there)]
    assert added == [
        "tablespaces    16389: /mnt/a of the firm's, led to /srv/r-tablespaces/16389",
        "               16400, which the WAL makes: /mnt/b of the firm's, led to /srv/r/pg_tblspc/16400",
        "               2 segments are read when they are fetched: a tablespace that is made there lies in",
        "                 /srv/r/pg_tblspc as well",
    ]


def test_what_is_not_known_is_said() -> None:
    unknown = plan(
        chain=("20261120T083000123Z",),
        reaches_lsn=None,
        reaches_at=None,
        documents=None,
        space_there_bytes=None,
        estimate_s=None,
        left_out=(),
        held_until=None,
        replaces="/var/lib/postgresql/17/main",
    )
    lines = {line[:15].strip(): line[15:] for line in plan_lines(unknown)}
    assert lines["reaches"] == "LSN 16/B4000000 or before"
    assert lines["documents"] == "none"
    assert lines["space"] == "2.8 GiB needed"
    assert lines["takes about"] == "not known: no drill of this firm has passed yet"
    assert lines["held"] == "no: a plan to look at; expire may delete some of it at any time"
    assert lines["replaces"] == "/var/lib/postgresql/17/main, which goes aside"
    assert lines["not in it"] == "nothing that is known"


def test_what_is_written_over_and_each_file_system_is_said() -> None:
    over = plan(
        into="/srv/main",
        replaces="/srv/main",
        space=(
            RoomNeeded(places=("/srv/main", "/srv/space"), needed_bytes=2**30, there_bytes=2**31),
            RoomNeeded(places=("/mnt/space",), needed_bytes=2**30, there_bytes=2**29),
        ),
    )
    before = plan_lines(plan(into="/srv/main"))
    assert [line for line in plan_lines(over) if line not in before] == [
        "replaces       the cluster in /srv/main, WRITTEN OVER: what differs becomes the backup's, what it does not",
        "                 have goes",
        "space          /srv/main, /srv/space: 1.0 GiB needed, 2.0 GiB there",
        "               /mnt/space: 1.0 GiB needed, 512.0 MiB there: TOO LITTLE",
    ]
    one = plan_lines(plan(space=over.space[1:]))
    assert "space          1.0 GiB needed, 512.0 MiB there: TOO LITTLE" in one


def test_what_is_left_out_of_the_database() -> None:
    history = TimelineHistory(2, ((1, lsn(5.5)),))
    held = archive(*run(3, 7), *run(5, 6, timeline=2), histories=(history,))
    found = Restorable((base("a", 3.1, 3.5),), held, written(1, 2))
    choice = found.choose(Stop(lsn(5.6), lsn(5.6), Lsn(lsn(5.6).offset_bytes + 32)))
    assert isinstance(choice, Choice)
    assert list(left_out(choice, found, LAST)) == [
        "transactions that ended behind LSN 0/599999, after 2026-11-20 12:30:01.123456 UTC",
        "what timeline 1 wrote behind LSN 0/580000, where history left it",
        NEVER_IN_IT,
    ]
    before = found.choose(Stop(lsn(5.2), lsn(5.2), Lsn(lsn(5.2).offset_bytes + 32)))
    assert isinstance(before, Choice)
    assert list(left_out(before, found, None)) == [
        "transactions that ended behind LSN 0/533333",
        "what was written on timeline 2, which branched off elsewhere or later",
        NEVER_IN_IT,
    ]
    consistent = found.consistent()
    assert isinstance(consistent, Choice)
    assert next(left_out(consistent, found, LAST)) == (
        "every transaction that was committed after the base backup ended"
    )


def test_what_is_left_out_of_the_documents() -> None:
    documents = DocumentsToRestore(at=NOON, snapshot="-", count=1, size_bytes=1)
    assert list(left_out_of_documents(documents, NOON)) == []
    assert list(left_out_of_documents(documents, NOON + timedelta(hours=3), uncertain=2)) == [
        "what became of documents after 2026-11-20 12:00:00 UTC: they are 3 h 00 min older than the database",
        "certainty about 2 documents: they may have been deleted by then, and nothing recorded tells",
    ]
    assert list(left_out_of_documents(None, NOON)) == [
        "documents: no snapshot in this vault is as old as 2026-11-20 12:00:00 UTC"
    ]


def drill(recover_s: float, *, base_s: float | None = None, passed: bool = True, by: str = "muniment") -> Drill:
    figures = RestoreFigures(
        base_bytes=2000,
        base_stored_bytes=1000,
        base_s=base_s or 0,
        wal_segments=10,
        wal_bytes=10 * MIB,
        wal_s=1,
        replay_s=2,
    )
    return Drill.model_validate(
        {
            "id": "20261120T083000123Z",
            "firm": "okafor-steele",
            "firm_name": "Okafor",
            "number": 1,
            "seed": 1,
            "target": None,
            "side": "primary",
            "by": by,
            "vault": "-",
            "region": "-",
            "started_at": NOON,
            "finished_at": NOON,
            "steps": (),
            "checks": (Check(name="-", expected="-", found="-", passed=passed),),
            "recover_s": recover_s,
            "data_lost_s": None,
            "recovery_class": "-",
            "rto_s": 1,
            "rpo_s": 1,
            "figures": figures if base_s is not None else None,
        }
    )


def estimated(drills: list[Drill], *, stored_bytes: int, segments: int) -> float | None:
    return estimate_s(map(Measured.of, drills), stored_bytes=stored_bytes, segments=segments)


def test_a_restore_takes_what_drills_took_for_as_much() -> None:
    assert estimated([drill(99, base_s=4)], stored_bytes=3000, segments=20) == 3 * 4 + 2 * (1 + 2)
    three = [drill(99, base_s=seconds) for seconds in (10, 4, 100)]
    assert estimated(three, stored_bytes=1000, segments=0) == 10
    assert estimated([drill(99, base_s=4, passed=False)], stored_bytes=1000, segments=0) is None
    assert estimated([], stored_bytes=1000, segments=0) is None


def test_a_drill_without_figures_stands_for_itself() -> None:
    assert estimated([drill(30), drill(50)], stored_bytes=10**9, segments=5) == 40
    assert estimated([drill(30), drill(50, base_s=4)], stored_bytes=1000, segments=0) == 4


def test_old_drills_are_forgotten() -> None:
    slow, fast = [drill(99, base_s=100)] * 10, [drill(9, base_s=1)] * 5
    assert estimated([*slow, *fast], stored_bytes=1000, segments=0) == 1


def reached(position: int, *, at: datetime | None = LAST, timeline: int = 2) -> Reached:
    return Reached(lsn=Lsn(position), last_commit_at=at, timeline=timeline)


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        (reached(0x16B374D848), []),
        (reached(0x16B374D848, at=None), []),
        (reached(0x16B374D850), ["replay ended at 16/B374D850, not at 16/B374D848"]),
        (reached(0x16B374D848, timeline=1), ["it followed timeline 1, not 2"]),
        (
            reached(0x16B374D848, at=LAST + timedelta(microseconds=1)),
            ["its last transaction ended at 2026-11-20 12:30:01.123457 UTC, not at 2026-11-20 12:30:01.123456 UTC"],
        ),
    ],
)
def test_where_it_ended_is_where_the_plan_said(found: Reached, wrong: list[str]) -> None:
    assert list(differences(plan(), found, 16 * MIB)) == wrong


@pytest.mark.parametrize(
    ("target", "settings", "position", "wrong"),
    [
        ("latest", {}, 0x16B3500000, []),
        ("latest", {}, 0x16B4000000, []),
        ("latest", {}, 0x16B3000000, ["replay ended at 16/B3000000, not in the archive's last segment, "]),
        ("16/B3500000", {"recovery_target_lsn": "16/B3500000"}, 0x16B3500020, []),
        (
            "16/B3500000",
            {"recovery_target_lsn": "16/B3500000"},
            0x16B3500000,
            ["replay ended at 16/B3500000, not"],
        ),
        (
            "20261120T083000123Z",
            {"recovery_target_lsn": "16/B3500000", "recovery_target_inclusive": "off"},
            0x16B3500020,
            ["replay ended at 16/B3500020, not at 16/B3500000"],
        ),
    ],
)
def test_without_pg_waldump_the_target_is_all_that_is_known(
    target: str, settings: dict[str, str], position: int, wrong: list[str]
) -> None:
    blind = plan(target=target, settings=settings, reaches_lsn=None, reaches_at=None)
    found = list(differences(blind, reached(position), 16 * MIB))
    assert [said[: len(start)] for said, start in zip(found, wrong, strict=True)] == wrong
