"""What a restored cluster's postgresql.auto.conf says, over whatever the firm's own server had set."""

import re
import shlex
from collections.abc import Mapping, Sequence

from muniment.domain.restore.copy_settings import of_recovery, restored

# postgresql.conf's grammar (guc-file.l), where the equals sign may be missing; the value is a text or a word.
_LINE = re.compile(r"\s*(?P<name>[A-Za-z_][\w$.]*)(?:\s*=\s*|\s+|$)(?P<value>'(?:[^'\\]|\\.|'')*'|.*)")
_NO_TARGETS = frozenset(
    (name, "") for name in restored() if name.startswith("recovery_target") and not restored()[name]
)
HEADING = "# written by muniment restore"


def settings_file(recovery: Mapping[str, str], restore_command: str) -> str:
    """``recovery``: ``recovery_target_*`` as the plan has them."""
    # A cluster that was itself restored once has its old target in its files, and a second one is an error.
    ours = {name: value for name, value in restored().items() if value or name not in recovery}
    settings = {**ours, "restore_command": restore_command, **recovery}
    lines = [f"{name} = '{_quoted(value)}'" for name, value in settings.items()]
    return "\n".join(["", HEADING, *lines, ""])


def without_restore(auto_conf: str) -> str:
    """``postgresql.auto.conf`` as the firm's server had it: without what a restore wrote, and without any recovery.

    Known by what the lines set, not by the heading: ALTER SYSTEM writes the file anew, without its comments, and
    puts what it changes at the end. A line that a restore would not write stays, wherever it stands.
    """
    lines = auto_conf.split("\n")
    begins = _first_of_restore(lines)
    kept = [line for place, line in enumerate(lines) if not _is_dropped(line, of_restore=place >= begins)]
    return "\n".join(kept)


def _first_of_restore(lines: Sequence[str]) -> int:
    """Nobody but a restore sets two targets to nothing."""
    headings = [place for place, line in enumerate(lines) if line == HEADING]
    none = [place for place, line in enumerate(lines) if _setting(line) in _NO_TARGETS]
    return min([*headings, *(none if len(none) > 1 else [])], default=len(lines))


def _is_dropped(line: str, *, of_restore: bool) -> bool:
    """One of recovery's; or, where a restore wrote, its heading and what is set to just what a restore sets it to."""
    name, value = _setting(line)
    if name in of_recovery():
        return True
    return of_restore and (line == HEADING or (bool(name) and restored().get(name) == value))


def _setting(line: str) -> tuple[str, str]:
    """Name and value; nothing twice for a line that sets nothing."""
    if not (said := _LINE.match(line)):
        return "", ""
    value = said["value"]
    return said["name"].lower(), _unquoted(value) if value.startswith("'") else value.split("#")[0].strip()


def start_command(data_dir: str, port: int = 5433, more: Mapping[str, str] | None = None) -> str:
    """For a person's shell. The firm's postgresql.conf may name the data directory of its own host."""
    settings = {"data_directory": data_dir, **(more or {})}
    options = " ".join([f"-p {port}", *(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items())])
    return f"pg_ctl -D {shlex.quote(data_dir)} -o {shlex.quote(options)} start"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")


def _unquoted(value: str) -> str:
    """What ``_quoted`` made, its quotes included; other escapes are in no value of ours."""
    return value[1:-1].replace("''", "'").replace("\\\\", "\\")
