"""One incident for one cause: the narrowest thing its firms share, and what it explains is not told by itself."""

from datetime import timedelta

import pytest

from muniment.domain.incidents.incident import Silence
from muniment.domain.incidents.judged import Judged
from muniment.domain.incidents.scoping import key_of
from muniment.domain.incidents.trouble import Scope
from tests.support.troubles import EAST, WEST, Watching, judged, places_of, trouble

THOUSAND = tuple(f"firm-{number:04d}" for number in range(1000))
TEN = THOUSAND[:10]
REGION = "vault-unseen.region.us-east-2"


def lost(firms: tuple[str, ...], cause: str = "vault-unseen") -> list:
    return [trouble(firm, cause) for firm in firms]


def test_a_thousand_firms_that_lose_one_region_are_one_page_and_one_end() -> None:
    watch = Watching(*THOUSAND)
    bad = [*lost(THOUSAND), *lost(THOUSAND, "wal-at-risk"), *lost(THOUSAND, "archiver-failing")]
    told = [watch.look(*bad) for _ in range(24)]
    assert [each for each in told if each] == [[("opened", REGION)]]
    (page,) = watch.told
    assert len(page.firms) == 1000
    assert [watch.look() for _ in range(6)] == [[], [], [("resolved", REGION)], [], [], []]


def test_two_of_ten_are_each_their_own() -> None:
    watch = Watching(*TEN)
    watch.look(*lost(TEN[:2]))
    assert watch.look(*lost(TEN[:2])) == [("opened", f"vault-unseen.firm.{firm}") for firm in TEN[:2]]


def test_half_of_those_that_were_judged_are_enough() -> None:
    watch = Watching(*TEN)
    watch.look(*lost(TEN[:5]))
    assert watch.look(*lost(TEN[:5])) == [("opened", REGION)]


def test_ten_at_once_are_one_event_though_they_are_few_of_many() -> None:
    watch = Watching(*THOUSAND)
    watch.look(*lost(TEN))
    assert watch.look(*lost(TEN)) == [("opened", REGION)]


def test_two_hundred_that_share_a_key_are_named_by_the_key_and_not_by_their_region() -> None:
    key = Scope(kind="key", name="arn:aws:kms:us-east-2:1:key/shared")
    sharing = THOUSAND[:200]
    seen = judged(THOUSAND)
    seen = Judged(
        firms=tuple(
            each.model_copy(update={"scopes": (key, *each.scopes)}) if each.firm in sharing else each
            for each in seen.firms
        )
    )
    watch = Watching(*THOUSAND)
    bad = [trouble(firm, "key-unusable", scopes=(key, EAST)) for firm in sharing]
    watch.look(*bad, judged=seen)
    (told,) = watch.look(*bad, judged=seen)
    assert told == ("opened", "key-unusable.key.arn-aws-kms-us-east-2-1-key-sh")
    assert watch.the("key-unusable").scope == key


def test_firms_that_join_an_incident_that_is_open_are_no_news() -> None:
    watch = Watching(*TEN)
    watch.look(*lost(TEN[:6])), watch.look(*lost(TEN[:6]))
    assert watch.look(*lost(TEN)) == []
    assert len(watch.the(REGION).members) == 10


def test_whoever_still_has_it_when_the_others_have_not_gets_an_incident_of_its_own_once() -> None:
    watch = Watching(*THOUSAND)
    watch.look(*lost(THOUSAND)), watch.look(*lost(THOUSAND))
    left = lost(THOUSAND[:3])
    told = [each for _ in range(24) for each in watch.look(*left)]
    assert told == [("resolved", REGION), *(("opened", f"vault-unseen.firm.{firm}") for firm in THOUSAND[:3])]


def test_what_a_wider_cause_leaves_behind_is_told_once_it_is_over() -> None:
    watch = Watching(*TEN)
    watch.look(*lost(TEN)), watch.look(*lost(TEN))
    behind = trouble(TEN[0], "wal-at-risk")
    told = [each for _ in range(24) for each in watch.look(behind)]
    assert told == [("resolved", REGION), ("opened", f"wal-at-risk.firm.{TEN[0]}")]


def test_what_was_told_before_the_wider_cause_is_not_told_again_and_goes_on_after_it() -> None:
    watch = Watching(*TEN)
    own = trouble(TEN[0], "wal-at-risk")
    watch.look(own), watch.look(own)
    bad = [own, *lost(TEN)]
    told = [each for _ in range(12) for each in watch.look(*bad)]
    assert told == [("opened", REGION)]
    assert watch.the("wal-at-risk").held_back_by == watch.the(REGION).key
    told = [each for _ in range(12) for each in watch.look(own)]
    assert told == [("resolved", REGION)]
    assert watch.the("wal-at-risk").held_back_by is None
    assert watch.the("wal-at-risk").state == "open"


