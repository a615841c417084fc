from muniment.domain.drill.evidence import Drill, RestoreFigures
from muniment.domain.evidence import Check
from muniment.domain.fleet.documents_then import documents_of_night
from muniment.domain.fleet.history import DrillSeen
from muniment.domain.fleet.recoverable import Held, held_by_each
from muniment.domain.fleet.verdict import verdict_of
from muniment.domain.fleet.way_there import Way, measured_of, way_to
from muniment.domain.restore.estimate import Measured, estimate_s
from tests.support.drills import drill
from tests.support.recovery_pictures import HOUR, NOW, drill_seen, nightly, whole_picture

NIGHTS = nightly(5)
PASSED = (Check(name="rows", expected="1", found="1", passed=True),)
FIGURES = RestoreFigures(
    base_bytes=4000, base_stored_bytes=1000, base_s=20, wal_segments=100, wal_bytes=100, wal_s=30, replay_s=20
)


def held(**changed: object) -> Held:
    known = whole_picture()
    assert known.history is not None
    nights = tuple(each.model_copy(update=changed) for each in known.history.nights)
    return held_by_each(known.seen, None, known.history.model_copy(update={"nights": nights}), NOW)[0]


def way(found: Held, *drills: DrillSeen, hours: float = 26.0) -> Way:
    at = NOW - hours * HOUR
    verdict = verdict_of(found, at, NOW, "UTC")
    assert verdict.comes_back
    return way_to(found, at, documents_of_night(NIGHTS[0]), drills, verdict)


def seen(evidence: Drill) -> DrillSeen:
    """As the registers' rotation reads it."""
    figures = evidence.figures
    told = figures.model_dump(exclude={"base_bytes", "wal_bytes"}) if figures else {}
    return drill_seen(
        1, evidence.started_at, by=evidence.by, passed=evidence.passed, recover_s=evidence.recover_s, **told
    )


def test_the_watchs_figures_of_drills_estimate_what_their_evidence_does() -> None:
    evidence = [
        drill(checks=PASSED, recover_s=100.0, figures=FIGURES),
        drill(checks=PASSED, recover_s=90.0, figures=FIGURES.model_copy(update={"base_s": 33.0})),
        drill(checks=PASSED, recover_s=80.0),
        drill(checks=PASSED, recover_s=70.0, by="restore-kit", figures=FIGURES),
        drill(recover_s=60.0, figures=FIGURES),
        drill(checks=PASSED, recover_s=None),
    ]
    for some in (evidence, evidence[2:], evidence[4:], evidence[:1]):
        by_evidence = estimate_s(map(Measured.of, some), stored_bytes=7_000, segments=40)
        assert estimate_s(map(measured_of, map(seen, some)), stored_bytes=7_000, segments=40) == by_evidence


def test_the_newest_base_backup_before_the_instant_and_a_sound_one_first() -> None:
    found = way(held())
    assert found.base is not None
    assert found.base.point == NIGHTS[-2].point
    damaged = held().points[-2].model_copy(update={"is_damaged": True})
    points = tuple(damaged if each.point == damaged.point else each for each in held().points)
    known = whole_picture()
    assert known.history is not None
    sound = held_by_each(known.seen, None, known.history.model_copy(update={"nights": points}), NOW)[0]
    before = way(sound, hours=25.0).base
    assert before is not None
    assert before.point == NIGHTS[-3].point
    assert way(held(is_damaged=True), hours=25.0).base is not None


def test_wal_comes_evenly_between_what_is_known() -> None:
    """A MiB a minute, and a segment is one: from ten minutes before the point."""
    assert abs((way(held(), hours=20.0).segments or 0) - (6 * 60 + 10)) <= 3
    point = way(held(), hours=26.0)
    assert abs((point.segments or 0) - 10) <= 3


def test_what_is_fetched_is_the_chain_and_the_documents() -> None:
    measured = seen(drill(checks=PASSED, recover_s=100.0, figures=FIGURES))
    found = way(held(), measured)
    assert found.fetch_bytes == 1500
    assert found.estimate_s == 20 * 1.5 + 50 * (found.segments or 0) / 100
    assert found.drills == 1


def test_where_the_chain_is_not_known_whole_drills_stand_for_it() -> None:
    measured = seen(drill(checks=PASSED, recover_s=100.0, figures=FIGURES))
    found = way(held(chain_stored_bytes=None), measured)
    assert (found.fetch_bytes, found.estimate_s) == (None, 100.0)
    assert way(held()).estimate_s is None


def test_a_base_backup_whose_night_is_not_known_is_not_made_up() -> None:
    known = whole_picture()
    found = held_by_each(known.seen.model_copy(update={"definition": {}}), None, None, NOW)
    assert found[0].stretches == ()
    promised = held_by_each(known.seen, None, None, NOW)[0]
    found_way = way(promised, hours=20.0)
    assert (found_way.base, found_way.segments, found_way.fetch_bytes) == (None, None, None)
