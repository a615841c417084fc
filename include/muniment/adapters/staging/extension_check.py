"""What this machine's PostgreSQL must have beside itself before it can open a firm's databases."""

import platform
from collections.abc import Iterable, Iterator
from pathlib import Path

from muniment.adapters.host.programs import PostgresPrograms, run_program
from muniment.adapters.staging.isolated_cluster import fenced_in
from muniment.errors import ExtensionMissing, NoIsolation, ProgramFailed

# Debian's and PGDG's packages, {major} the version's; what is not named is part of postgresql-contrib.
_PACKAGES = {
    "vector": "postgresql-{major}-pgvector",
    "postgis": "postgresql-{major}-postgis-3",
    "pgaudit": "postgresql-{major}-pgaudit",
    "timescaledb": "timescaledb-2-postgresql-{major}",
    "pg_partman": "postgresql-{major}-partman",
}
# They only schedule work; their tables are plain ones, and a copy that is isolated never runs them.
_NOT_NEEDED = frozenset({"pg_cron"})


def require_extensions(firm: str, programs: PostgresPrograms, extensions: Iterable[str]) -> None:
    """``extensions``: ``name version``, as a recovery point has them. Raises ``ExtensionMissing`` with all of them."""
    missing = sorted(set(_missing(programs, extensions)))
    if missing:
        packages = sorted({_PACKAGES.get(name, "postgresql-contrib").format(major=programs.major) for name in missing})
        raise ExtensionMissing(
            version=programs.major, firm=firm, extensions=", ".join(missing), packages=" and ".join(packages)
        )


def _missing(programs: PostgresPrograms, extensions: Iterable[str]) -> Iterator[str]:
    folder = _share_folder(programs) / "extension"
    for spelled in extensions:
        name = spelled.split(" ", 1)[0]
        if name not in _NOT_NEEDED and not (folder / f"{name}.control").exists():
            yield name


def _share_folder(programs: PostgresPrograms) -> Path:
    return Path(run_program([str(programs.bin_dir / "pg_config"), "--sharedir"], timeout_s=30).stdout.strip())


def require_isolation() -> None:
    """Tries the fences on a program that does nothing. Raises ``NoIsolation``."""
    try:
        run_program([*fenced_in(Path.cwd()), "true"], timeout_s=60)
    except ProgramFailed as failure:
        reason = f"{platform.system()} on {platform.machine()}: {failure.facts['stderr'].rsplit('\n', 1)[-1]}"
        raise NoIsolation(reason=reason) from failure
