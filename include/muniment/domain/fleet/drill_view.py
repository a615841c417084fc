"""A drill's page: what its evidence says, how far that is proven, and what the watch knows where no vault answers."""

from dataclasses import dataclass
from datetime import datetime

from muniment.domain.drill.rules import did_not_finish
from muniment.domain.drill.sign_off import SignOff
from muniment.domain.drill.view import SEALED_MEANS, SIGNED_MEANS, View
from muniment.domain.fleet.history import DrillSeen
from muniment.domain.fleet.kept_evidence import ENDINGS, CopySeen, Ending, KeptEvidence, Proven
from muniment.domain.fleet.past_drills import PastLine, past_lines
from muniment.domain.fleet.pictures import FirmPicture
from muniment.domain.fleet.shown_word import ShownWord
from muniment.domain.shown_text import shown
from muniment.domain.units import human_duration

_PROOFS = {
    "signed": ShownWord("proven by signature", "safe"),
    "sealed": ShownWord("proven by sealed digest", "safe"),
    "damaged": ShownWord("damaged", "lost"),
    "proof missing": ShownWord("its proof is missing", "risk"),
    "not checkable": ShownWord("not checkable now", "unknown"),
}
_MEANS = {"signed": SIGNED_MEANS, "sealed": SEALED_MEANS}


@dataclass(frozen=True, slots=True)
class CopyLine:
    """What one vault has."""

    side: str
    bucket: str
    region: str
    word: ShownWord
    why: str


@dataclass(frozen=True, slots=True)
class SignOffLine:
    """``record``: somebody's word, with ``word`` how far that is proven; ``due_at``: until when it is waited for."""

    word: ShownWord
    why: str = ""
    record: SignOff | None = None
    due_at: datetime | None = None
    quarter: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """``is_broken``: more than was promised; ``None``: nobody knows."""

    label: str
    value: str
    promised: str
    is_broken: bool | None


@dataclass(frozen=True, slots=True)
class DrillView:
    firm: str
    firm_name: str
    zone: str
    drill_id: str
    verdict: ShownWord
    proof: ShownWord
    proof_means: str
    """What the proof proves, or why there is none."""
    copies: tuple[CopyLine, ...]
    alarms: tuple[str, ...]
    """What is wrong with one vault's copy, whatever the other one proves."""
    evidence: CopySeen | None
    """From which vault the page is drawn; ``None``: from none."""
    page: View | None
    measured: tuple[Measured, ...]
    seen: DrillSeen | None
    """As the watch has kept it; shown where ``page`` is ``None``."""
    seen_at: datetime | None
    looked_at: datetime
    sign_off: SignOffLine
    history: tuple[PastLine, ...]
    files: tuple[tuple[Ending, int], ...]
    """Those that are kept and are right, with their sizes in bytes."""
    not_made: tuple[tuple[str, str], ...]

    @property
    def dag(self) -> str:
        """Of this firm's drills. Which of its runs it was, the evidence does not say."""
        return f"{self.firm}__restore_test"


def drill_view(picture: FirmPicture, evidence: KeptEvidence, now: datetime) -> DrillView:
    """``evidence``: of a drill of the firm in ``picture``."""
    kept, history = evidence.shown, picture.history
    seen = next((each for each in history.drills if each.id == evidence.drill_id), None) if history else None
    proof, means = _proof(evidence)
    return DrillView(
        firm=picture.seen.firm,
        firm_name=picture.seen.name,
        zone=picture.seen.time_zone,
        drill_id=evidence.drill_id,
        verdict=_verdict(evidence, seen, now),
        proof=proof,
        proof_means=means,
        copies=tuple(map(_copy_line, evidence.copies)),
        alarms=tuple(_alarms(evidence)),
        evidence=kept,
        page=View(kept.drill, kept.sign_off) if kept and kept.drill else None,
        measured=_measured(kept, seen),
        seen=seen,
        seen_at=history.read_at if history else None,
        looked_at=evidence.looked_at,
        sign_off=_sign_off(evidence, seen, now),
        history=past_lines(history, evidence.drill_id),
        files=tuple((each, len(kept.files[each])) for each in ENDINGS if each in kept.files) if kept else (),
        not_made=tuple(kept.not_made.items()) if kept else (),
    )


def _verdict(evidence: KeptEvidence, seen: DrillSeen | None, now: datetime) -> ShownWord:
    """Only what is proven is called passed without a word more."""
    kept = evidence.shown
    if kept is not None and kept.drill is not None:
        if not kept.drill.passed:
            return ShownWord("failed", "lost")
        is_right = kept.proven is not None and kept.proven.is_right
        return (
            ShownWord("passed", "safe") if is_right else ShownWord("passed, by evidence that is not proven", "unknown")
        )
    if evidence.begun is not None:
        is_over = did_not_finish(evidence.begun.started_at, runs=None, now=now)
        return ShownWord("did not finish", "risk") if is_over else ShownWord("under way", "new")
    if seen is None:
        return ShownWord("unknown", "unknown")
    return ShownWord(f"{_as_seen(seen)} when the watch saw it", "unknown")


