"""What a base backup must know of the server beforehand."""

from muniment.adapters.postgres.collations import recorded_versions
from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.backup.plan import ServerState


def read_server_state(server: PostgresServer) -> ServerState:
    """``summarize_wal`` does not exist before PostgreSQL 17 and reads as off. Raises ``PostgresError``."""
    row = server.row(
        "SELECT system_identifier, timeline_id,"
        " current_setting('server_version_num')::int AS version,"
        " (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size') AS wal_segment_bytes,"
        " coalesce(current_setting('summarize_wal', true)::bool, false) AS summarizes_wal"
        " FROM pg_control_system(), pg_control_checkpoint()"
    )
    return ServerState(
        system_identifier=int(row["system_identifier"]),
        version=row["version"],
        timeline=row["timeline_id"],
        wal_segment_bytes=row["wal_segment_bytes"],
        summarizes_wal=row["summarizes_wal"],
        collations=recorded_versions(server),
    )
