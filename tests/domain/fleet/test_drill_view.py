"""A drill's page: nothing is green that is not proven, and without a vault there is what the watch knows, grey."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from muniment.adapters.fleet.pages import render
from muniment.domain.drill.evidence import BegunDrill, Drill
from muniment.domain.drill.sign_off import Awaited, SignOff
from muniment.domain.evidence import Check
from muniment.domain.fleet.drill_view import DrillView, drill_view
from muniment.domain.fleet.frame import Frame
from muniment.domain.fleet.history import DrillSeen, FirmHistory
from muniment.domain.fleet.kept_evidence import CopySeen, KeptEvidence, Proven
from muniment.domain.fleet.pictures import FirmPicture
from tests.support.drills import ENDED, NOW, drill
from tests.support.html_pages import inlined, links_of, main_text, parsed
from tests.support.watched import firm_seen

LATER = NOW + timedelta(hours=1)
PASSED = (Check(name="rows of cases", expected="7", found="7", passed=True),)
ID = drill().id
SIGNED = Proven("signed")
SEEN = DrillSeen(
    id=ID, number=4, side="replica", by="muniment", started_at=NOW, finished_at=NOW, passed=True, recover_s=90.0,
    rto_s=60.0, rpo_s=900.0, checks=3, checks_passed=3,
)  # fmt: skip
AWAY = "S3 GetObject on bucket did not succeed: timed out"


def copy(side: Any = "primary", found: Drill | None = None, proven: Proven = SIGNED, **told: Any) -> CopySeen:
    known: dict[str, Any] = {"copy": "there", "drill": found or drill(checks=PASSED), "proven": proven, **told}
    return CopySeen(side, f"alder-{side}", "us-east-1", **known)


def away(side: Any = "primary", **told: Any) -> CopySeen:
    return copy(side, **{"copy": "away", "why": AWAY, "drill": None, "proven": None, **told})


def kept(*copies: CopySeen, **told: Any) -> KeptEvidence:
    return KeptEvidence("alder", ID, LATER, copies, **told)


def view(evidence: KeptEvidence, *seen: DrillSeen, **told: Any) -> DrillView:
    history = FirmHistory(firm="alder", read_at=NOW, drills=seen) if seen else None
    firm = firm_seen("alder", name="Alder <b>", time_zone="America/Chicago")
    picture = FirmPicture(firm, None, history, (), (), ())
    return drill_view(picture, evidence, told.get("now", LATER))


def page(shown: DrillView) -> str:
    return render("drill.html", Frame("/airflow", LATER), view=shown)


def text(shown: DrillView) -> str:
    return main_text(page(shown))


BEGUN = BegunDrill(
    id=ID, firm="alder", number=4, seed=1, side="primary", by="muniment", started_at=NOW, process="x"
)  # fmt: skip


@pytest.mark.parametrize(
    ("evidence", "seen", "verdict", "proof"),
    [
        (kept(copy()), (), ("passed", "safe"), ("proven by signature", "safe")),
        (kept(copy(proven=Proven("sealed"))), (), ("passed", "safe"), ("proven by sealed digest", "safe")),
        (kept(copy(found=drill())), (), ("failed", "lost"), ("proven by signature", "safe")),
        (
            kept(copy(proven=Proven("damaged", "x"))),
            (),
            ("passed, by evidence that is not proven", "unknown"),
            ("damaged", "lost"),
        ),
        (
            kept(copy(proven=Proven("proof missing", "x"))),
            (SEEN,),
            ("passed, by evidence that is not proven", "unknown"),
            ("its proof is missing", "risk"),
        ),
        (
            kept(copy(proven=Proven("not checkable", "x"))),
            (),
            ("passed, by evidence that is not proven", "unknown"),
            ("not checkable now", "unknown"),
        ),
        (kept(away(), away("replica")), (SEEN,), ("had passed when the watch saw it", "unknown"),
         ("not checkable now", "unknown")),
        (kept(unread="no connection"), (), ("unknown", "unknown"), ("not checkable now", "unknown")),
        (kept(away(copy="absent"), away("replica", copy="absent")), (SEEN,),
         ("had passed when the watch saw it", "unknown"), ("missing", "lost")),
        (kept(away(copy="absent"), away("replica", copy="damaged")), (SEEN,),
         ("had passed when the watch saw it", "unknown"), ("damaged", "lost")),
        (kept(away(copy="begun", begun=BEGUN)), (), ("under way", "new"), ("no evidence yet", "new")),
    ],
)  # fmt: skip
def test_only_what_is_proven_is_green(evidence: KeptEvidence, seen: Any, verdict: Any, proof: Any) -> None:
    shown = view(evidence, *seen)
    assert (shown.verdict.state, shown.verdict.shape) == verdict
    assert (shown.proof.state, shown.proof.shape) == proof
    html = page(shown)
    assert verdict[0] in main_text(html)
    assert proof[0] in main_text(html)
    greens = parsed(html).xpath("//main/p[@class = 'state']//*[contains(@class, 's-safe')]")
    assert bool(greens) is (verdict[1] == "safe")


def test_a_drill_that_began_long_ago_and_left_nothing_did_not_finish() -> None:
    evidence = kept(away(copy="begun", begun=BEGUN))
    assert view(evidence, now=NOW + timedelta(days=9)).verdict.state == "did not finish"


def test_what_the_evidence_says() -> None:
    found = drill(checks=(*PASSED, *drill().checks), not_proven=("documents",), recover_s=9000.0, data_lost_s=60.0)
    html = page(view(kept(copy(found=found, files={"html": b"x", "json": b"yy"}, not_made={"pdf": "no font"}))))
    shown = main_text(html)
    for part in ("rows of cases", "<script>2", "✗ failed", "not in the recovery point", "2 h 30 min ✗", "1 min 00 s"):
        assert part in shown
    assert "2026-11-20 10:57 CST" in shown
    assert "promised: 2 h 00 min (RTO): broken" in shown
    assert "No pdf: no font" in shown
    assert inlined(html) == []
    bars = parsed(html).xpath("//svg[contains(@class, 'lane')]/rect")
    assert [float(each.get("x")) for each in bars] == [0.0, 90.0]


def test_the_files_as_they_are_kept() -> None:
    html = page(view(kept(copy(files={"html": b"x", "pdf": b"y", "json": b"yy"}))))
    base = f"/airflow/recovery/firm/alder/drill/{ID}/evidence"
    links = dict(links_of(html))
    assert links["the page"] == f"{base}.html"
    downloads = {each.get("href"): each.get("download") for each in parsed(html).xpath("//a[@download]")}
    assert downloads == {f"{base}.pdf": f"{ID}.pdf", f"{base}.json": f"{ID}.json"}
    assert links["alder__restore_test"] == "/airflow/dags/alder__restore_test"


def test_what_ended_it() -> None:
    shown = text(view(kept(copy(found=drill(**ENDED)))))
    assert "In step 2 of 4: fetch WAL." in shown
    assert "WAL is missing" in shown


def test_without_a_vault_it_is_what_the_watch_knows_with_its_age_and_the_reason() -> None:
    html = page(view(kept(away(), away("replica")), SEEN))
    shown = main_text(html)
    assert AWAY in shown
    assert "what the watch has kept of it, as of 2026-11-20 11:00 CST, 1 h 00 min ago" in shown
    assert "3 of 3" in shown
    assert parsed(html).xpath("//dl[contains(@class, 'grey')]")
    assert not parsed(html).xpath("//a[@download]")


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (away("replica", copy="absent"), "The replica vault has no copy of it"),
        (away("replica", copy="damaged"), "The replica vault's copy is damaged, this is the primary vault's."),
        (copy("replica", proven=Proven("damaged", "x")), "The replica vault's copy is damaged"),
        (copy("replica", files={"json": b"other"}), "The two vaults hold different evidence of this drill"),
    ],
)
def test_a_copy_that_differs_is_said(other: CopySeen, told: str) -> None:
    shown = view(kept(copy(files={"json": b"one"}), other))
    assert told in text(shown)
    assert shown.evidence is not None
    assert shown.evidence.side == "primary"


def test_two_same_copies_raise_no_alarm() -> None:
    evidence = kept(copy(files={"json": b"one"}), copy("replica", files={"json": b"one"}))
    assert view(evidence).alarms == ()
    assert view(kept(copy(), away("replica"))).alarms == ()


SIGN_OFF = SignOff(
    firm="alder", drill=ID, drill_sha256="0", verdict="passed", quarter="2026-Q4", by="R. <i>", through="a run",
    note="Seen.", signed_at=NOW,
)  # fmt: skip
AWAITED = Awaited(ID, "2026-Q4", NOW + timedelta(days=10))


@pytest.mark.parametrize(
    ("evidence", "word", "part"),
    [
        (kept(copy(sign_off=SIGN_OFF, sign_off_proven=SIGNED)), "signed off", "for 2026-Q4 by R. <i>"),
        (kept(copy(sign_off=SIGN_OFF, sign_off_proven=Proven("damaged", "no key"))), "damaged", "no key"),
        (kept(copy(sign_off_proven=Proven("damaged", "no JSON"))), "damaged", "no JSON"),
        (kept(copy(), awaited=AWAITED), "waited for", "for 2026-Q4, until 2026-11-30 11:00 CST"),
        (kept(copy(), awaited=replace(AWAITED, due=NOW)), "overdue", "1 h 00 min ago"),
        (kept(copy()), "not signed off", "not the drill that a reviewer is asked about"),
        (kept(away()), "unknown", ""),
    ],
)
def test_the_sign_off(evidence: KeptEvidence, word: str, part: str) -> None:
    shown = view(evidence)
    assert shown.sign_off.word.state == word
    assert part in text(shown)


def test_a_sign_off_that_the_watch_saw_is_not_green_without_the_vault() -> None:
    shown = view(kept(away()), SEEN.model_copy(update={"signed_off_by": "R. Castellanos"}))
    assert shown.sign_off.word.state == "signed off by R. Castellanos when the watch saw it"
    assert shown.sign_off.word.shape == "unknown"


def test_the_firms_drills_newest_first() -> None:
    older = SEEN.model_copy(
        update={"id": "20261020T170000000Z", "number": 3, "started_at": NOW - timedelta(days=31), "passed": False}
    )
    began = SEEN.model_copy(
        update={"id": "20261121T170000000Z", "number": 5, "started_at": NOW + timedelta(minutes=9), "finished_at": None}
    )
    html = page(view(kept(copy()), older, began, SEEN))
    table = parsed(html).xpath("//main//table")[-1]
    rows = [[" ".join(cell.text_content().split()) for cell in row] for row in table.xpath("./tbody/tr")]
    assert [(row[0], row[2]) for row in rows] == [("5", "under way"), ("4 (this one)", "passed"), ("3", "failed")]
    assert rows[1][5] == "1 min 30 s ✗"
    assert ("3", "/airflow/recovery/firm/alder/drill/20261020T170000000Z") in links_of(html)
