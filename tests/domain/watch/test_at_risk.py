"""RPO is the age of the first commit that a vault does not hold: never too young, never 0 for what is unknown."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.wal.names import Lsn, WalSegment
from muniment.domain.watch.at_risk import AtRisk, at_risk, with_mark
from muniment.domain.watch.firm_seen import Mark
from tests.support.watched_server import EPOCH, SEGMENT_BYTES, End, WatchedServer

NOTHING = AtRisk(since=None, rpo_s=0.0, behind_bytes=0)
UNKNOWN = AtRisk(since=None, rpo_s=None, behind_bytes=None)
EVENTS = (
    "commit",
    "commit without waiting",
    "begin",
    "end",
    "abort",
    "write",
    "sync",
    "fill",
    "switch",
    "archive",
    "archive",
    "check point",
    "crash",
    "look",
    "look",
    "look",
)


class Watch:
    """Looks at a server and keeps the marks, as the pass does."""

    def __init__(self, server: WatchedServer) -> None:
        self.server = server
        self.marks: tuple[Mark, ...] = ()

    def look(self, **changes: object) -> AtRisk:
        seen, held = self.server.seen(**changes), self.server.held()
        found = at_risk(self.marks, seen, held)
        self.marks = with_mark(self.marks, seen, [held])
        assert at_risk(self.marks, seen, held) == found, "the look's own mark changes nothing"
        return found


def happen(server: WatchedServer, event: str, pick: int) -> None:
    xids = sorted(server.open)
    if event == "commit":
        server.commit()
    elif event == "commit without waiting":
        server.end(server.begin(), flushed=False)
    elif event == "begin":
        server.begin()
    elif event in {"end", "abort"} and xids:
        server.end(xids[pick % len(xids)], commit=event == "end", flushed=event == "end")
    elif event in {"write", "fill"}:
        server.write(64 if event == "write" else SEGMENT_BYTES // 2, flushed=bool(pick % 2))
    elif event in {"sync", "switch", "archive", "crash"}:
        getattr(server, event)()
    elif event == "check point":
        server.check_point()


def first_beyond(server: WatchedServer) -> datetime | None:
    """When the first commit came to the disk that is in no archived segment."""
    end = (server.archived + 1) * SEGMENT_BYTES
    return min((each.at for each in server.ends if each.is_commit and each.at and each.lsn > end), default=None)


@given(
    st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 5), st.floats(0.01, 400)), max_size=60),
    st.integers(-3, 3),
)
def test_never_too_young_and_too_old_only_where_nothing_could_tell(
    history: list[tuple[str, int, float]], skew_s: int
) -> None:
    server = WatchedServer(skew=timedelta(seconds=skew_s))
    watch, looks = Watch(server), list[tuple[datetime, int, bool, list[End]]]()
    for event, pick, passing_s in history:
        server.after(seconds=passing_s)
        if event != "look":
            happen(server, event, pick)
            continue
        found, first = watch.look(), first_beyond(server)
        seen = server.seen()
        looks.append((server.now, server.flush, seen.is_quiet or bool(seen.open_xids), list(server.ends)))
        assert found.rpo_s != 0 or first is None
        assert found.since is None or first is None or found.since <= first
        assert (found.behind_bytes or 0) >= 0
        assert_no_older_than_need_be(server, found, looks)


def assert_no_older_than_need_be(
    server: WatchedServer, found: AtRisk, looks: list[tuple[datetime, int, bool, list[End]]]
) -> None:
    end = (server.archived + 1) * SEGMENT_BYTES
    covered = [index for index, (_, flush, _, _) in enumerate(looks) if flush <= end]
    if not covered:
        return
    at, _, told, ended = looks[covered[-1]]
    if covered[-1] == len(looks) - 1:
        assert found == NOTHING
        return
    assert found.rpo_s is not None
    if not told:
        assert found.rpo_s == 0 or (found.since is not None and found.since >= at)
        return
    same = [look for look in looks[covered[-1] :] if look[2] and look[3] == ended]
    if same[-1] is looks[-1]:
        assert found.rpo_s == 0, "nothing has ended since"
    else:
        assert found.rpo_s == 0 or (found.since is not None and found.since >= same[-1][0])


def test_an_idle_cluster_has_nothing_at_risk_for_two_days() -> None:
    """The log goes on without commits: checkpoints, running transactions, what a reader's hint bits bring about."""
    watch = Watch(server := WatchedServer())
    server.commit()
    watch.look()
    server.after(minutes=1).switch()
    server.archive()
    for hours in range(48):
        server.after(minutes=55).check_point()
        for _ in range(2 if hours % 3 else 0):
            server.after(minutes=2).write(flushed=True)
        found = watch.look()
        assert (found.rpo_s, found.since) == (0, None)
        assert found.behind_bytes == server.flush - (server.archived + 1) * SEGMENT_BYTES
    assert len(watch.marks) == 1


