"""Which locales this machine's C library knows: the same question that PostgreSQL asks when a database is opened."""

import ctypes
from collections.abc import Iterable

from muniment.adapters.host.programs import PostgresPrograms, run_program
from muniment.domain.restore.host_needs import missing_locales
from muniment.domain.vault.registers import ClusterDatabase
from muniment.errors import LocaleMissing

_COLLATE_MASK = 1 << 3  # LC_COLLATE_MASK of glibc's <locale.h>
_ICU_IS_THE_DEFAULT = 16


def require_locales(firm: str, programs: PostgresPrograms, databases: Iterable[ClusterDatabase]) -> None:
    """``databases``: as a recovery point has them. Raises ``LocaleMissing`` with all that is missing."""
    if missing := missing_locales(databases, knows_locale, has_icu=has_icu(programs)):
        raise LocaleMissing(firm=firm, locales="; ".join(missing))


def knows_locale(name: str) -> bool:
    """Without changing this process's own, which setlocale(3) would."""
    libc = ctypes.CDLL(None)
    libc.newlocale.restype = ctypes.c_void_p
    libc.newlocale.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p]
    libc.freelocale.argtypes = [ctypes.c_void_p]
    found = libc.newlocale(_COLLATE_MASK, name.encode(), None)
    if found:
        libc.freelocale(found)
    return bool(found)


def has_icu(programs: PostgresPrograms) -> bool:
    """Whether these were built with it."""
    built = run_program([str(programs.bin_dir / "pg_config"), "--configure"], timeout_s=30).stdout
    return "--with-icu" in built or (programs.major >= _ICU_IS_THE_DEFAULT and "--without-icu" not in built)
