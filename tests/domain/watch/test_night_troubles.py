"""What a night finds and goes on in spite of, word for word."""

from datetime import UTC, datetime, timedelta

from muniment.domain.incidents.scoping import own_scope
from muniment.domain.vault.registers import WalHole
from muniment.domain.watch.night_troubles import hole_trouble, region_away_trouble
from tests.support.firms import paper_firm

NIGHT = datetime(2026, 11, 20, 8, tzinfo=UTC)
HOLE = WalHole(start_at=NIGHT - timedelta(hours=9), end_at=NIGHT - timedelta(hours=6))


def test_holes_are_one_trouble_that_names_each() -> None:
    firm = paper_firm()
    assert hole_trouble(firm, [], "p1", NIGHT, {}) is None
    later = WalHole(start_at=NIGHT - timedelta(hours=3), end_at=NIGHT - timedelta(hours=2))
    one, two = (hole_trouble(firm, holes, "p1", NIGHT, {"log": "url"}) for holes in ([HOLE], [later, HOLE]))
    assert one is not None
    assert two is not None
    assert one.what == (
        f"the WAL archive of firm {firm.id} has a hole: no instant between 2026-11-19 23:00:00 and 2026-11-20 02:00:00"
        " can be restored"
    )
    assert one.kept == "recovery point p1 and whatever lies behind it; everything before 2026-11-19 23:00:00 UTC"
    assert one.hint == (
        "find out what removed the WAL or kept it from the archive. Where the other vault still has it,"
        f" `muniment repair {firm.id}` brings it back. Tonight's full backup is where recovery begins again."
    )
    assert two.what.startswith(f"the WAL archive of firm {firm.id} has 2 holes: no instant between 2026-11-20 05:00:00")
    assert two.kept.endswith("everything before 2026-11-19 23:00:00 UTC")
    assert (one.cause, one.severity, one.opens_at_once, one.links) == ("wal-hole", "error", True, {"log": "url"})
    assert str(own_scope(one)) == f"firm {firm.id}"


def test_a_region_that_is_away_is_the_watchs_own_incident_of_that_region() -> None:
    firm = paper_firm()
    away = region_away_trouble(firm, "S3 HeadObject on b/firm.json did not succeed: no route", NIGHT, {})
    place = firm.vaults.replica
    assert away.cause == "vault-unseen"
    assert [str(each) for each in away.scopes] == [
        f"key {place.kms_key}",
        f"bucket {place.bucket}",
        f"region {place.region}",
    ]
    assert away.what == (
        f"the second region {place.region} of firm {firm.id} does not answer: S3 HeadObject on b/firm.json did not"
        " succeed: no route"
    )
    assert away.kept == "every recovery point in the primary region; each night goes on there"
    assert away.hint == (
        f"look at the health of S3 and KMS in {place.region}. When it is back, the next night brings everything over;"
        f" `muniment points {firm.id}` shows which points are in both regions."
    )
