"""Looks at many firms at once, each with a time-out of its own: one that does not answer costs itself alone."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from muniment.adapters.site.site import SIDES, Side, place_of
from muniment.domain.fleet.history import FirmHistory
from muniment.domain.watch.assembly import Unanswered, firm_seen
from muniment.domain.watch.evidence import Evidence
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.server import ServerSeen
from muniment.domain.watch.vault import VaultSeen
from muniment.ports import Clock
from muniment.runbooks.watch.looks import SERVER_TIMEOUT_S, Looks, QuietRegions, unseen

VAULT_TIMEOUT_S = 5.0
"""With the server's, the ten seconds that one firm may take."""
WHOLE_TIMEOUT_S = 10.0
"""Of a look at all, which has twenty times the requests; and of the evidence."""
# A thread that waits for a store which says nothing is left behind, and its place must not be missed.
_SPARE_THREADS = 8

log = logging.getLogger(__name__)


class Histories(Protocol):
    """Where firms' histories are kept: one is in memory while its vaults are asked. Thread-safe."""

    def history(self, firm: str) -> FirmHistory | None: ...

    def put_histories(self, histories: Iterable[FirmHistory]) -> None: ...


def look_at_firms(
    fleet: Sequence[Looks],
    before: Mapping[str, FirmSeen],
    whole: frozenset[str],
    *,
    at_once: int,
    clock: Clock,
    histories: Histories,
) -> list[FirmSeen]:
    """In no order. ``at_once``: connections to databases; as many threads ask the vaults as a quarter of them.
    ``histories``: those of ``whole`` go on there."""
    threads = max(4, at_once // 4)
    pool = ThreadPoolExecutor(threads * _SPARE_THREADS, "watch")
    try:
        return asyncio.run(_Pass(pool, at_once, threads, clock, histories).look(fleet, before, whole))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@dataclass(slots=True)
class _Pass:
    pool: ThreadPoolExecutor
    at_once: int
    threads: int
    clock: Clock
    histories: Histories
    regions: QuietRegions = field(default_factory=QuietRegions)
    servers: asyncio.Semaphore = field(init=False)
    vaults: asyncio.Semaphore = field(init=False)

    async def look(
        self, fleet: Sequence[Looks], before: Mapping[str, FirmSeen], whole: frozenset[str]
    ) -> list[FirmSeen]:
        # psycopg looks up names there: some hosts whose names nobody answers for must not keep the others waiting.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(self.at_once, "names"))
        self.servers, self.vaults = asyncio.Semaphore(self.at_once), asyncio.Semaphore(self.threads)
        looking = (self._firm(one, before.get(one.firm.id), whole=one.firm.id in whole) for one in fleet)
        return list(await asyncio.gather(*looking))

    async def _firm(self, looks: Looks, before: FirmSeen | None, *, whole: bool) -> FirmSeen:
        server = await self._server(looks)
        answered = server if isinstance(server, ServerSeen) else (before.server if before else None)
        sides = (self._vault(looks, side, before, answered, whole=whole) for side in SIDES)
        vaults = await asyncio.gather(*sides)
        evidence = await self._evidence(looks, vaults) if whole else None
        now = self.clock()
        seen = firm_seen(looks.firm, before, server, vaults, evidence=evidence, host=looks.host, now=now)
        if whole:
            await self._history(looks, vaults)
            seen = seen.model_copy(update={"whole_at": now})
        return await self._with_abandoned(looks, seen, before)

    async def _with_abandoned(self, looks: Looks, seen: FirmSeen, before: FirmSeen | None) -> FirmSeen:
        """Asked only of a cluster that went back to an earlier timeline: a roll-back that is on record was meant."""
        if before is None or before.server is None or seen.server is None:
            return seen
        if seen.server.timeline >= before.server.timeline:
            return seen
        async with self.vaults:
            try:
                return seen.model_copy(update={"abandoned": await self._in_time(looks.abandoned, ())})
            except Exception as error:  # as of a cluster
                _unforeseen(looks.firm.id, "its roll-backs", error)
                return seen

    async def _server(self, looks: Looks) -> ServerSeen | Unanswered:
        async with self.servers:
            try:
                async with asyncio.timeout(SERVER_TIMEOUT_S + 1):
                    return await looks.server()
            except TimeoutError:
                return Unanswered(f"no answer within {SERVER_TIMEOUT_S:g} s", "ServerUnavailable")
            except Exception as error:  # such as a host name that is none: it costs its own firm, and no other
                return _unforeseen(looks.firm.id, "its cluster", error)

    async def _vault(
        self, looks: Looks, side: Side, before: FirmSeen | None, server: ServerSeen | None, *, whole: bool
    ) -> VaultSeen:
        place = place_of(looks.firm, side)
        known = before.vault(side) if before else None
        async with self.vaults:
            if self.regions.is_quiet(place.region):
                return self.regions.instead(side, looks.firm, known)
            patience_s = WHOLE_TIMEOUT_S if whole else VAULT_TIMEOUT_S
            late = unseen(looks.firm, side, known, f"no answer within {patience_s:g} s", "StoreUnavailable")
            try:
                await asyncio.get_running_loop().run_in_executor(self.pool, looks.get_ready)
                seen = await self._in_time(lambda: looks.vault(side, known, server, whole=whole), late, patience_s)
            except Exception as error:  # as of a cluster
                told = _unforeseen(looks.firm.id, f"its {side} vault", error)
                return unseen(looks.firm, side, known, told.why, told.kind)
        self.regions.note(seen)
        return seen

    async def _evidence(self, looks: Looks, vaults: Sequence[VaultSeen]) -> Evidence | Unanswered | None:
        """What duties are judged by is read from both vaults; a silent one is told already."""
        if all(vault.unseen is not None for vault in vaults):
            return None
        async with self.vaults:
            late = Unanswered(f"no answer within {WHOLE_TIMEOUT_S:g} s", "StoreUnavailable")
            try:
                return await self._in_time(looks.evidence, late, WHOLE_TIMEOUT_S)
            except Exception as error:  # as of a cluster
                return _unforeseen(looks.firm.id, "its registers", error)

    async def _history(self, looks: Looks, vaults: Sequence[VaultSeen]) -> None:
        """For the page alone: whatever becomes of it, what was seen and the evidence are judged."""
        answered = [vault.side for vault in vaults if vault.unseen is None]
        if not answered:
            return
        async with self.vaults:
            try:
                gather = partial(_gathered, looks, answered, self.histories)
                if (found := await self._in_time(gather, None, WHOLE_TIMEOUT_S)) is not None:
                    await asyncio.get_running_loop().run_in_executor(self.pool, self.histories.put_histories, [found])
            except Exception as error:  # as of a cluster
                _unforeseen(looks.firm.id, "its history", error)

    async def _in_time[T](self, work: Callable[[], T], late: T, patience_s: float = VAULT_TIMEOUT_S) -> T:
        """The thread goes on; what it finds then is not waited for."""
        try:
            async with asyncio.timeout(patience_s):
                return await asyncio.get_running_loop().run_in_executor(self.pool, work)
        except TimeoutError:
            return late


def _gathered(looks: Looks, answered: Sequence[Side], histories: Histories) -> FirmHistory | None:
    return looks.history(histories.history(looks.firm.id), answered)


def _unforeseen(firm_id: str, what: str, error: Exception) -> Unanswered:
    """The log has the traceback. What is kept and told has the error's kind alone: its words are a library's."""
    log.error("firm %s: the look at %s failed", firm_id, what, exc_info=error)
    return Unanswered(
        f"the look failed with {type(error).__name__}: the log of the watch has more", type(error).__name__
    )
