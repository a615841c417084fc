"""A restored cluster takes the place of the live one: what is on the disk and in the journal tells what comes next.

Nothing is remembered. Whoever comes after a run that was killed looks at the same four places and finds the same step.
The old data directory becomes ``<live>.before-<id>`` in one rename, the new one takes its name in another; between the
two neither serves, and either can be put there.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime

from muniment.domain.approval import Approval, Waiver
from muniment.domain.record import HashedRecord, Record
from muniment.domain.vault.registers import ControlTotals

type Step = Literal[
    "read control totals",
    "stop staging",
    "bring beside",
    "bring tablespaces",
    "remove the staging role",
    "settings",
    "stop live",
    "set aside",
    "put in place",
    "start",
    "connect",
    "prove",
    "stop the new",
    "take away",
    "put back",
    "start the old",
    "connect to the old",
    "return to staging",
]
"""In its order: forward as far as "prove", then the way back."""
type Serving = Literal["old", "new", "another", "nobody"]
"""``another``: a cluster that the newest cut-over is not of."""
type Outcome = Literal["live", "gone back", "released"]


class Moved(Record):
    """A tablespace outside of the data directory. The old cluster's own stays where it is."""

    oid: int
    staged: str
    live: str
    old: str | None = None
    """Where the old cluster's tablespace of this OID lies; ``None`` where it has none."""


class StepDone(Record):
    """``ended_at`` is ``None`` for a step whose run was killed; it stands in the list again where it was repeated."""

    step: Step
    began_at: AwareDatetime
    ended_at: AwareDatetime | None = None


class Safety(Record):
    """What protects the cluster that is replaced: a recovery point of it, or somebody's word that none is needed."""

    point: str | None = None
    waiver: Waiver | None = None


class CutOver(HashedRecord):
    """``<live>.cut-over-<id>.json``: the journal of one cut-over, rewritten whole before and after each step."""

    format: Literal[1] = 1
    id: str
    firm: str
    plan_sha256: str
    asked_by: str
    approval: Approval
    safety: Safety
    system_identifier: int
    staged: str
    live: str
    had_live: bool
    was_running: bool
    timeline: int
    old_timeline: int | None = None
    """Of the cluster that is replaced, which goes on there when it is put back; ``None`` where there is none."""
    start_options: tuple[str, ...] = ()
    """What the live server had on its command line, beside its data directory: whoever serves next gets it as well."""
    tablespaces: tuple[Moved, ...] = ()
    wal: str | None = None
    """Where the restored pg_wal goes, because the live one's is a link; ``None`` where it is a folder."""
    old_wal: str | None = None
    """Where the live one's leads, as ``wal`` was chosen by it."""
    totals: ControlTotals | None = None
    xmax: str | None = None
    """The next transaction id when ``totals`` were read: where it is still the same, nobody has written since."""
    first_segment: str | None = None
    """Of the new timeline, as it lies in pg_wal when it goes live."""
    begun_at: AwareDatetime
    direction: Literal["forward", "back"] = "forward"
    why_back: str | None = None
    undone_by: str | None = None
    """The person or command; ``None`` where it went back by itself."""
    answers: bool | None = None
    """Whether somebody connected to the old one again over the firm's own connection; ``None``: nobody has to."""
    failed_at: Step | None = None
    """The step that failed and turned it round; ``None`` where a person did."""
    steps: tuple[StepDone, ...] = ()
    notes: tuple[str, ...] = ()
    outcome: Outcome | None = None
    recorded_at: AwareDatetime | None = None
    """When both vaults had the record of the way back."""

    @property
    def aside(self) -> Path:
        return Path(f"{self.live}.before-{self.id}")

    @property
    def incoming(self) -> Path:
        return Path(f"{self.live}.incoming-{self.id}")

    def did(self, step: Step) -> bool:
        return any(done.step == step and done.ended_at for done in self.steps)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is there now."""

    staged: bool
    staging_runs: bool
    incoming: bool
    aside: bool
    live: bool
    live_runs: bool

    def serves(self, journal: CutOver) -> Literal["old", "new", "neither"]:
        """Which cluster lies at the live place, whether or not its server runs."""
        if not self.live:
            return "neither"
        is_new = self.aside or journal.outcome == "released" if journal.had_live else True
        return "new" if is_new else "old"

    def serving(self, journal: CutOver) -> Serving:
        """Whose server runs."""
        here = self.serves(journal)
        return here if self.live_runs and here != "neither" else "nobody"


def next_step(journal: CutOver, seen: Seen) -> Step | None:
    """``None``: everything is done in the journal's direction."""
    return _forward(journal, seen) if journal.direction == "forward" else _back(journal, seen)


def _forward(journal: CutOver, seen: Seen) -> Step | None:
    if seen.serves(journal) == "new":
        if not seen.live_runs:
            return "start"
        if not journal.did("connect"):
            return "connect"
        return None if journal.did("prove") else "prove"
    return _prepare(journal, seen) or _swap(seen)


def _prepare(journal: CutOver, seen: Seen) -> Step | None:
    """All that takes time, while the old one still serves."""
    if seen.staging_runs:
        return "read control totals" if journal.totals is None else "stop staging"
    if not seen.incoming:
        return "bring beside"
    if not journal.did("bring tablespaces"):
        return "bring tablespaces"
    if not journal.did("remove the staging role"):
        return "remove the staging role"
    return None if journal.did("settings") else "settings"


def _swap(seen: Seen) -> Step:
    if not seen.live:
        return "put in place"
    return "stop live" if seen.live_runs else "set aside"


def _back(journal: CutOver, seen: Seen) -> Step | None:
    if seen.serves(journal) == "new":
        return "stop the new" if seen.live_runs else "take away"
    if not seen.live and seen.aside:
        return "put back"
    if seen.live and journal.was_running and not seen.live_runs:
        return "start the old"
    if seen.live and journal.was_running and not journal.did("connect to the old"):
        return "connect to the old"
    return "return to staging" if seen.incoming else None


def why_of_another(journal: CutOver, *, here: int | None, named: int | None) -> str | None:
    """``here``: the system identifier at the live place, ``named``: firm.json's; ``None`` each where nobody knows."""
    if here not in (None, journal.system_identifier):
        adopted = ", which the firm has adopted since" if here == named else ""
        return f"cluster {here} lies in {journal.live}{adopted}"
    if named not in (None, journal.system_identifier):
        return f"the firm has adopted cluster {named} since"
    return None


def tablespace_place(old: str | None, live: str, oid: int, cut_over_id: str) -> str:
    """Below the old tablespace's own folder, so that it is on the same file system, mount point or not.

    PostgreSQL looks only at ``PG_<version>_<catalogue>`` in a tablespace: the two do not see each other.
    """
    return f"{live}-tablespaces/{oid}-{cut_over_id}" if old is None else place_below(old, cut_over_id)


def place_below(old: str, cut_over_id: str) -> str:
    """The same for pg_wal, where that is a link: PostgreSQL looks at nothing there but files named after segments."""
    home, _, last = old.rpartition("/")
    return f"{home if last.startswith('restored-') else old}/restored-{cut_over_id}"
