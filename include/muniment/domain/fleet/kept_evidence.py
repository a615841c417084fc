"""The evidence of one drill as its firm's vaults have it now, and how far it is proven."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from muniment.domain.drill.evidence import BegunDrill, Drill, PastDrill
from muniment.domain.drill.sign_off import Awaited, SignOff, awaited
from muniment.domain.firm.firm import Firm
from muniment.domain.fleet.history import DrillSeen, FirmHistory
from muniment.domain.watch.vault import VaultSide

type Proof = Literal["signed", "sealed", "damaged", "proof missing", "not checkable"]
type Copy = Literal["there", "damaged", "absent", "begun", "away"]
type Ending = Literal["html", "pdf", "json"]

EVIDENCE_CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'self'"
"""Of the page as it is kept: it has its styles and pictures inside, and no script."""
ENDINGS: tuple[Ending, ...] = ("html", "pdf", "json")

_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


def is_drill_id(text: str) -> bool:
    """What may be part of a key in a vault."""
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Proven:
    """``proof``: of the evidence, or of a sign-off; ``why``: what is damaged or missing, or why nobody could check."""

    proof: Proof
    why: str = ""

    @property
    def is_right(self) -> bool:
        return self.proof in {"signed", "sealed"}


@dataclass(frozen=True, slots=True)
class CopySeen:
    """What one vault has of it."""

    side: VaultSide
    bucket: str
    region: str
    copy: Copy
    why: str = ""
    """Of what is damaged or away."""
    drill: Drill | None = None
    begun: BegunDrill | None = None
    proven: Proven | None = None
    """``None`` where there is no evidence to prove."""
    sign_off: SignOff | None = None
    sign_off_proven: Proven | None = None
    """``None``: nobody has signed it off, as far as this vault tells."""
    files: Mapping[Ending, bytes] = field(default_factory=dict)
    """As they are kept: the evidence, and its pages where they are those that were made of it."""
    not_made: Mapping[str, str] = field(default_factory=dict)
    """Ending of each page that there is not → why."""


@dataclass(frozen=True, slots=True)
class KeptEvidence:
    firm: str
    drill_id: str
    looked_at: datetime
    copies: tuple[CopySeen, ...] = ()
    """The primary vault's, then the replica's."""
    unread: str = ""
    """Why no vault could be asked."""
    awaited: Awaited | None = None
    """It is the quarter's drill, and nobody has signed it off."""

    @property
    def shown(self) -> CopySeen | None:
        """The best there is: what is proven comes before what is only there, the primary vault before the replica."""
        there = [each for each in self.copies if each.drill is not None]
        right = (each for each in there if each.proven is not None and each.proven.is_right)
        return next(right, None) or next(iter(there), None)

    @property
    def begun(self) -> BegunDrill | None:
        return next((each.begun for each in self.copies if each.begun is not None), None)

    @property
    def is_known(self) -> bool:
        """Some vault has it, or may have it."""
        return bool(self.unread) or any(each.copy != "absent" for each in self.copies)

    @property
    def differ(self) -> bool:
        """The vaults hold different bytes, of what is written once and into both."""
        held = {each.files["json"] for each in self.copies if "json" in each.files}
        return len(held) > 1


def awaited_sign_off(firm: Firm, drill_id: str, history: FirmHistory | None, now: datetime) -> Awaited | None:
    """Where this drill waits for a reviewer's word, as far as the watch has read the vaults."""
    if history is None or not firm.drill_reviewers:
        return None
    signed = [each.id for each in history.drills if each.signed_off_by]
    past = [_past(each) for each in history.drills]
    within = firm.policy.drills.sign_off_within
    waiting = awaited(past, signed, time_zone=firm.time_zone, within=within, now=now)
    return next((each for each in waiting if each.drill == drill_id), None)


def _past(seen: DrillSeen) -> PastDrill:
    return PastDrill(
        id=seen.id,
        finished_at=seen.finished_at or seen.started_at,
        side=seen.side,
        passed=seen.passed,
        recover_s=seen.recover_s,
        data_lost_s=seen.data_lost_s,
        by=seen.by,
        signed_off_by=seen.signed_off_by,
        finished=seen.finished_at is not None,
    )
