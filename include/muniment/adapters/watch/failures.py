"""What the store's database raises becomes ours: without the statement, its parameters or a password."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoneFree

from muniment.adapters.postgres.errors import described
from muniment.errors import MunimentError, WatchStoreDamaged, WatchStoreUnavailable

_NOT_A_STORE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY_CODE = 0xFF
"""The rest of SQLite's code tells more of the same (https://www.sqlite.org/rescode.html)."""


@contextmanager
def store_errors(place: str) -> Iterator[None]:
    """Not chained: SQLAlchemy's text has the parameters, and libpq's the connection."""
    try:
        yield
    except DBAPIError as error:
        raise _failure(place, error.orig or error) from None
    except (sqlite3.Error, psycopg.Error) as error:
        raise _failure(place, error) from None
    except NoneFree:
        raise WatchStoreUnavailable(place=place, reason="no connection is free") from None


def _failure(place: str, error: BaseException) -> MunimentError:
    if isinstance(error, psycopg.Error):
        return WatchStoreUnavailable(place=place, reason=described(error))
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    kind = WatchStoreDamaged if code in _NOT_A_STORE else WatchStoreUnavailable
    return kind(place=place, reason=" ".join(str(error).split()))