def test_behind_a_blocked_archiver_the_age_of_the_first_commit_grows() -> None:
    watch = Watch(server := WatchedServer())
    for _ in range(20):
        assert watch.look().rpo_s == 0
        server.after(minutes=5).write(flushed=True)
    watch.look()
    server.after(minutes=3).commit()
    before = server.now - timedelta(minutes=3)
    for minutes in range(5, 60, 5):
        server.now = before + timedelta(minutes=minutes)
        assert watch.look() == AtRisk(before, minutes * 60, server.flush - 5 * SEGMENT_BYTES)
        server.after(minutes=1).commit()
    server.switch()
    server.archive()
    assert watch.look() == NOTHING


def test_what_a_segment_ended_with_is_known_by_when_it_was_written() -> None:
    """A busy cluster, whose segments end between two looks: by the server's clock, which is an hour fast."""
    watch = Watch(server := WatchedServer(skew=timedelta(hours=1)))
    server.commit()
    watch.look()
    server.after(minutes=4).commit()
    server.switch()
    ended = server.now
    server.archive()
    server.after(seconds=30).commit()
    found = watch.look()
    assert (found.since, found.rpo_s) == (ended, 30)
    server.after(minutes=5).written_at.clear()
    assert watch.look().since == ended, "a checkpoint has let the segment go"


def test_the_last_checkpoint_is_a_mark_too() -> None:
    """It follows the end of a segment in which something was committed after the look before: nothing came behind."""
    watch = Watch(server := WatchedServer())
    watch.look()
    server.after(minutes=1).commit()
    server.switch()
    server.archive()
    server.after(minutes=1).check_point()
    server.write(flushed=True)
    server.after(minutes=1)
    assert watch.look().rpo_s == 0
    server.after(minutes=5).commit()
    assert watch.look().since == server.now - timedelta(minutes=5)


def test_a_checkpoint_tells_nothing_of_what_was_open_then() -> None:
    """What it has written lies in the vault, and its commit alone does not."""
    server = WatchedServer()
    xid = server.begin()
    server.switch()
    server.archive()
    server.check_point()
    began = server.now
    server.after(minutes=3).end(xid)
    assert Watch(server.after(minutes=1)).look() == AtRisk(began, 240, server.flush - 6 * SEGMENT_BYTES)


def test_a_commit_record_alone_is_a_commit() -> None:
    """Transactions that were open at the look before end without a new id: their ids are told."""
    watch = Watch(server := WatchedServer())
    first, second = server.begin(), server.begin()
    server.end(server.begin())
    server.switch()
    server.archive()
    watch.look()
    since = server.now
    server.after(minutes=5).end(first)
    assert watch.look().behind_bytes == 80, "a page's header, and the smallest commit there is"
    for _ in range(2):
        assert watch.look().since == since
        server.after(minutes=5)
    assert server.xmax == second + 2, "no id is new"


def test_what_stays_open_is_no_commit_however_long() -> None:
    watch = Watch(server := WatchedServer())
    first, second = server.begin(), server.begin()
    server.end(server.begin())
    server.switch()
    server.archive()
    watch.look()
    for _ in range(50):
        server.after(minutes=5).write(flushed=True)
        assert watch.look().rpo_s == 0
    since = server.now
    server.after(minutes=5).end(second)
    assert watch.look().since == since
    assert server.open == {first: server.open[first]}


def test_while_a_vault_has_more_than_was_listed_nothing_is_known() -> None:
    server = WatchedServer()
    server.commit()
    server.after(minutes=5).switch()
    server.archive()
    assert at_risk((), server.seen(), server.held()) == NOTHING
    assert at_risk((), server.seen(), server.held(more=True)) == UNKNOWN


def test_the_first_pass_ever_knows_what_the_server_tells_and_no_more() -> None:
    server = WatchedServer()
    server.commit()
    assert at_risk((), server.seen(), server.held()) == AtRisk(None, None, server.flush - 5 * SEGMENT_BYTES)
    other = WatchedServer(skew=timedelta(hours=1))
    other.begin()
    other.check_point()
    other.after(minutes=7).commit()
    assert at_risk((), other.seen(), other.held()).rpo_s is None, "what was written before it is beyond the vault"
    other.switch()
    other.archive()
    other.after(minutes=1).commit()
    assert at_risk((), other.seen(segments_written_at={}), other.held()).rpo_s == 480
    server.after(minutes=5).switch()
    server.archive()
    assert at_risk((), server.seen(), server.held()) == NOTHING
    server.after(minutes=5).commit()
    found = at_risk((), server.seen(), server.held())
    assert (found.since, found.rpo_s) == (server.now - timedelta(minutes=5), 300)


def test_unknown_is_never_0() -> None:
    server = WatchedServer()
    for held in (
        None,
        server.held(system_identifier=1),
        server.held(timeline=2),
        server.held(number=5, seen_at=EPOCH - timedelta(minutes=5)),
    ):
        assert at_risk((), server.seen(), held) == UNKNOWN
    assert at_risk((), server.seen(is_standby=True), server.held()) == UNKNOWN
    assert at_risk((), server.seen(), server.held(number=3, more=True)) == UNKNOWN, "it is being listed"
    assert at_risk((), server.seen(), server.held()) == NOTHING
    assert at_risk((), server.seen(), server.held(number=5)) == NOTHING, "it was filled meanwhile"


