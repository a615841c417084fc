"""A drill that never ran is noticed; the two errors of drills say what to do."""

from datetime import UTC, datetime, timedelta

import pytest

from muniment.adapters.site.site import Site
from muniment.domain.record import new_id
from muniment.domain.vault import keys
from muniment.domain.vault.registers import WalRange
from muniment.domain.wal.names import Lsn
from muniment.errors import DrillFailed, DrillOverdue
from muniment.ports import utc_now
from muniment.runbooks.drill.watch import require_recent_drill
from tests.support.points import make_point


def test_an_overdue_drill_is_told(site17: Site) -> None:
    require_recent_drill(site17.primary, clock=utc_now)
    begun = datetime(2026, 11, 19, 12, tzinfo=UTC)
    wal = WalRange(timeline=1, first_segment="a", last_segment="b", through_lsn=Lsn(100))
    point = make_point(new_id(begun), wal, at=begun)
    site17.primary.put_register(keys.point(point.id), point, locked_until=None)
    require_recent_drill(site17.primary, clock=lambda: begun + timedelta(days=34))
    with pytest.raises(DrillOverdue):
        require_recent_drill(site17.primary, clock=lambda: begun + timedelta(days=36))


def test_the_errors_word_for_word() -> None:
    failed = DrillFailed(
        drill="20261120T083000123Z",
        firm="alder",
        bucket="v",
        faults="a: expected 1, found 2",
        key="k",
        seed=7,
        side="replica",
        by="restore-kit",
    )
    assert str(failed) == (
        "drill 20261120T083000123Z of firm alder from vault v failed:\na: expected 1, found 2\n"
        "KEPT: the firm's data: a drill only reads it; the evidence, in both vaults under k\n"
        "HINT: correct what the lines name, then repeat it: "
        "`muniment drill alder --seed 7 --from replica --by restore-kit`."
    )
    assert str(DrillOverdue(firm="alder", since="2026-10-01", due="2026-11-05")) == (
        "no drill of firm alder has passed since 2026-10-01; one was due by 2026-11-05\n"
        "KEPT: everything; a drill only reads\n"
        "HINT: find out why in `muniment drills alder`, then run `muniment drill alder`."
    )
