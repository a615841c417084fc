"""The watch's own store: what it saw, what it tells, what persons told it. It proves nothing: vaults do."""

import weakref
from datetime import datetime
from typing import Self

from sqlalchemy import Connection, inspect, text
from sqlalchemy.schema import CreateSchema

from muniment.adapters.host.lock_file import locked
from muniment.adapters.watch.book import Books
from muniment.adapters.watch.database import PATIENCE_S, SCHEMA, Database, connect, make_file
from muniment.adapters.watch.firms import Firms, Series
from muniment.adapters.watch.notices import Notices
from muniment.adapters.watch.passes import Passes
from muniment.adapters.watch.remembered import Remembered, Suspensions
from muniment.adapters.watch.tables import VERSION, VERSION_TABLE
from muniment.domain.secret import Secret
from muniment.errors import WatchStoreTooNew, WatchStoreUnavailable

_SCHEMA = text(f"SELECT to_regnamespace('{SCHEMA}')")


class WatchStore(Firms, Series, Passes, Books, Notices, Suspensions, Remembered):
    """Usable from several threads. Each method is one transaction, and raises ``WatchStoreUnavailable``."""

    @classmethod
    def open(cls, url: str | Secret, *, patience_s: float = PATIENCE_S) -> Self:
        """Makes it where there is none, and migrates an older one. A store that nobody may write to is opened, too,
        and read.

        Raises ``WatchStoreUnavailable``, ``WatchStoreTooNew``, ``WatchStoreDamaged`` and, of a URL that is none,
        ``InvalidConfiguration``.
        """
        database = connect(url.reveal() if isinstance(url, Secret) else url, patience_s)
        store = cls(database)
        weakref.finalize(store, database.engine.dispose)  # its idle connections end with it, also where this raises
        if not _is_up_to_date(database):
            _migrate(database, patience_s)
        return store

    def prune(self, before: datetime) -> int:
        """How many samples are gone. Passes that began before and notices that were delivered before go with them;
        incidents stay, and so does what was never delivered. Raises ``WatchStoreUnavailable``."""
        self.prune_passes(before)
        self.prune_notices(before)
        return self.prune_samples(before)


def _is_up_to_date(database: Database) -> bool:
    """Raises ``WatchStoreTooNew``."""
    if database.file is not None and not database.file.exists():
        return False
    with database.reading() as connection:
        found = _version(connection)
    if found is not None and found > VERSION:
        raise WatchStoreTooNew(place=database.place, found=found, known=VERSION)
    return found == VERSION


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant


def _migrate(database: Database, patience_s: float) -> None:
    """One process at a time: whoever comes second finds it done."""
    if database.file is None:
        _upgrade(database)
        return
    busy = WatchStoreUnavailable(place=database.place, reason="another process has its folder locked for too long")
    try:
        database.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(database.file.parent, busy, patience_s=patience_s):
            make_file(database.file)
            _keep_a_log(database)
            _upgrade(database)
    except OSError as error:
        raise WatchStoreUnavailable(place=database.place, reason=error.strerror) from None


def _keep_a_log(database: Database) -> None:
    """SQLite's write-ahead log: whoever reads does not wait for who writes. The file remembers it."""
    with database.outside_transactions() as session:
        session.execute("PRAGMA journal_mode = WAL")


def _upgrade(database: Database) -> None:
    from muniment.adapters.watch.migrate import upgrade  # noqa: PLC0415 - alembic: half a second that few need

    with database.writing("migration") as connection:
        if database.file is None and connection.execute(_SCHEMA).scalar() is None:
            connection.execute(CreateSchema(SCHEMA))
        if _version(connection) != VERSION:
            upgrade(connection)
