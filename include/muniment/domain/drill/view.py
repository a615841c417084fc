"""What both pages of a drill show, in words and in fractions: the HTML and the PDF differ in nothing else.

Whatever the firm, its data or a program said is made fit for a page here (``shown``), once for both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from muniment.domain.drill.evidence import Drill, PastDrill
from muniment.domain.drill.sign_off import SignOff
from muniment.domain.shown_text import shown
from muniment.domain.units import human_duration, human_size

SEALED_MEANS = (
    "The firm has no signing key: the file's sha256 lies beside it, sealed under the vaults' keys (.seal). That is"
    " weaker than a signature: whoever may encrypt with these keys could have made it."
)
SIGNED_MEANS = (
    "The key beside the evidence shows that nothing was changed since it was signed; that it is the firm's own, KMS"
    " tells: aws kms get-public-key."
)
_LEFT_OUT = ("target:", "from:")


@dataclass(frozen=True, slots=True)
class Bar:
    """One step in the time line, in per cent of the whole."""

    name: str
    left: float
    width: float
    label: str
    finished: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """One drill in the plot of the history: ``x`` from the left, ``y`` from the top, both from 0 to 1."""

    x: float
    y: float
    passed: bool
    title: str


@dataclass(frozen=True, slots=True)
class Figure:
    label: str
    value: str
    promised: str


@dataclass(frozen=True, slots=True)
class Line:
    """One check; or what was planned and not made, or could not be proven, which neither passed nor failed."""

    name: str
    expected: str
    found: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Chart:
    """``rto``: where its line is, from the top; ``None`` where it lies so far above that it would flatten the rest."""

    marks: tuple[Mark, ...]
    top: str
    rto: float | None
    rto_label: str
    legend: str


@dataclass(frozen=True, slots=True)
class View:
    """One drill, and who signed it off if anybody did."""

    drill: Drill
    sign_off: SignOff | None = None

    @property
    def title(self) -> str:
        return f"{self.firm_name}: restore drill {self.drill.id}, {self.drill.verdict}"

    @property
    def firm_name(self) -> str:
        return shown(self.drill.firm_name)

    @property
    def subtitle(self) -> str:
        return f"Restore drill {self.drill.number} · {instant(self.drill.started_at)}"

    @property
    def signed(self) -> tuple[str, str] | None:
        """Who and when; what they wrote."""
        found = self.sign_off
        if found is None:
            return None
        who = shown(f"Signed off for {found.quarter} by {found.by}, {instant(found.signed_at)}")
        return who, shown(found.note)

    @property
    def failure(self) -> str | None:
        return shown(self.drill.failure) if self.drill.failure else None

    @property
    def ended_in(self) -> str | None:
        """Of a drill that something ended: the first step that it did not come through, and where in the plan."""
        drill = self.drill
        if drill.failure is None or not drill.not_done:
            return None
        first = drill.not_done[0]
        return f"In step {drill.planned.index(first) + 1} of {len(drill.planned)}: {first}."

    @property
    def figures(self) -> tuple[Figure, ...]:
        drill = self.drill
        return (
            Figure("Time to recover", duration(drill.recover_s), f"promised: {duration(drill.rto_s)} (RTO)"),
            Figure("Data that would be lost", duration(drill.data_lost_s), f"promised: {duration(drill.rpo_s)} (RPO)"),
            self._checks_passed(),
        )

    def _checks_passed(self) -> Figure:
        """Of a drill that was ended, what was passed of the few that were made says little: the plan is told beside."""
        drill, right, open_ = self.drill, len(self.drill.passed_checks), len(self.drill.unjudged_checks)
        took = f"whole drill: {duration(drill.took.total_seconds())}"
        if drill.failure is None:
            left = f", {open_} not judged" if open_ else ""
            return Figure("Checks passed", f"{right} of {len(drill.checks) - open_}{left}", took)
        done = len(drill.planned) - len(drill.not_done)
        made = f"{right} of the {len(drill.checks)} made" if drill.checks else "none was made"
        return Figure("Checks passed", made, f"ended after {done} of {len(drill.planned)} steps; {took}")

    @property
    def checks(self) -> Iterator[Line]:
        for check in self.drill.checks:
            name, expected, found = map(shown, (check.name, check.expected, check.found))
            yield Line(name, expected, found, check.verdict)
        for lacking in self.drill.not_proven:
            yield Line("not in the recovery point", "nothing", shown(lacking), "not proven")
        if self.drill.failure is not None and self.drill.not_done:
            planned = f"all {len(self.drill.planned)} steps of the plan"
            yield Line("what it did not come to", planned, "not: " + "; ".join(self.drill.not_done), "not made")

    @property
    def restored(self) -> Iterator[tuple[str, str]]:
        drill = self.drill
        yield "target", str(drill.target or "none could be chosen")
        yield "chosen by lot", f"seed {drill.seed}"
        yield "from", f"{drill.vault} in {drill.region}: the {drill.side} vault alone"
        yield "by", "the restore kit, without Muniment" if drill.by == "restore-kit" else "Muniment"
        yield "class", drill.recovery_class
        for line in drill.plan:
            if not line.startswith(_LEFT_OUT):
                name, _, value = line.partition(": ")
                yield name, shown(value)
        if figures := drill.figures:
            wal = f"{figures.wal_segments} WAL segments ({human_size(figures.wal_bytes)})"
            yield "size", f"{human_size(figures.base_bytes)} of base backups, {wal}"

    @property
    def verify(self) -> Iterator[tuple[str, bool]]:
        """Paragraphs; true: it is something to type."""
        drill = self.drill
        yield (
            f"This page was made from drills/{drill.id}.json, which lies in both of the firm's vaults, under a lock.",
            False,
        )
        if drill.signing_key is None:
            yield SEALED_MEANS, False
        else:
            yield (
                f"That file is signed by the firm's key {drill.signing_key}. Fetch .json, .sig and .pem and run:",
                False,
            )
            yield f"openssl dgst -sha256 -verify {drill.id}.pem -signature {drill.id}.sig {drill.id}.json", True
            yield SIGNED_MEANS, False
        record = "the sign-off's pages.json" if self.sign_off else f"drills/{drill.id}.pages.json"
        yield f"The sha256 of this page is in {record}, which is proven in the same way.", False
        if self.sign_off:
            yield shown(f"The sign-off is drills/{drill.id}.sign-off.json: {self.sign_off.through}."), False
        if drill.previous:
            yield f"The drill before: {drill.previous}, sha256 of its evidence {drill.previous_sha256}.", False

    @property
    def bars(self) -> Iterator[Bar]:
        steps = self.drill.steps
        whole = max((step.begins_s + step.seconds for step in steps), default=0.0) or 1.0
        for step in steps:
            width = max(0.4, 100 * step.seconds / whole)
            left = min(100 * step.begins_s / whole, 100 - width)
            yield Bar(step.name, round(left, 2), round(width, 2), duration(step.seconds), step.finished)

    @property
    def chart(self) -> Chart:
        drill = self.drill
        history = (*drill.history, drill.as_past())
        top_s = _top(history, drill.rto_s)
        shows_rto = drill.rto_s <= top_s
        count = f"{len(history)} drill{'' if len(history) == 1 else 's'}"
        return Chart(
            marks=tuple(_marks(history, top_s)),
            top=duration(top_s),
            rto=_from_top(drill.rto_s, top_s) if shows_rto else None,
            rto_label=duration(drill.rto_s),
            legend=f"{count}, oldest on the left; green passed, red failed"
            + (" or did not finish" if any(not past.finished for past in history) else "")
            + ("" if shows_rto else "; the RTO is far above"),
        )


def instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def duration(seconds: float | None) -> str:
    return "not known" if seconds is None else human_duration(seconds)


def _top(history: Sequence[PastDrill], rto_s: float) -> float:
    """The plot's upper edge: the slowest drill with some air; the RTO where it would not flatten everything else."""
    slowest = max((past.recover_s or 0.0 for past in history), default=0.0)
    return max(slowest * 1.25, rto_s * 1.1 if rto_s < slowest * 6 else 0.0, 1.0)


def _marks(history: Sequence[PastDrill], top_s: float) -> Iterator[Mark]:
    for place, past in enumerate(history, 1):
        verdict = ("passed" if past.passed else "failed") if past.finished else "did not finish"
        title = f"{past.finished_at:%Y-%m-%d}: {verdict}, {duration(past.recover_s)}"
        signed = shown(f", signed off by {past.signed_off_by}") if past.signed_off_by else ""
        x = round(place / (len(history) + 1), 4)
        yield Mark(x, _from_top(past.recover_s or 0.0, top_s), past.passed, title + signed)


def _from_top(seconds: float, top_s: float) -> float:
    return round(1 - min(seconds / top_s, 1.0), 4)
