"""The steps of a cut-over, each safe to begin again where a killed run left it.

domain/restore/cut_over.py has their order.
"""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from muniment.adapters.cut_over import directory_move as swap
from muniment.adapters.cut_over import live_settings as going_live
from muniment.adapters.cut_over.live_host import LiveServer
from muniment.adapters.cut_over.serving import ServingState, read_serving_state
from muniment.adapters.host.control_file import ControlFile
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.postgres.archiver import checkpoint_and_switch, read_archiver
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.site.site import Site
from muniment.adapters.wal.archive import WalArchive
from muniment.domain.restore.cut_over import CutOver, Step
from muniment.domain.restore.isolation import ROLE
from muniment.domain.secret import Secret
from muniment.domain.wal.names import history_name
from muniment.errors import NotProvenLive, NotReached, NotStaged, PostgresError, WalNotYetArchived
from muniment.ports import Clock, Progress
from muniment.runbooks.control_totals import read_those_there

type Changes = Mapping[str, Any]
"""Fields of the journal, by name."""

_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a cut-over takes place: the firm, the staged server, the live one."""

    site: Site
    staged: LocalCluster
    live: LiveServer
    clock: Clock
    progress: Progress
    answer_within_s: float = 120.0
    """For how long the firm's own connection is tried once a server has been started."""

    @property
    def staging(self) -> PostgresServer:
        firm = self.site.firm
        return PostgresServer(firm.id, Secret(self.staged.conninfo()), firm.cluster.database, "muniment live")


def read_totals(at: Stage, journal: CutOver) -> Changes:
    """What the live server has to have as well, and the transaction id that tells whether anybody has written since."""
    totals = read_those_there(replace(at.site, postgres=at.staging), clock=at.clock)
    return {"totals": totals, "xmax": read_serving_state(at.staging).xmax}


def stop_staging(at: Stage, journal: CutOver) -> Changes:
    at.staged.stop()
    return {}


def bring_beside(at: Stage, journal: CutOver) -> Changes:
    """By a rename, or by a copy while the live server still serves. Raises ``NotStaged`` where it was not shut down."""
    control = ControlFile.read(Path(journal.staged), at.staged.programs)
    if not control.is_clean:
        raise NotStaged(place=journal.staged, reason=f"its server was not shut down: {control.state}")
    swap.move(Path(journal.staged), journal.incoming, _owner(journal))
    written = journal.xmax is not None and control.next_xid != int(journal.xmax)
    return {"totals": None} if written else {}


def bring_tablespaces(at: Stage, journal: CutOver) -> Changes:
    swap.bring_tablespaces(journal.incoming, journal.tablespaces, _owner(journal))
    if journal.wal is not None:
        swap.bring_wal(journal.incoming, Path(journal.wal), _owner(journal))
    return {}


def remove_staging_role(at: Stage, journal: CutOver) -> Changes:
    going_live.remove_staging_role(journal.incoming, at.live.programs, _scratch(journal))
    return {}


def give_settings(at: Stage, journal: CutOver) -> Changes:
    incoming = journal.incoming
    live = Path(journal.live) if journal.had_live else None
    going_live.give_own_settings(incoming, live, _staged_settings(journal))
    control = ControlFile.read(incoming, at.live.programs)
    here, first = going_live.mark_for_archiving(incoming, control), going_live.first_segment(incoming, control)
    notes = journal.notes
    if first is not None and here != first:
        notes += (
            f"timeline {control.timeline} begins in {first}, which staging has recycled; archived from {here} on",
        )
    # Removing the role took transaction ids as well: from here on, nobody has one before the firm's clients come.
    return {"first_segment": here, "xmax": str(control.next_xid), "notes": notes}


def stop_live(at: Stage, journal: CutOver) -> Changes:
    at.live.stop()
    return {}


def set_aside(at: Stage, journal: CutOver) -> Changes:
    swap.rename(Path(journal.live), journal.aside)
    return {}


def put_in_place(at: Stage, journal: CutOver) -> Changes:
    swap.rename(journal.incoming, Path(journal.live))
    return {}


def start(at: Stage, journal: CutOver) -> Changes:
    """As the live server had been started."""
    replace(at.live, start_options=journal.start_options).start()
    return {}


def connect(at: Stage, journal: CutOver) -> Changes:
    """Raises ``NotReached`` where the firm's own connection does not lead to it: then nobody can have used it."""
    if reason := _unreached(at, journal):
        raise NotReached(id=journal.id, firm=journal.firm, reason=reason)
    return {}


def connect_to_old(at: Stage, journal: CutOver) -> Changes:
    """The way back goes on to its end either way; what it has come to is said."""
    reason = _unreached(at, journal)
    told = (f"nobody can connect to the old cluster over the firm's own connection: {reason}",) if reason else ()
    return {"answers": reason is None, "notes": (*journal.notes, *told)}


def prove(at: Stage, journal: CutOver) -> Changes:
    """Over the firm's own connection. Raises ``NotProvenLive``; ``WalNotYetArchived`` where the archive lags."""
    state = read_serving_state(at.site.postgres)
    if faults := "; ".join(_faults(state, journal)):
        raise NotProvenLive(id=journal.id, firm=journal.firm, reason=faults, aside=journal.aside)
    notes = (*journal.notes, _compare_totals(at, journal, state.xmax))
    _await_archive(at, journal)
    return {"notes": notes}