def test_an_own_incident_that_becomes_the_regions_is_told_by_that() -> None:
    watch = Watching(*TEN)
    watch.look(*lost(TEN[:1])), watch.look(*lost(TEN[:1]))
    told = [each for _ in range(3) for each in watch.look(*lost(TEN))]
    assert told == [("opened", REGION)]
    told = [each for _ in range(3) for each in watch.look()]
    assert told == [("resolved", f"vault-unseen.firm.{TEN[0]}"), ("resolved", REGION)]


def test_the_loss_of_the_other_region_explains_nothing_of_the_primary_vault() -> None:
    watch = Watching(*TEN)
    west = [trouble(firm, "vault-unseen", scopes=(Scope(kind="bucket", name=f"{firm}-r"), WEST)) for firm in TEN]
    bad = [*west, trouble(TEN[0], "archiver-failing")]
    watch.look(*bad)
    assert set(watch.look(*bad)) == {
        ("opened", "vault-unseen.region.us-west-2"),
        ("opened", f"archiver-failing.firm.{TEN[0]}"),
    }


def test_what_is_held_back_makes_its_cause_as_grave_as_it_is() -> None:
    watch = Watching("acme", "beta")
    paused = trouble("acme", "dag-paused", severity="warning")
    late = trouble("acme", "point-missing", severity="critical")
    watch.look(paused), watch.look(paused)
    assert watch.look(paused, late) == [("worsened", "dag-paused.firm.acme")]
    assert watch.the("dag-paused").members[0].also == ("point-missing",)
    assert watch.look(paused, late) == []


def test_a_scheduler_that_stands_still_is_one_incident_whatever_does_not_come() -> None:
    watch = Watching(*TEN, fleet=["scheduler-still", "queue-unserved"])
    airflow, queue = Scope(kind="airflow", name="airflow"), Scope(kind="queue", name="heavy")
    bad = [
        trouble(None, "scheduler-still", scopes=(airflow,)),
        trouble(None, "queue-unserved", scopes=(queue,)),
        *lost(TEN, "point-missing"),
    ]
    assert [watch.look(*bad) for _ in range(3)] == [[], [("opened", "scheduler-still.airflow.airflow")], []]
    told = [each for _ in range(4) for each in watch.look()]
    assert told == [("resolved", "scheduler-still.airflow.airflow")]


def test_a_queue_that_nobody_serves_explains_what_its_own_firms_miss() -> None:
    queue = Scope(kind="queue", name="chicago")
    seen = judged(["acme", "beta"], fleet=["queue-unserved"])
    of_queue = seen.firms[0].model_copy(update={"scopes": (*seen.firms[0].scopes, queue)})
    seen = seen.model_copy(update={"firms": (of_queue, seen.firms[1])})
    watch = Watching()
    bad = [
        trouble(None, "queue-unserved", scopes=(queue,)),
        trouble("acme", "point-missing", scopes=()),
        trouble("beta", "point-missing", scopes=()),
    ]
    watch.look(*bad, judged=seen)
    assert set(watch.look(*bad, judged=seen)) == {
        ("opened", "queue-unserved.queue.chicago"),
        ("opened", "point-missing.firm.beta"),
    }


def test_two_queues_see_one_region() -> None:
    """Each pass knows its own firms alone."""
    watch = Watching()
    one, two = judged(TEN[:5]), judged(TEN[5:])
    told = []
    for _ in range(4):
        told += watch.look(*lost(TEN[:5]), judged=one)
        told += watch.look(*lost(TEN[5:]), judged=two, after=timedelta(seconds=20))
    assert told == [("opened", REGION)]
    assert len(watch.the(REGION).members) == 10
    for _ in range(6):  # the one queue's firms are well, the other's are not
        told += watch.look(judged=one)
        told += watch.look(*lost(TEN[5:]), judged=two, after=timedelta(seconds=20))
    assert len(told) == 1
    for _ in range(4):
        told += watch.look(judged=one)
        told += watch.look(judged=two, after=timedelta(seconds=20))
    assert told == [("opened", REGION), ("resolved", REGION)]


def failed(firm: str) -> object:
    dag = Scope(kind="dag", name=f"{firm}__backup")
    return trouble(firm, "task-failed", scopes=(dag, *places_of(firm)), opens_at_once=True)


