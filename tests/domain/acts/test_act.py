"""How an act ended, by table."""

from datetime import UTC, datetime, timedelta

import pytest

from muniment.domain.acts.act import LONGEST, Act, BegunAct, EndedAct, paired

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
BEGUN = BegunAct(
    id="20261121T093000000Z",
    firm="acme",
    act="matter",
    what="matter M-1",
    by="muniment matter",
    began_at=AT,
    process="p",
)
FAILED = EndedAct(id=BEGUN.id, firm="acme", outcome="failed", failure="LiveRowsChanged", ended_at=AT)


@pytest.mark.parametrize(
    ("ended", "runs", "after", "end"),
    [
        (FAILED, None, timedelta(), "failed"),
        (FAILED.model_copy(update={"outcome": "done"}), False, timedelta(), "done"),
        (None, True, LONGEST * 2, "not finished yet"),
        (None, False, timedelta(), "did not finish"),
        (None, None, LONGEST, "not finished yet"),
        (None, None, LONGEST + timedelta(seconds=1), "did not finish"),
    ],
)
def test_what_left_no_end_did_not_finish_or_runs_still(
    ended: EndedAct | None, runs: bool | None, after: timedelta, end: str
) -> None:
    assert Act(BEGUN, ended).end(runs=runs, now=AT + after) == end


def test_acts_come_in_the_order_in_which_they_began() -> None:
    later = BEGUN.model_copy(update={"id": "a", "began_at": AT + timedelta(seconds=1)})
    stray = FAILED.model_copy(update={"id": "nobody began it"})
    assert paired({"a": later, BEGUN.id: BEGUN}, {BEGUN.id: FAILED, "stray": stray}) == (Act(BEGUN, FAILED), Act(later))
