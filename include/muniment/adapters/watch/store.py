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
from muniment.adapters.watch.shown import Shown
from muniment.adapters.watch.tables import VERSION, VERSION_TABLE
from muniment.domain.secret import Secret
from muniment.errors import WatchStoreNotReady, WatchStoreTooNew, WatchStoreUnavailable

_SCHEMA = text(f"SELECT to_regnamespace('{SCHEMA}')")
_USAGE = text(f"SELECT has_schema_privilege('{SCHEMA}', 'USAGE')")


class WatchStore(Firms, Series, Shown, Passes, Books, Notices, Suspensions, Remembered):
    """Usable from several threads. Each method is one transaction, and raises ``WatchStoreUnavailable``."""

    @classmethod
    def open(cls, url: str | Secret, *, patience_s: float = PATIENCE_S, read_only: bool = False) -> Self:
        """Makes it where there is none, and migrates an older one. A store that nobody may write to is opened, too,
        and read. ``read_only``: neither made nor migrated, and no method of it writes.

        Raises ``WatchStoreUnavailable``, ``WatchStoreTooNew``, ``WatchStoreDamaged``, of a URL that is none
        ``InvalidConfiguration``, and ``WatchStoreNotReady`` where ``read_only`` finds none, or an older one.
        """
        database = connect(url.reveal() if isinstance(url, Secret) else url, patience_s, read_only=read_only)
        store = cls(database)
        weakref.finalize(store, database.engine.dispose)  # its idle connections end with it, also where this raises
        if read_only:
            _must_be_ready(database)
        elif _found(database) != VERSION:
            _migrate(database, patience_s)
        return store

    def prune(self, before: datetime) -> int:
        """How many samples are gone. Passes that began before and notices that were delivered before go with them;
        incidents stay, and so does what was never delivered. Raises ``WatchStoreUnavailable``."""
        self.prune_passes(before)
        self.prune_notices(before)
        return self.prune_samples(before)


def _must_be_ready(database: Database) -> None:
    """Raises ``WatchStoreNotReady``."""
    found = _found(database)
    if found is None and database.file is None and _is_out_of_reach(database):
        raise WatchStoreUnavailable(place=database.place, reason=f"this login has no USAGE on schema {SCHEMA}")
    if found != VERSION:
        fault = "is not there yet" if found is None else f"is of version {found}, and this Muniment reads {VERSION}"
        raise WatchStoreNotReady(place=database.place, fault=fault)


def _is_out_of_reach(database: Database) -> bool:
    """A schema without that right is passed over, as if it were not there."""
    with database.reading() as connection:
        return connection.execute(_SCHEMA).scalar() is not None and not connection.execute(_USAGE).scalar()


def _found(database: Database) -> str | None:
    """Its version; ``None``: there is none. Raises ``WatchStoreTooNew``."""
    if database.file is not None and not database.file.exists():
        return None
    with database.reading() as connection:
        found = _version(connection)
    if found is not None and found > VERSION:
        raise WatchStoreTooNew(place=database.place, found=found, known=VERSION)
    return found


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
