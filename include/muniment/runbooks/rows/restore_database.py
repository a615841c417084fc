"""One database of a staged cluster into the live one, under a new name; in place by an approved change of names."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.whole_database import (
    DatabaseInUse,
    RenameRefused,
    databases_of,
    read_properties,
    restore_whole,
)
from muniment.domain.approval import Approval
from muniment.domain.firm.firm import Firm
from muniment.domain.record import new_id
from muniment.domain.rows.table_plan import DatabasePlan, stamped
from muniment.domain.sql_names import near
from muniment.errors import InvalidRequest, RowsRefused
from muniment.ports import Clock
from muniment.runbooks.rows.restore_matter import require_approval
from muniment.runbooks.rows.staged_copy import prove_copy, prove_live

ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class RestoredDatabase:
    """``name``: the new database; ``of``: the one it is a copy of."""

    name: str
    of: str
    size_bytes: int


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
    return RestoredDatabase(name, database, restore_whole(staged, database, properties, live, name))


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
    return DatabasePlan(
        id=new_id(made_at),
        firm=firm.id,
        database=database,
        restored=restored,
        system_identifier=live.system_identifier(),
        made_at=made_at,
        requested_by=requested_by,
        sessions=sessions,
    )


def swap_database(firm: Firm, plan: DatabasePlan, *, approval: Approval, live: PostgresServer) -> None:
    """Both names change in one transaction. Sessions are ended; who connects at that very moment is sent away once.

    Raises ``ActNotApproved``, ``WrongCluster``, and ``RowsRefused`` where sessions keep it busy or a name is gone.
    """
    require_approval(firm, f"database {plan.database}", plan.sha256, plan.requested_by, approval)
    prove_live(firm, live, plan.system_identifier)
    with databases_of(live) as databases:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                databases.swap(plan.database, plan.before, plan.restored)
            except DatabaseInUse:
                # A pool that connects again at once; from the first rename on it has to wait for us.
                if attempt == ATTEMPTS:
                    raise _refused(firm, plan, "sessions connect to it faster than they are ended") from None
                time.sleep(0.05)
            except RenameRefused as refused:
                raise _refused(firm, plan, str(refused)) from None
            else:
                return


def _refused(firm: Firm, plan: DatabasePlan, reason: str) -> RowsRefused:
    return RowsRefused(database=plan.database, firm=firm.id, reason=reason)