def _as_seen(seen: DrillSeen) -> str:
    if seen.finished_at is None:
        return "had not finished" if seen.did_not_finish else "was under way"
    return "had passed" if seen.passed else "had failed"


def _proof(evidence: KeptEvidence) -> tuple[ShownWord, str]:
    kept = evidence.shown
    if kept is not None and kept.proven is not None:
        return _PROOFS[kept.proven.proof], _MEANS.get(kept.proven.proof) or shown(kept.proven.why)
    if evidence.unread:
        return _PROOFS["not checkable"], shown(evidence.unread)
    copies = {each.copy: each for each in reversed(evidence.copies)}
    if damaged := copies.get("damaged"):
        return _PROOFS["damaged"], shown(damaged.why)
    if "begun" in copies:
        return ShownWord("no evidence yet", "new"), "It began, and has left no evidence so far."
    if away := copies.get("away"):
        return _PROOFS["not checkable"], shown(away.why)
    return ShownWord("missing", "lost"), "Neither vault has this drill's evidence any more."


def _copy_line(copy: CopySeen) -> CopyLine:
    return CopyLine(copy.side, copy.bucket, copy.region, *_copy_word(copy))


def _copy_word(copy: CopySeen) -> tuple[ShownWord, str]:
    match copy.copy:
        case "there" if copy.proven is not None:
            return _PROOFS[copy.proven.proof], shown(copy.proven.why)
        case "damaged":
            return _PROOFS["damaged"], shown(copy.why)
        case "away":
            return ShownWord("not readable now", "unknown"), shown(copy.why)
        case "begun":
            return ShownWord("that it began, and no evidence", "new"), ""
    return ShownWord("not there", "lost"), ""


def _alarms(evidence: KeptEvidence) -> list[str]:
    """Of what is written once, into both vaults, and never changed."""
    found = []
    if evidence.differ:
        found.append("The two vaults hold different evidence of this drill: one of them was written over.")
    if evidence.shown is None:
        return found
    for each in evidence.copies:
        if each is evidence.shown:
            continue
        if each.copy == "damaged" or (each.proven and each.proven.proof == "damaged"):
            found.append(f"The {each.side} vault's copy is damaged, this is the {evidence.shown.side} vault's.")
        elif each.copy in {"absent", "begun"}:
            found.append(f"The {each.side} vault has no copy of it: the next drill brings it there.")
    return found


def _measured(kept: CopySeen | None, seen: DrillSeen | None) -> tuple[Measured, ...]:
    """Against what was promised then; of what only the watch has kept, too."""
    if kept is not None and kept.drill is not None:
        drill = kept.drill
        return (_of("Time to recover", drill.recover_s, drill.rto_s, "RTO"),
                _of("Data that would be lost", drill.data_lost_s, drill.rpo_s, "RPO"))  # fmt: skip
    if seen is None:
        return ()
    return (_of("Time to recover", seen.recover_s, seen.rto_s, "RTO"),
            _of("Data that would be lost", seen.data_lost_s, seen.rpo_s, "RPO"))  # fmt: skip


def _of(label: str, value_s: float | None, promised_s: float | None, name: str) -> Measured:
    is_broken = None if value_s is None or promised_s is None else value_s > promised_s
    told = "not known" if value_s is None else human_duration(value_s)
    promised = "not known" if promised_s is None else human_duration(promised_s)
    return Measured(label, told, f"promised: {promised} ({name})", is_broken)


def _sign_off(evidence: KeptEvidence, seen: DrillSeen | None, now: datetime) -> SignOffLine:
    kept = evidence.shown
    if kept is not None and kept.sign_off_proven is not None:
        return _given(kept.sign_off, kept.sign_off_proven)
    if kept is None and seen is not None and seen.signed_off_by:
        return SignOffLine(ShownWord(f"signed off by {shown(seen.signed_off_by)} when the watch saw it", "unknown"))
    if kept is not None and (waiting := evidence.awaited):
        word = ShownWord("overdue", "risk") if waiting.is_overdue(now) else ShownWord("waited for", "new")
        return SignOffLine(word, due_at=waiting.due, quarter=waiting.quarter)
    if kept is None:
        return SignOffLine(ShownWord("unknown", "unknown"))
    return SignOffLine(ShownWord("not signed off", "suspended"), "It is not the drill that a reviewer is asked about.")


def _given(record: SignOff | None, proven: Proven) -> SignOffLine:
    if record is None:
        return SignOffLine(_PROOFS[proven.proof], shown(proven.why))
    if proven.is_right:
        return SignOffLine(ShownWord("signed off", "safe"), record=record)
    return SignOffLine(_PROOFS[proven.proof], shown(proven.why), record)