def test_a_log_that_went_back_is_another_one_than_the_vault_holds() -> None:
    watch = Watch(server := WatchedServer())
    server.commit()
    server.switch()
    server.archive()
    watch.look()
    server.insert = server.flush = server.flush - 100
    for _ in range(3):
        server.after(minutes=5)
        assert watch.look() == UNKNOWN


def test_after_a_promotion_the_parents_wal_does_not_hold_what_the_new_timeline_has() -> None:
    """Not even where it reaches farther: a cluster restored to an earlier instant goes on below its old end."""
    watch = Watch(server := WatchedServer())
    for _ in range(3):
        server.commit()
        server.switch()
    server.archive()
    held, looked_at = server.held(), server.now
    watch.look()
    server.after(minutes=3)
    server.timeline, server.insert, server.flush = 2, server.flush - SEGMENT_BYTES, server.flush - SEGMENT_BYTES
    server.ends, server.written_at = [], {}
    server.commit()
    seen = server.seen(segments_written_at={WalSegment(1, held.number, SEGMENT_BYTES).name: server.now})
    assert at_risk(watch.marks, seen, held) == AtRisk(looked_at, 180, 0), "received, if anything, and not written"
    watch.marks = with_mark(watch.marks, seen, [held])
    later = server.after(minutes=5).seen()
    assert at_risk(watch.marks, later, held) == AtRisk(looked_at, 480, 0)
    server.switch()
    server.archive()
    assert watch.look() == NOTHING
    server.after(minutes=5).commit()
    assert watch.look().since == server.now - timedelta(minutes=5)


def test_the_same_ids_on_another_timeline_are_other_transactions() -> None:
    watch = Watch(server := WatchedServer())
    server.commit()
    server.switch()
    server.archive()
    watch.look()
    server.after(minutes=5).write(flushed=True)
    assert watch.look().rpo_s == 0
    server.after(minutes=5).timeline = 2
    assert at_risk(watch.marks, server.seen(), server.held(timeline=1)).rpo_s == 300
    assert with_mark(watch.marks, server.seen(), [])[-1].flush_lsn == Lsn(server.flush)


def test_a_mark_of_another_cluster_is_none() -> None:
    watch = Watch(server := WatchedServer())
    watch.look()
    server.after(minutes=5).commit()
    other = server.seen(system_identifier=2)
    assert at_risk(watch.marks, other, server.held(system_identifier=2)).rpo_s is None
    assert [mark.system_identifier for mark in with_mark(watch.marks, other, [])] == [2]


def test_a_clock_that_goes_back_makes_no_commit_younger() -> None:
    """What was seen at an instant that is still to come is of an age that nobody knows."""
    watch = Watch(server := WatchedServer())
    watch.look()
    for _ in range(3):
        server.after(minutes=5).commit()
        server.switch()
        watch.look()
    server.archive()
    server.after(minutes=-8).commit()
    for _ in range(2):
        assert watch.look(segments_written_at={}).since == EPOCH + timedelta(minutes=5)
        server.after(minutes=9)


def test_marks_of_two_days_are_few_and_tell_nearly_the_same() -> None:
    """Each pass of a busy cluster, of whose two vaults the replica is away: then it catches up, segment by segment."""
    server, every, kept = WatchedServer(), list[Mark](), tuple[Mark, ...]()
    for _ in range(2 * 288):
        server.after(minutes=5).commit()
        server.write(SEGMENT_BYTES // 3, flushed=True)
        kept = with_mark(kept, server.seen(), [server.held(), None])
        every += kept[-1:]
    assert len(kept) < 350
    seen = server.seen(segments_written_at={})
    for number in range(5, server.flush // SEGMENT_BYTES - 1, 12):
        thin, whole = (at_risk(marks, seen, server.held(number=number)) for marks in (kept, every))
        assert thin.rpo_s is not None and whole.rpo_s is not None
        assert whole.rpo_s <= thin.rpo_s <= whole.rpo_s * 1.01 + 0.001


def test_marks_go_when_both_vaults_hold_more() -> None:
    server, marks = WatchedServer(), tuple[Mark, ...]()
    for _ in range(5):
        server.after(minutes=5).commit()
        server.switch()
        marks = with_mark(marks, server.seen(), [server.held(), server.held()])
    server.archive()
    here = marks[-1].at
    behind = server.held(number=server.archived - 2)
    held = server.held()
    ats = [[mark.at for mark in with_mark(marks, server.seen(), helds)] for helds in ([held, behind], [held], [])]
    assert ats == [
        [here - timedelta(minutes=10), here - timedelta(minutes=5), here],
        [here],
        [mark.at for mark in marks],
    ]
    assert with_mark(marks, server.after(minutes=5).seen(is_standby=True), [held]) == marks
    assert marks[0].flush_lsn == Lsn(6 * SEGMENT_BYTES)
