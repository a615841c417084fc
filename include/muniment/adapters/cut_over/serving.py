"""What the server says that clients reach by a connection: which cluster it is, and whether anybody has written."""

from dataclasses import dataclass

from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.restore.isolation import ROLE

_STATE = """
SELECT s.system_identifier, c.timeline_id, pg_is_in_recovery() AS recovering,
       pg_snapshot_xmax(pg_current_snapshot())::text AS xmax,
       EXISTS (SELECT FROM pg_roles WHERE rolname = %s AND (rolcanlogin OR rolsuper)) AS open_to_us
FROM pg_control_system() s, pg_control_checkpoint() c
"""


@dataclass(frozen=True, slots=True)
class ServingState:
    system_identifier: int
    timeline: int
    is_recovering: bool
    xmax: str
    """The first transaction id that nobody has: it goes on with whoever writes."""
    lets_staging_role_in: bool


def read_serving_state(server: PostgresServer) -> ServingState:
    """Raises ``PostgresError``."""
    row = server.row(_STATE, ROLE)
    return ServingState(
        system_identifier=int(row["system_identifier"]),
        timeline=int(row["timeline_id"]),
        is_recovering=row["recovering"],
        xmax=row["xmax"],
        lets_staging_role_in=row["open_to_us"],
    )
