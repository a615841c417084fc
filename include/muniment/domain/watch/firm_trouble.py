"""A trouble of one firm: what is the same in all of them."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from muniment.domain.incidents.trouble import Cause, Scope, Severity, Trouble
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.vault import VaultSeen


@dataclass(frozen=True, slots=True)
class Words:
    """``hint`` is without its full stop; ``at_stake`` is told in the firm's words."""

    subject: str
    what: str
    kept: str
    hint: str
    at_stake: str = ""
    breaks_at: datetime | None = None

    def fields(self) -> dict[str, Any]:
        """Of a ``Trouble``, whosever it is."""
        return {**asdict(self), "hint": f"{self.hint}."}


def places_of(*vaults: VaultSeen | None) -> tuple[Scope, ...]:
    """What a trouble with these vaults may share with others, narrowest first; and by which a vault that does not
    answer explains it (``domain/incidents/explains.py``)."""
    found = [vault for vault in vaults if vault is not None]
    return (
        *(Scope(kind="key", name=vault.key) for vault in found),
        *(Scope(kind="bucket", name=vault.bucket) for vault in found),
        *(Scope(kind="region", name=vault.region) for vault in found),
    )


def ways_to(seen: FirmSeen) -> tuple[Scope, ...]:
    """The host; and the worker, by its queue: what it cannot reach, or has no connections for, is one trouble of all
    firms, though each has a host of its own."""
    queue = Scope(kind="queue", name=seen.queue)
    return (Scope(kind="host", name=seen.host), queue) if seen.host else (queue,)


def trouble_of(
    seen: FirmSeen,
    cause: Cause,
    severity: Severity,
    words: Words,
    *,
    scopes: tuple[Scope, ...] = (),
    opens_at_once: bool = False,
) -> Trouble:
    return Trouble(
        cause=cause,
        firm=seen.firm,
        tier=seen.tier,
        scopes=scopes,
        severity=severity,
        opens_at_once=opens_at_once,
        seen_at=seen.seen_at,
        **words.fields(),
    )
