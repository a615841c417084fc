"""What a restored cluster's postgresql.auto.conf says, over whatever the firm's own server had set."""

import shlex
from collections.abc import Mapping

# A cluster that was itself restored once has its old target in its files, and a second one is an error.
# Set to nothing they are no target; they come first, because the one that is set last counts.
_TARGETS = ("", "_lsn", "_name", "_time", "_xid")
_HARMLESS = {
    "archive_mode": "off",
    "archive_command": "",
    "archive_cleanup_command": "",
    "recovery_end_command": "",
    "recovery_min_apply_delay": "0",
    "primary_conninfo": "",
    "primary_slot_name": "",
    "recovery_target_inclusive": "on",
    # Files of the firm's own host, should its postgresql.conf name any.
    "external_pid_file": "",
    "log_directory": "log",
    # What the WAL makes of tablespaces lies in the data directory (wal_tablespaces.py).
    "allow_in_place_tablespaces": "on",
}


def settings_file(recovery: Mapping[str, str], restore_command: str) -> str:
    """``recovery``: ``recovery_target_*`` as the plan has them."""
    none = {f"recovery_target{kind}": "" for kind in _TARGETS if f"recovery_target{kind}" not in recovery}
    settings = {**none, **_HARMLESS, "restore_command": restore_command, **recovery}
    lines = [f"{name} = '{_quoted(value)}'" for name, value in settings.items()]
    return "\n".join(["", "# written by muniment restore", *lines, ""])


def start_command(data_dir: str, port: int = 5433, more: Mapping[str, str] | None = None) -> str:
    """For a person's shell. The firm's postgresql.conf may name the data directory of its own host."""
    settings = {"data_directory": data_dir, **(more or {})}
    options = " ".join([f"-p {port}", *(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items())])
    return f"pg_ctl -D {shlex.quote(data_dir)} -o {shlex.quote(options)} start"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")
