"""What an environment, a role and a database may say of a session, each of which would break ours."""

ENVIRONMENT = {
    "PGPASSWORD": "not the one",
    "PGPASSFILE": "/nowhere",
    "PGSERVICE": "unknown",
    "PGHOST": "192.0.2.1",
    "PGHOSTADDR": "192.0.2.1",
    "PGUSER": "nobody",
    "PGDATABASE": "nothing",
    "PGSSLMODE": "verify-full",
    "PGOPTIONS": "-c statement_timeout=1",
    "PGCLIENTENCODING": "LATIN1",
    "PGTZ": "Nowhere/Here",
    "PGDATESTYLE": "German",
    "PGTARGETSESSIONATTRS": "standby",
    "PGREQUIREAUTH": "none",
    "PG_COLOR": "always",
}

SETTINGS = {
    "statement_timeout": "2s",
    "lock_timeout": "2s",
    "idle_session_timeout": "2s",
    "idle_in_transaction_session_timeout": "2s",
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "serializable",
    "client_encoding": "LATIN1",
    "datestyle": "German",
    "intervalstyle": "iso_8601",
    "timezone": "Asia/Tokyo",
    "bytea_output": "escape",
    "standard_conforming_strings": "off",
    "quote_all_identifiers": "on",
    "row_security": "on",
}


def altered(what: str) -> str:
    """Statements that give ``what`` ("ROLE clerk", "DATABASE practice") all of them."""
    return "; ".join(f"ALTER {what} SET {name} = '{value}'" for name, value in SETTINGS.items())
