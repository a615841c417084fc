"""Collations of another version than the one that indexes were built with: what they order, they may order otherwise.

Text is sorted by glibc or ICU, whose rules change with their versions; an index from before finds some rows no more,
and a unique one lets them in twice. PostgreSQL keeps the version of each collation, and of each database's own, and
only warns (its documentation, "Collation Versions" and ALTER COLLATION).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from muniment.domain.finding import Finding
from muniment.domain.sql_names import quoted

CHECK = "versions of collations"
"""The check of a staging and of a drill."""
_SHOWN = 5
_LIBC = "libc"


@dataclass(frozen=True, slots=True)
class OldCollation:
    """``name`` is SQL text, ``None`` for what the database itself sorts by; ``indexes`` hang on it, as SQL text too."""

    database: str
    name: str | None
    built: str
    here: str
    indexes: tuple[str, ...]

    def __str__(self) -> str:
        which = f"collation {self.name} of database {self.database}" if self.name else f"database {self.database}"
        return f"{which} was sorted by version {self.built} and is by {self.here} here: {_listed(self.indexes)}"

    @property
    def remedy(self) -> str:
        """To be run in that database."""
        database = quoted(self.database)
        if self.name is None:
            return (
                f"in {self.database}: REINDEX DATABASE {database}; ALTER DATABASE {database} REFRESH COLLATION VERSION;"
            )
        rebuilt = "".join(f"REINDEX INDEX {name}; " for name in self.indexes)
        return f"in {self.database}: {rebuilt}ALTER COLLATION {self.name} REFRESH VERSION;"


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"rebuild {', '.join(names[:_SHOWN])}{more}" if names else "it has no index to rebuild"


def findings(old: Iterable[OldCollation]) -> Iterator[Finding]:
    """A warning: the backup is as good as the cluster, and the cluster should be mended before it is needed."""
    for each in old:
        yield Finding(str(each), each.remedy, "warning")


def told(old: Iterable[OldCollation]) -> str:
    """In one line, with what is to be run."""
    return "; ".join(f"{each}; {each.remedy}" for each in old)


def elsewhere(recorded: Iterable[str], glibc: str | None) -> tuple[str, ...]:
    """Sentences for whoever plans a restore to a machine of this glibc. ``recorded``: ``libc 2.36``, by a backup."""
    built = sorted(text.removeprefix(f"{_LIBC} ") for text in recorded if text.startswith(f"{_LIBC} "))
    return tuple(
        f"the order of text as glibc {version} has it: this machine has {glibc}, and `REINDEX DATABASE` is needed, with"
        " `ALTER DATABASE … REFRESH COLLATION VERSION`; a staging names the indexes"
        for version in built
        if glibc is not None and version != glibc
    )