def test_a_failed_task_is_told_at_once_and_no_pass_takes_it_for_good() -> None:
    watch = Watching("acme", "beta")
    dag = "task-failed.dag.acme-backup"
    (told,) = watch.look(failed("acme"), judged=Judged())
    assert told[0] == "opened"
    assert watch.the("task-failed").scope == Scope(kind="dag", name="acme__backup"), dag
    assert [watch.look() for _ in range(12)] == [[]] * 12


def test_failed_tasks_of_a_lost_region_are_part_of_its_incident() -> None:
    """Told by their own tasks, before and after the watch knows of it; when it is over, what they left undone shows."""
    watch = Watching(*TEN)
    watch.look(*lost(TEN))
    told = [each for firm in TEN[:5] for each in watch.look(failed(firm), judged=Judged(), after=timedelta(seconds=1))]
    told += watch.look(*lost(TEN))
    told += [each for firm in TEN[5:] for each in watch.look(failed(firm), judged=Judged(), after=timedelta(seconds=1))]
    told += [each for _ in range(4) for each in watch.look(*lost(TEN))]
    assert told == [("opened", REGION)]
    told = [each for _ in range(6) for each in watch.look()]
    assert told == [("resolved", REGION)]


def test_a_failed_task_that_only_a_moments_trouble_explained_is_told_when_that_is_over() -> None:
    watch = Watching(*TEN)
    watch.look(*lost(TEN))
    assert watch.look(failed("firm-0001"), judged=Judged(), after=timedelta(seconds=1)) == []
    told = [kind for _ in range(6) for kind, _ in watch.look()]
    assert told == ["opened"]
    assert watch.the("task-failed").state == "open"


def test_a_thousand_failed_tasks_that_share_a_region_are_ten_pages_and_one() -> None:
    watch = Watching()
    told = [
        each for firm in THOUSAND[:40] for each in watch.look(failed(firm), judged=Judged(), after=timedelta(seconds=1))
    ]
    assert len(told) == 10
    assert told[-1] == ("opened", "task-failed.region.us-east-2")


def test_a_silence_of_the_region_is_one_of_what_it_explains() -> None:
    watch = Watching(*TEN)
    key = key_of("vault-unseen", EAST)
    watch.silences.append(
        Silence(
            id="s",
            firm=None,
            cause=None,
            key=key,
            until=watch.now + timedelta(hours=2),
            by="a",
            why="b",
            made_at=watch.now,
        )
    )
    bad = [*lost(TEN), *lost(TEN, "wal-at-risk")]
    assert [watch.look(*bad) for _ in range(20)] == [[]] * 20


@pytest.mark.parametrize("name", ["acme", "x" * 300, "Büro & Söhne/ß", "arn:aws:kms:us-east-2:1:key/2f"])
def test_a_key_has_sixty_four_characters_at_most_and_is_plain(name: str) -> None:
    key = key_of("configuration-missing", Scope(kind="region", name=name))
    assert len(key) <= 64
    assert key.isascii()
    assert not set(key) - set("abcdefghijklmnopqrstuvwxyz0123456789.-")
    assert key != key_of("configuration-missing", Scope(kind="bucket", name=name))


def test_a_key_can_be_read() -> None:
    assert key_of("wal-hole", Scope(kind="firm", name="harbor-lane")) == ("wal-hole.firm.harbor-lane.d109c8fe641cc227")


def test_what_is_everybodys_is_counted_by_everybody() -> None:
    """Two of ten whose DAGs somebody paused are two: in one of all Airflow a third would be no news."""
    watch = Watching(*TEN)
    airflow = Scope(kind="airflow", name="airflow")
    bad = [trouble(firm, "dag-paused", scopes=(airflow,)) for firm in TEN]
    watch.look(*bad[:2])
    assert watch.look(*bad[:2]) == [("opened", f"dag-paused.firm.{firm}") for firm in TEN[:2]]
    watch.look(*bad[:3])
    assert watch.look(*bad[:3]) == [("opened", f"dag-paused.firm.{TEN[2]}")]


def test_a_few_that_lose_it_again_after_all_had_are_counted_by_themselves() -> None:
    """They are less than a tenth of those that were in it before."""
    watch = Watching(*THOUSAND)
    watch.look(*lost(THOUSAND)), watch.look(*lost(THOUSAND))
    assert [watch.look() for _ in range(3)][-1] == [("resolved", REGION)]
    told = [each for _ in range(6) for each in watch.look(*lost(THOUSAND[:20]))]
    assert told == [("reopened", REGION)]
    assert watch.told[-1].firms == THOUSAND[:20]
    assert [watch.look() for _ in range(3)][-1] == [("resolved", REGION)]
    assert len(watch.told[-1].firms) == 20
