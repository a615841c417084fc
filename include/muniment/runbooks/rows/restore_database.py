"""One database of a staged cluster into the live one, under a new name; in place by an approved change of names."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.database_names import ClusterDatabases, DatabaseInUse, RenameRefused, databases_of
from muniment.adapters.rows.whole_database import WholeDatabase, read_properties, restore_whole
from muniment.domain.approval import Approval
from muniment.domain.firm.firm import Firm
from muniment.domain.record import new_id
from muniment.domain.rows.table_plan import DatabasePlan, stamped
from muniment.domain.sql_names import near
from muniment.errors import DatabaseHeld, InvalidRequest, RowsRefused
from muniment.ports import Clock
from muniment.runbooks.rows.restore_matter import require_approval
from muniment.runbooks.rows.staged_copy import prove_copy, prove_live

ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class RestoredDatabase:
    """``name``: the new database; ``of``: the one it is a copy of. ``notes``: a sentence each."""

    name: str
    of: str
    size_bytes: int
    notes: tuple[str, ...] = ()


def restore_database(
    firm: Firm, database: str, *, staged: PostgresServer, live: PostgresServer, clock: Clock
) -> RestoredDatabase:
    """``<database>_restored_<id>`` on the live cluster, with owners, rights and settings; nothing else is touched.

    Raises ``WrongCluster``, ``InvalidRequest``, ``ProgramMissing``; ``ProgramFailed`` after it was removed again.
    """
    prove_copy(firm, staged, live)
    properties = read_properties(staged, database)
    if properties is None:
        raise _no_database([database], staged, "the staged cluster")
    name = stamped(database, "restored", new_id(clock()))
    done = restore_whole(staged, database, properties, live, name)
    return RestoredDatabase(name, database, done.size_bytes, tuple(_notes(done)))


def _notes(done: WholeDatabase) -> Iterator[str]:
    if done.unlogged:
        yield f"UNLOGGED, and empty in it, since no backup has their rows: {', '.join(done.unlogged)}"
    if done.with_path:
        yield (
            f"{len(done.with_path)} functions had the database's search_path while the rows came, since indexes, checks"
            " or generated columns call some that need one: ALTER FUNCTION … SET search_path makes them do without"
        )


def _no_database(missing: Sequence[str], server: PostgresServer, where: str) -> InvalidRequest:
    with databases_of(server) as databases:
        known = databases.names()
    faults = "\n".join(f"{where} has no database {name}{near(name, known)}" for name in missing)
    return InvalidRequest(count=len(missing), faults=faults)


def plan_swap(
    firm: Firm, restored: str, database: str, *, live: PostgresServer, requested_by: str, clock: Clock
) -> DatabasePlan:
    """Reads only. Raises ``InvalidRequest`` where one of the two is not there."""
    made_at = clock()
    with databases_of(live) as databases:
        missing = [name for name in (restored, database) if not databases.has(name)]
        if missing:
            raise _no_database(missing, live, "the live cluster")
        sessions = databases.sessions(database)
        held = [f"to be ended before it is applied: {line}" for line in databases.holders(database, restored)]
        notes = (*held, *databases.left_behind(database))
    return DatabasePlan(
        id=new_id(made_at),
        firm=firm.id,
        database=database,
        restored=restored,
        system_identifier=live.system_identifier(),
        made_at=made_at,
        requested_by=requested_by,
        sessions=sessions,
        notes=notes,
    )


def swap_database(firm: Firm, plan: DatabasePlan, *, approval: Approval, live: PostgresServer) -> None:
    """Both names change in one transaction. Sessions are ended; who connects at that very moment is sent away once.

    Raises ``ActNotApproved``, ``WrongCluster``; ``DatabaseHeld`` before anything is touched, by a prepared
    transaction; ``RowsRefused`` where sessions keep it busy or a name is gone.
    """
    require_approval(firm, f"database {plan.database}", plan.sha256, plan.requested_by, approval)
    prove_live(firm, live, plan.system_identifier)
    with databases_of(live) as databases:
        for attempt in range(1, ATTEMPTS + 1):
            _require_free(firm, plan, databases)
            try:
                databases.swap(plan.database, plan.before, plan.restored)
            except DatabaseInUse:
                # A pool that connects again at once; from the first rename on it has to wait for us.
                if attempt == ATTEMPTS:
                    who = ", ".join(databases.who_connects(plan.database)) or "nobody any more"
                    reason = f"sessions connect to it faster than they are ended: {who}"
                    raise _refused(firm, plan, reason) from None
                time.sleep(0.05)
            except RenameRefused as refused:
                raise _refused(firm, plan, str(refused)) from None
            else:
                return


def _require_free(firm: Firm, plan: DatabasePlan, databases: ClusterDatabases) -> None:
    """PostgreSQL itself waits five seconds for a prepared transaction, and then speaks of other users."""
    held = databases.holders(plan.database, plan.restored)
    if held:
        raise DatabaseHeld(database=plan.database, firm=firm.id, holders="\n".join(f"  {line}" for line in held))


def _refused(firm: Firm, plan: DatabasePlan, reason: str) -> RowsRefused:
    return RowsRefused(database=plan.database, firm=firm.id, reason=reason)