def take_away(at: Stage, journal: CutOver) -> Changes:
    swap.rename(Path(journal.live), journal.incoming)
    return {}


def put_back(at: Stage, journal: CutOver) -> Changes:
    swap.rename(journal.aside, Path(journal.live))
    return {}


def return_to_staging(at: Stage, journal: CutOver) -> Changes:
    going_live.take_settings_back(journal.incoming, _staged_settings(journal))
    swap.return_tablespaces(journal.incoming, journal.tablespaces)
    if journal.wal is not None:
        swap.return_wal(journal.incoming, Path(journal.wal))
    Path(journal.staged).parent.mkdir(parents=True, exist_ok=True)
    swap.move_back(journal.incoming, Path(journal.staged))
    return {}


STEPS: Mapping[Step, Callable[[Stage, CutOver], Changes]] = {
    "read control totals": read_totals,
    "stop staging": stop_staging,
    "bring beside": bring_beside,
    "bring tablespaces": bring_tablespaces,
    "remove the staging role": remove_staging_role,
    "settings": give_settings,
    "stop live": stop_live,
    "set aside": set_aside,
    "put in place": put_in_place,
    "start": start,
    "connect": connect,
    "prove": prove,
    "stop the new": stop_live,
    "take away": take_away,
    "put back": put_back,
    "start the old": start,
    "connect to the old": connect_to_old,
    "return to staging": return_to_staging,
}


def clear_up(journal: CutOver) -> None:
    """What no step needs any more. The staging's own settings stay while there is a way back to it."""
    shutil.rmtree(_scratch(journal), ignore_errors=True)
    if journal.outcome != "live":
        for folder in (_staged_settings(journal), swap.partial(_staged_settings(journal))):
            shutil.rmtree(folder, ignore_errors=True)


def _owner(journal: CutOver) -> tuple[int, int] | None:
    if not journal.had_live:
        return None
    found = Path(journal.live).stat()
    return found.st_uid, found.st_gid


def _scratch(journal: CutOver) -> Path:
    return Path(f"{journal.live}.scratch-{journal.id}")


def _staged_settings(journal: CutOver) -> Path:
    return Path(f"{journal.live}.staged-settings-{journal.id}")


def _unreached(at: Stage, journal: CutOver) -> str | None:
    """Why the firm's own connection does not lead to its cluster; ``None`` as soon as it does."""
    deadline = time.monotonic() + at.answer_within_s
    while True:
        try:
            found = read_serving_state(at.site.postgres).system_identifier
        except PostgresError as away:
            reason = away.what
        else:
            if found == journal.system_identifier:
                return None
            reason = f"it leads to cluster {found}"
        if time.monotonic() > deadline:
            return reason
        time.sleep(_PAUSE_S)


def _faults(state: ServingState, journal: CutOver) -> list[str]:
    found = state.system_identifier
    return [
        text
        for wrong, text in (
            (found != journal.system_identifier, f"the connection leads to cluster {found}"),
            (state.timeline != journal.timeline, f"it is on timeline {state.timeline}"),
            (state.is_recovering, "it is in recovery"),
            (state.lets_staging_role_in, f"role {ROLE} may still log in"),
        )
        if wrong
    ]


def _compare_totals(at: Stage, journal: CutOver, xmax: str) -> str:
    """Equal, or somebody has written already: then they say nothing."""
    if journal.totals is None:
        return "control totals were not compared: staging did not run, or was written to at its end"
    if xmax != journal.xmax:
        return "control totals were not compared: clients have written already"
    totals = read_those_there(at.site, clock=at.clock)
    if (totals.counts, totals.sums) != (journal.totals.counts, journal.totals.sums):
        staged = f"{journal.totals.counts} {journal.totals.sums}"
        reason = f"its control totals are {totals.counts} {totals.sums}, staging's were {staged}"
        raise NotProvenLive(id=journal.id, firm=journal.firm, reason=reason, aside=journal.aside)
    wanted = at.site.policy.control_totals
    named, there = len(wanted.tables) + len(wanted.sums), len(totals.counts) + len(totals.sums)
    if not there:
        return f"control totals were not compared: of the {named} that the policy names none is in it"
    left = f"; {named - there} that the policy names are not in it" if there < named else ""
    return f"control totals are staging's: {len(totals.counts)} counts, {len(totals.sums)} sums{left}"


def _await_archive(at: Stage, journal: CutOver) -> None:
    """The timeline's history, its first segment here, and the one that is ended now, are in the primary vault."""
    archiver = read_archiver(at.site.postgres)
    ended = checkpoint_and_switch(at.site.postgres, archiver.segment_bytes)
    wanted = {history_name(journal.timeline), journal.first_segment or ended.name, ended.name}
    archive = WalArchive(at.site.primary, journal.system_identifier)
    waited_s = at.site.policy.wal_archive.wait.total_seconds()
    deadline = time.monotonic() + waited_s
    while missing := sorted(wanted - set(archive.files())):
        if time.monotonic() > deadline:
            failure = read_archiver(at.site.postgres).last_failure
            raise WalNotYetArchived(segment=missing[0], firm=journal.firm, waited_s=int(waited_s), last_failure=failure)
        time.sleep(_PAUSE_S)
