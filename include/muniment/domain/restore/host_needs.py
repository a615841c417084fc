"""What the machine that restores must know of languages before any database of the cluster can be opened there."""

from collections.abc import Callable, Iterable, Iterator

from muniment.domain.vault.registers import ClusterDatabase


def missing_locales(
    databases: Iterable[ClusterDatabase], knows: Callable[[str], bool], *, has_icu: bool
) -> tuple[str, ...]:
    """Each once, with the databases that need it. Those that nobody opens need none."""
    needed: dict[str, list[str]] = {}
    for database in databases:
        if database.is_open:
            for locale in _missing(database, knows, has_icu=has_icu):
                needed.setdefault(locale, []).append(database.name)
    return tuple(f"{locale} (of {', '.join(names)})" for locale, names in needed.items())


def _missing(database: ClusterDatabase, knows: Callable[[str], bool], *, has_icu: bool) -> Iterator[str]:
    """PostgreSQL asks for the C library's two, whoever provides the order of texts (CheckMyDatabase)."""
    yield from (each for each in dict.fromkeys((database.collate, database.ctype)) if not knows(each))
    if database.provider == "icu" and not has_icu:
        yield f"ICU, which this PostgreSQL was built without, for {database.locale}"
