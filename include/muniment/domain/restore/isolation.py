"""The settings of a restored server that cannot hurt anyone.

They go on its command line, where nothing in the data directory wins over them, and the firm's own postgresql.conf is
not read at all: it may name production's data directory, programs and files. postgresql.auto.conf is read always, so
what it might hold is spelled out here, each with a value of ours.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path

from muniment.domain.restore.copy_settings import Settings, isolated, of_role, recovering

ROLE = "muniment_staging"
BANNER = "muniment.staging"
"""The setting that says what the server is: ``SHOW muniment.staging``."""

_SCRAM_ROUNDS = 4096  # PostgreSQL's default, scram_iterations


def isolated_settings(*, folder: Path, data_dir: Path, major: int, banner: str, needed: Settings) -> Settings:
    """``folder`` holds our configuration files; ``needed`` is the ``room`` of this cluster."""
    return {
        # First: where it reads what follows.
        "config_file": str(folder / "postgresql.conf"),
        "hba_file": str(folder / "pg_hba.conf"),
        "ident_file": str(folder / "pg_ident.conf"),
        "data_directory": str(data_dir),
        "external_pid_file": str(folder / "postgres.pid"),
        "cluster_name": banner,
        **isolated(major),
        **needed,
    }


def recovery_settings(target: Mapping[str, str], restore_command: str) -> Settings:
    """``target``: ``recovery_target_*`` of a plan. Whatever target the data directory brings along is none of ours.

    The empty ones come first: PostgreSQL refuses a second target while one is set.
    """
    ours = {name: value for name, value in recovering().items() if name not in target}
    return {**ours, **target, "restore_command": restore_command}


def role_settings(major: int) -> dict[str, str]:
    """Of our own role: ALTER DATABASE ... SET wins over the command line, and these win over that."""
    return of_role(major)


def role_statements(verifier: str, major: int) -> tuple[str, ...]:
    """Makes our own role, a superuser, or makes it new; no role of the firm's is changed.

    Its settings are written by hand: ALTER ROLE writes an empty list of libraries as a list of one without a name.
    """
    config = ", ".join(f"'{name}={value}'" for name, value in role_settings(major).items())
    return (
        f"DO $$BEGIN IF to_regrole('{ROLE}') IS NULL THEN CREATE ROLE {ROLE}; END IF; END$$",
        f"ALTER ROLE {ROLE} SUPERUSER LOGIN PASSWORD '{verifier}'",
        "SET allow_system_table_mods = on",
        # Every value is a constant of this module.
        f"DELETE FROM pg_db_role_setting WHERE setrole = '{ROLE}'::regrole",  # noqa: S608
        f"INSERT INTO pg_db_role_setting VALUES (0, '{ROLE}'::regrole, ARRAY[{config}])",  # noqa: S608
    )


def scram_verifier(password: str, salt: bytes) -> str:
    """What pg_authid keeps for SCRAM-SHA-256 (RFC 5803), so that no statement holds the password."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    spelled = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_SCRAM_ROUNDS}:{spelled[0]}${spelled[1]}:{spelled[2]}"


def access_rules(*, open_to_us: bool) -> str:
    """pg_hba.conf: who made the server, over a socket that nobody else reaches; then one role, with its password."""
    if open_to_us:
        return "local all all trust\n"
    return f"host all {ROLE} 127.0.0.1/32 scram-sha-256\n"
