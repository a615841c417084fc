"""What a drill leaves in both vaults: that it began, what it did, found and measured, and the pages made of that.

Like every register, JSON of plain values; docs/drills.md tells whoever reads it without Muniment what each field means.
"""

from datetime import timedelta
from typing import Literal

from pydantic import AwareDatetime, Field

from muniment.domain.evidence import Check, DrillSide, TimedStep, Told, of_verdict
from muniment.domain.record import HashedRecord, Record
from muniment.domain.wal.lsn_text import LsnText

type Means = Literal["muniment", "restore-kit"]


class DrillTarget(Record):
    """Where the seed led. ``after`` is ``None`` where the target is ``before`` itself."""

    kind: Literal["point", "between"]
    lsn: LsnText
    before: str
    after: str | None = None

    def __str__(self) -> str:
        if self.after is None:
            return f"recovery point {self.before} (LSN {self.lsn})"
        return f"LSN {self.lsn}, between recovery points {self.before} and {self.after}"


class RestoreFigures(Record):
    """What was fetched and how fast, so that a later restore's time can be estimated. Sizes are bytes."""

    base_bytes: int
    """Of the whole chain, as PostgreSQL sent it."""
    base_stored_bytes: int
    base_s: float
    """From the first chunk asked for until one data directory lay there. By the kit: WAL and documents were in it."""
    wal_segments: int
    wal_bytes: int
    """On disk, decompressed."""
    wal_s: float
    replay_s: float
    """From the server's start until it answered."""


class PastDrill(Record):
    """What a later drill's page shows of an earlier one."""

    id: str
    finished_at: AwareDatetime
    side: DrillSide
    passed: bool
    recover_s: float | None
    data_lost_s: float | None
    by: Means = "muniment"
    signed_off_by: str | None = None
    """Who had signed it off by then."""
    finished: bool = True
    """False: it was begun and left no evidence; ``finished_at`` is then when it began."""


class BegunDrill(HashedRecord):
    """``drills/<id>.begun.json``: written before anything else, so that a drill that is killed is not forgotten."""

    format: Literal[1] = 1
    id: str
    firm: str
    number: int
    seed: int
    side: DrillSide
    by: Means
    started_at: AwareDatetime
    process: str
    """Of the machine and the process that it runs in: there, and nowhere else, it tells whether it still does."""

    def as_past(self) -> PastDrill:
        return PastDrill(
            id=self.id,
            finished_at=self.started_at,
            side=self.side,
            passed=False,
            recover_s=None,
            data_lost_s=None,
            by=self.by,
            finished=False,
        )


class Pages(HashedRecord):
    """``<record>.pages.json``: which pages were made of a drill's evidence, or of its sign-off, and lie beside it.

    A record of its own: the evidence is there before any page is made, and stays if none can be.
    """

    format: Literal[1] = 1
    firm: str
    drill: str
    of_sha256: str
    """Of the JSON that they show (hex)."""
    pages: dict[str, str] = Field(default_factory=dict)
    """Ending of each (``html``, ``pdf``) → its sha256 (hex)."""
    not_made: dict[str, Told] = Field(default_factory=dict)
    """Ending of each that could not be made → why."""
    signing_key: str | None = None
    """As in the evidence: of the signature beside this record."""


class Drill(HashedRecord):
    """``drills/<id>.json``: the evidence of one drill. Written once, before any page."""

    format: Literal[1] = 1
    id: str
    firm: str
    firm_name: str
    number: int
    """Counts this firm's drills from 1: it decides from where and by what the next one restores."""
    seed: int
    target: DrillTarget | None
    """``None`` where nothing could be chosen."""
    side: DrillSide
    by: Means
    vault: str
    region: str
    plan: tuple[Told, ...] = ()
    planned: tuple[str, ...] = ()
    """Names of the steps that such a drill takes; ``steps`` has those that it came to."""
    started_at: AwareDatetime
    finished_at: AwareDatetime
    steps: tuple[TimedStep, ...]
    checks: tuple[Check, ...]
    recover_s: float | None
    """From the drill's start until the server answered, without the time of proofs that came before it; ``None`` where
    it never did."""
    data_lost_s: float | None
    """What would have been lost had the server vanished as the drill began; ``None`` where nothing told."""
    recovery_class: str
    rto_s: float
    rpo_s: float
    figures: RestoreFigures | None = None
    """``None`` where the server never answered."""
    failure: Told | None = None
    """The error that ended the drill before its last check."""
    not_proven: tuple[Told, ...] = ()
    """What the point lacks, because it could not be read that night: no check has passed for it, and none failed."""
    previous: str | None = None
    """The drill before this one, and in ``previous_sha256`` (hex) the sha256 of its evidence, or, where it did not
    finish, of the record that it began: a chain."""
    previous_sha256: str | None = None
    history: tuple[PastDrill, ...] = ()
    signing_key: str | None = None
    """ARN of the KMS key whose signature lies beside this JSON; ``None``: a sealed digest lies there instead."""

    @property
    def passed(self) -> bool:
        """Something was proven, and nothing failed."""
        return self.failure is None and bool(self.passed_checks) and not self.failed_checks

    @property
    def verdict(self) -> Literal["passed", "failed"]:
        return "passed" if self.passed else "failed"

    @property
    def failed_checks(self) -> tuple[Check, ...]:
        return of_verdict(self.checks, False)

    @property
    def passed_checks(self) -> tuple[Check, ...]:
        return of_verdict(self.checks, True)

    @property
    def unjudged_checks(self) -> tuple[Check, ...]:
        return of_verdict(self.checks, None)

    @property
    def not_done(self) -> tuple[str, ...]:
        """Steps that were planned and did not end as planned."""
        done = {step.name for step in self.steps if step.finished}
        return tuple(name for name in self.planned if name not in done)

    @property
    def took(self) -> timedelta:
        return self.finished_at - self.started_at

    def as_past(self) -> PastDrill:
        return PastDrill(
            id=self.id,
            finished_at=self.finished_at,
            side=self.side,
            passed=self.passed,
            recover_s=self.recover_s,
            data_lost_s=self.data_lost_s,
            by=self.by,
        )
