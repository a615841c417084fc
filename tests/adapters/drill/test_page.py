"""The page of a drill shows what its evidence says, and nothing in it can act."""

from muniment.adapters.drill.page import page_of
from muniment.domain.drill.evidence import PastDrill
from muniment.domain.evidence import Check
from tests.support.drills import ENDED, NOW, drill


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


def test_a_drill_that_was_ended_says_how_far_it_came() -> None:
    """Beside a red "failed", "Checks passed: 1 of 1" would be what a reader takes along."""
    right = Check(name="pg_verifybackup", expected="a", found="a", passed=True)
    page = page_of(drill(checks=(right,), **ENDED))
    assert "Checks passed<b>1 of the 1 made</b>" in page
    assert "ended after 1 of 4 steps; whole drill: 3 min 00 s" in page
    assert "In step 2 of 4: fetch WAL." in page
    assert "not: fetch WAL; start and recover; documents" in page
    assert "1 of 1" not in page
    assert "none was made" in page_of(drill(checks=(), **ENDED))
    whole = page_of(drill(checks=(right,)))
    assert "Checks passed<b>1 of 1</b>" in whole
    assert "not made" not in whole


def test_what_the_point_lacks_is_named_and_neither_passed_nor_failed() -> None:
    right = Check(name="pg_verifybackup", expected="a", found="a", passed=True)
    page = page_of(drill(checks=(right,), not_proven=("document b/theirs: a key of the customer's",)))
    assert "Checks passed<b>1 of 1</b>" in page
    assert "document b/theirs: a key of the customer" in page
    assert 'class="mark not-proven">not proven' in page


def test_a_drill_that_did_not_finish_is_in_the_history() -> None:
    past = PastDrill(
        id="1", finished_at=NOW, side="primary", passed=False, recover_s=None, data_lost_s=None, finished=False
    )
    page = page_of(drill(history=(past,)))
    assert "2026-11-20: did not finish, not known" in page
    assert "red failed or did not finish" in page


def test_nothing_on_it_is_unseen_or_turned_round() -> None:
    odd = "a\a\N{RIGHT-TO-LEFT OVERRIDE}fdp.exe"
    page = page_of(
        drill(
            firm_name=odd,
            failure=odd,
            plan=(f"x: {odd}",),
            checks=(Check(name=odd, expected=odd, found=odd, passed=True),),
        )
    )
    assert page.count("a[U+0007][U+202E]fdp.exe") == 7
    assert "\a" not in page
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in page


def test_what_was_not_judged_is_counted_apart_and_proves_nothing() -> None:
    right = Check(name="pg_verifybackup", expected="a", found="a", passed=True)
    left = Check(name="rows of practice.tasks", expected="120", found="20120; not judged: rows come", passed=None)
    found = drill(checks=(right, left))
    page = page_of(found)
    assert (found.passed, "Checks passed<b>1 of 1, 1 not judged</b>" in page) == (True, True)
    assert '<tr class="not-judged"><td>rows of practice.tasks</td>' in page
    assert not drill(checks=(left,)).passed
