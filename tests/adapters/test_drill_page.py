"""The page of a drill shows what its evidence says, and nothing in it can act."""

from datetime import UTC, datetime, timedelta
from typing import Any

from include.muniment.adapters.drill_page import page_of
from include.muniment.domain.drill_evidence import Check, Drill, DrillTarget, PastDrill, TimedStep
from include.muniment.domain.wal import Lsn

NOW = datetime(2026, 11, 20, 17, tzinfo=UTC)


def drill(**changes: Any) -> Drill:
    told: dict[str, Any] = {
        "id": "20261120T170000000Z", "firm": "alder", "firm_name": "Alder & Söhne", "number": 1, "seed": 7,
        "target": DrillTarget(kind="point", lsn=Lsn(1), before="p"), "side": "replica", "by": "muniment",
        "vault": "alder-replica", "region": "us-west-2", "plan": ("target: p", "base backups: a, b"),
        "started_at": NOW - timedelta(minutes=3), "finished_at": NOW, "recover_s": 100.0, "data_lost_s": None,
        "steps": (TimedStep(name="start", begins_s=0, seconds=90), TimedStep(name="read", begins_s=90, seconds=10)),
        "checks": (Check(name="rows of <b>", expected="1", found="<script>2", passed=False),),
        "recovery_class": "small", "rto_s": 7200, "rpo_s": 43200,
    }  # fmt: skip
    return Drill(**{**told, **changes})


def test_what_was_found_is_shown_as_text() -> None:
    page = page_of(drill())
    assert "Alder &amp; Söhne" in page
    assert "&lt;script&gt;2" in page
    assert "<script" not in page
    for text in ("alder-replica", "us-west-2", "a, b", "1 min 40 s", "2 h 00 min", "not known", "✗ failed"):
        assert text in page


def test_the_time_line_is_to_scale_and_the_history_has_each_drill() -> None:
    past = [
        PastDrill(id=str(n), finished_at=NOW, side="primary", passed=n != 1, recover_s=50, data_lost_s=1)
        for n in range(3)
    ]
    page = page_of(drill(history=tuple(past)))
    assert 'x="0.0" y="0" width="90.0"' in page
    assert 'x="90.0" y="0" width="10.0"' in page
    assert page.count("<circle") == 4
    assert page.count("failed, 50.0 s") == 1


def test_a_drill_that_came_to_nothing_has_a_page_too() -> None:
    page = page_of(drill(target=None, checks=(), steps=(), recover_s=None, failure="the vault <is> empty", plan=()))
    assert "the vault &lt;is&gt; empty" in page
    assert "It did not come to a check." in page


def test_it_says_how_far_its_proof_goes() -> None:
    assert "weaker than a signature" in page_of(drill())
    assert "openssl dgst -sha256 -verify" in page_of(drill(signing_key="arn:aws:kms:us-east-1:111122223333:key/k"))
