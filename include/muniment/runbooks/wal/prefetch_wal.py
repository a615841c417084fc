"""Serves a recovery: fetches what PostgreSQL asks for, and the next segments before it asks."""

import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from muniment.adapters.host import processes
from muniment.adapters.host.data_directory import is_in_production, is_in_recovery, postmaster_of
from muniment.adapters.host.durable_files import replace_file
from muniment.adapters.wal.spool import SUBSTITUTED, WalSpool
from muniment.domain.wal.names import WalSegment, is_segment
from muniment.errors import MunimentError
from muniment.runbooks.wal.fetch_wal import WalFetcher

AHEAD_BYTES = 256 * 2**20
_MOST_AHEAD = 32
_MOST_WORKERS = 6
_IDLE_LIMIT_S = 300.0
_LOOK_EVERY_S = 0.02


type Outcome = Literal["fetched", "absent", "failed"]


@dataclass(slots=True)
class Prefetcher:
    """Runs in a process of its own until recovery has ended, the server is gone, or nobody has asked for minutes."""

    fetcher: WalFetcher
    spool: WalSpool
    data_dir: Path
    segment_bytes: int = 0
    """Known once the first segment has come."""
    position: str = ""
    under_way: dict[str, Future[Outcome]] = field(default_factory=dict)
    has_recovered: bool = False

    def run(self) -> None:
        try:
            with ThreadPoolExecutor(min(_MOST_WORKERS, 2 * (os.cpu_count() or 1)), "prefetch") as pool:
                self._listen(pool)
                pool.shutdown(wait=False, cancel_futures=True)
        finally:
            for left in self.spool.fetched.iterdir():
                left.unlink(missing_ok=True)

    def _listen(self, pool: ThreadPoolExecutor) -> None:
        heard, asked_at = "", time.monotonic()
        while self._is_needed(asked_at):
            told = self.spool.wanted.read_text()
            if told != heard:
                heard, asked_at = told, time.monotonic()
                self._hear(pool, *told.split())
            if taken := self._taken():
                asked_at = time.monotonic()
                self._move_to(taken)
            self._keep_ahead(pool)
            time.sleep(_LOOK_EVERY_S)

    def _is_needed(self, asked_at: float) -> bool:
        self.has_recovered = self.has_recovered or is_in_recovery(self.data_dir)
        if self.has_recovered and is_in_production(self.data_dir):
            return False
        postmaster = postmaster_of(self.data_dir)
        is_alive = postmaster is not None and processes.runs_in(postmaster, self.data_dir)
        return is_alive and time.monotonic() - asked_at < _IDLE_LIMIT_S

    def _hear(self, pool: ThreadPoolExecutor, name: str, token: str) -> None:
        if is_segment(name):
            self._move_to(name)
        self._start(pool, name).add_done_callback(partial(self._answer, token))

    def _taken(self) -> str | None:
        """The last segment that recovery has moved out of the spool by itself, without asking."""
        ready = (name for name, future in self.under_way.items() if future.done() and future.result() == "fetched")
        taken = [name for name in ready if is_segment(name) and self.spool.ready(name) is None]
        return max((name for name in taken if name > self.position), default=None)

    def _move_to(self, name: str) -> None:
        self.position = name
        self._drop_behind(name)

    def _answer(self, token: str, future: Future[Outcome]) -> None:
        if not future.cancelled() and future.result() != "fetched":
            self.spool.answer(future.result(), token).touch()

    def _keep_ahead(self, pool: ThreadPoolExecutor) -> None:
        """In order, so that the one that is needed next comes first; nothing behind a segment that is not there."""
        if not self.segment_bytes or not self.position:
            return
        segment = WalSegment.parse(self.position, self.segment_bytes)
        for _ in range(max(2, min(_MOST_AHEAD, AHEAD_BYTES // self.segment_bytes))):
            segment = segment.next()
            known = self.under_way.get(segment.name)
            if known is None:
                self._start(pool, segment.name)
            elif known.done() and known.result() != "fetched":
                return

    def _start(self, pool: ThreadPoolExecutor, name: str) -> Future[Outcome]:
        """Begins to fetch, unless it is being fetched or lies ready."""
        known = self.under_way.get(name)
        if known is None or (known.done() and self.spool.ready(name) is None):
            known = self.under_way[name] = pool.submit(self._fetch, name)
        return known

    def _fetch(self, name: str) -> Outcome:
        """What fails here is tried again by PostgreSQL's own request, which reports it."""
        try:
            content = self.fetcher.read(name)
        except MunimentError as error:
            print(f"{name}: {error}", flush=True)
            return "failed"
        if content is None:
            return "absent"
        if is_segment(name):
            self.segment_bytes = len(content)
        reason = self.fetcher.substituted(name)
        if reason:
            print(f"{name}: {reason}", flush=True)
        replace_file(self.spool.fetched / (f"{name}{SUBSTITUTED}" if reason else name), content, durable=False)
        return "fetched"

    def _drop_behind(self, wanted: str) -> None:
        """Recovery has moved on, or to another timeline; what was absent before may have been archived since."""
        for name, future in list(self.under_way.items()):
            is_behind = name < wanted or name[:8] != wanted[:8]
            if future.done() and (is_behind or future.result() != "fetched"):
                del self.under_way[name]
        for left in self.spool.fetched.glob("[0-9A-F]*"):
            name = left.name.removesuffix(SUBSTITUTED)
            if is_segment(name) and (name < wanted or name[:8] != wanted[:8]):
                left.unlink(missing_ok=True)
