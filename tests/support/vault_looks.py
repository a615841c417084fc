"""What the watch looks at: a server's word, WAL by name alone, and the requests that a look costs."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import batched, product
from typing import Any

from muniment.adapters.site.site import Side, Site
from muniment.adapters.vault.vault import Vault
from muniment.domain.vault import keys
from muniment.domain.wal.names import Lsn, WalSegment
from muniment.domain.watch.server import ServerSeen
from tests.support.s3 import s3_of

SEGMENT_BYTES = 16 * 2**20
NOW = datetime(2026, 11, 28, 3, tzinfo=UTC)


def segment(number: int, timeline: int = 1) -> WalSegment:
    return WalSegment(timeline, number, SEGMENT_BYTES)


def run(first: int, last: int, timeline: int = 1) -> list[str]:
    return [each.name for each in segment(first, timeline).through(segment(last, timeline))]


def make_server(site: Site, number: int, *, timeline: int = 1, **known: Any) -> ServerSeen:
    """It writes segment ``number`` at this moment."""
    values: dict[str, Any] = {
        "seen_at": NOW,
        "server_at": NOW,
        "system_identifier": known.get("system_identifier") or site.postgres.system_identifier(),
        "timeline": timeline,
        "is_standby": False,
        "segment_bytes": SEGMENT_BYTES,
        "flush_lsn": Lsn(number * SEGMENT_BYTES + 4096),
        "next_xid": 800,
        "is_quiet": True,
        "archived_count": 0,
        "last_archived": None,
        "last_archived_at": None,
        "failed_count": 0,
        "last_failed": None,
        "last_failed_at": None,
        "ready": 0,
        "pg_wal_bytes": 0,
        "segments_written_at": {},
        "slots": (),
    }
    return ServerSeen(**{**values, **known})


def push_names(vault: Vault, system_identifier: int, names: Iterable[str]) -> None:
    """Objects of WAL with nothing in them: for what only lists."""

    def put(name: str) -> None:
        vault.store.put(keys.wal(system_identifier, name), b"", metadata={})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, names))


def remove_names(root: Site, side: Side, system_identifier: int, names: Iterable[str]) -> None:
    """As whoever may, around the vault: a marker over each."""
    vault = root.vault(side)
    for name in names:
        s3_of(vault).delete_object(Bucket=vault.bucket, Key=keys.wal(system_identifier, name))


def clear(root: Site, *prefixes: str) -> None:
    """As whoever may, in both vaults: for the next test of a firm that several share."""
    for vault in root.vaults:
        keys_there = [item.key for prefix in prefixes for item in vault.list(prefix)]
        for some in batched(keys_there, 1000):
            s3_of(vault).delete_objects(Bucket=vault.bucket, Delete={"Objects": [{"Key": key} for key in some]})


@contextmanager
def requests_of(site: Site) -> Iterator[list[str]]:
    """``s3.ListObjectsV2`` and so on: each request that the site's own clients send, repeated ones too."""
    seen: list[str] = []

    def note(event_name: str, **_: Any) -> None:
        seen.append(event_name.removeprefix("before-send."))

    regions = {vault.region for vault in site.vaults}
    every = product((site.clients, site.hasty), ("s3", "kms"), regions)
    made: list[Any] = [make(service, region) for make, service, region in every]
    clients = {id(client): client for client in made}.values()
    for client in clients:
        client.meta.events.register("before-send", note, unique_id="requests of")
    try:
        yield seen
    finally:
        for client in clients:
            client.meta.events.unregister("before-send", note, unique_id="requests of")
