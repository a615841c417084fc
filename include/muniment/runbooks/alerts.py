"""What on-call has to hear now of what may last for nights, and the note in the primary vault that they did.

The note is what makes it once: nights, WAL runs and retries are processes that know nothing of each other.
"""

from collections.abc import Sequence

from include.muniment.adapters import catalog
from include.muniment.adapters.site import Site
from include.muniment.adapters.vault import Vault
from include.muniment.domain import keys
from include.muniment.domain.alert import Alert, Notice, Topic, hole_notices, open_since, second_region_notice
from include.muniment.domain.register import WalHole
from include.muniment.errors import AlreadyRegistered
from include.muniment.ports import Clock
from include.muniment.runbooks.identity import replica_away


def second_region_alert(site: Site, *, clock: Clock) -> Notice | None:
    """Whether the second region has all that it should, against what on-call knows."""
    away = replica_away(site)
    points = catalog.points(site.primary)
    there = frozenset[str]() if away else catalog.point_ids(site.replica) or frozenset()
    waiting = [each.id for each in points if (each.verified_replica_at is None if away else each.id not in there)]
    return second_region_notice(
        firm=site.firm.id,
        region=site.replica.region,
        away=away.what if away else None,
        waiting=waiting,
        told=_told(site.primary, "second-region"),
        now=clock(),
    )


def is_told_of_second_region(vault: Vault) -> bool:
    """Whether on-call waits to hear that it is over: one LIST, for what runs by the minute."""
    return open_since(_told(vault, "second-region")) is not None


def hole_alerts(site: Site, holes: Sequence[WalHole], point_id: str) -> tuple[Notice, ...]:
    if not holes:
        return ()
    return hole_notices(firm=site.firm.id, holes=holes, point=point_id, told=_told(site.primary, "wal-hole"))


def remember(site: Site, notice: Notice, told: str, *, clock: Clock) -> None:
    """After somebody was told: killed in between, they are told twice, which is better than never."""
    now = clock()
    alert = Alert(
        firm=site.firm.id,
        topic=notice.topic,
        name=notice.name,
        subject=notice.subject,
        message=notice.message,
        told_at=now,
        told=told,
    )
    try:
        key = keys.alert(notice.topic, notice.name)
        site.primary.put_register(key, alert, locked_until=now + site.policy.audit_log)
    except AlreadyRegistered:
        return  # another process told the same


def _told(vault: Vault, topic: Topic) -> frozenset[str]:
    prefix = keys.alerts(topic)
    return frozenset(found.key.removeprefix(prefix).removesuffix(".json") for found in vault.list(prefix))
