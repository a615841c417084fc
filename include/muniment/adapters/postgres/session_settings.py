"""What a session of ours is like, whatever the environment, the role, the database or postgresql.conf says.

One that the firm's own connection names (``options``) stays as it is told, unless it decides how values are spelled.
``search_path`` is nobody's but the database's: its views, triggers and operators find each other by it (docs/adr/0026).
"""

import re
from collections.abc import Iterator, Mapping

# As pg_dump does, and more: a text must not depend on the settings of a role, a database or a host, and go back in
# unchanged. With row_security off a policy that would hide rows is an error and not a shorter answer.
_SPELLING = {
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "xmloption": "content",
    "lc_monetary": "C",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "row_security": "off",
}
# Nothing but we ourselves ends what we ask, and the session that holds the lock is idle for hours.
_LIMITS = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "default_transaction_isolation": "read committed",
    "role": "none",
}
_SINCE_17 = {"transaction_timeout": "0"}
# With these, damage is passed over and foreign keys are not checked. Nobody else may set them, nor unset them.
_OF_SUPERUSERS = {"zero_damaged_pages": "off", "ignore_checksum_failure": "off", "session_replication_role": "origin"}
_TOLD = re.compile(r"(?:^|\s)(?:-c\s*|--)([A-Za-z_][\w.-]*)=")


def session_settings(*, major: int, superuser: bool, options: str = "") -> dict[str, str]:
    """``options``: of the firm's own connection, in libpq's form (``-c name=value``)."""
    told = {name.replace("-", "_").lower() for name in _TOLD.findall(options)}
    limits = {**_LIMITS, **(_SINCE_17 if major >= 17 else {}), **(_OF_SUPERUSERS if superuser else {})}
    return {**{name: value for name, value in limits.items() if name not in told}, **_SPELLING}


def statement(settings: Mapping[str, str]) -> bytes:
    """In a session that has begun. Every name and value is a constant of this module."""
    return "; ".join(f"SET {name} = '{value}'" for name, value in settings.items()).encode()


def startup_options(settings: Mapping[str, str], options: str = "") -> str:
    """For a session that a program begins; what comes last counts."""
    return " ".join([*_spelled(settings), *([options] if options else [])])


def _spelled(settings: Mapping[str, str]) -> Iterator[str]:
    for name, value in settings.items():
        yield f"-c {name}={value.replace(' ', chr(92) + ' ')}"
