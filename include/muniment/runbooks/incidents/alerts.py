"""What on-call has to hear now of what may last for nights, and the note in the primary vault that they did.

The note is what makes it once: nights, their steps and retries are processes that know nothing of each other.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.authenticity import read_register
from muniment.adapters.vault.vault import Vault
from muniment.domain.incidents.alert import (
    Alert,
    Notice,
    Topic,
    hole_notices,
    incomplete_notice,
    last_over,
    second_region_notice,
)
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Point, WalHole
from muniment.errors import AlreadyRegistered, Damaged
from muniment.ports import Clock
from muniment.runbooks.identity import replica_away


def second_region_alert(site: Site, *, clock: Clock) -> Notice | None:
    """Whether the second region has all that it should, against what on-call knows."""
    away = replica_away(site)
    points = catalog.points(site.primary)
    there = frozenset[str]() if away else catalog.point_ids(site.replica) or frozenset()
    told = _told(site.primary, "second-region")
    since = _whole_at(site.primary, told) if away else None
    waiting = [each.id for each in points if (_came_alone(each, since) if away else each.id not in there)]
    return second_region_notice(
        firm=site.firm.id,
        region=site.replica.region,
        away=away.what if away else None,
        waiting=waiting,
        told=told,
        now=clock(),
    )


def _came_alone(point: Point, whole_at: datetime | None) -> bool:
    """A point never says that its copy came later: that all were there says the note of the last trouble's end."""
    return point.verified_replica_at is None and (whole_at is None or point.registered_at > whole_at)


def _whole_at(vault: Vault, told: frozenset[str]) -> datetime | None:
    over = last_over(told)
    if over is None:
        return None
    try:
        return read_register(vault, Alert, keys.alert("second-region", over)).told_at
    except Damaged:
        return None


def hole_alerts(site: Site, holes: Mapping[str, Sequence[WalHole]]) -> tuple[Notice, ...]:
    """``holes``: by the point behind them."""
    if not any(holes.values()):
        return ()
    told, notices = _told(site.primary, "wal-hole"), dict[str, Notice]()
    for point_id, new in holes.items():
        for notice in hole_notices(firm=site.firm.id, holes=new, point=point_id, told=told):
            notices.setdefault(notice.name, notice)
    return tuple(notices.values())


def registered_hole_alerts(site: Site) -> tuple[Notice, ...]:
    """Also those behind which a point was made by a command, or by a night that could tell nobody."""
    return hole_alerts(site, {point.id: point.new_holes for point in catalog.points(site.primary)})


def incomplete_alert(site: Site, *, clock: Clock) -> Notice | None:
    """Whether the newest point lacks something that on-call does not know of, or lacks nothing any more."""
    newest = catalog.latest_point(site.primary)
    return incomplete_notice(
        firm=site.firm.id,
        point=newest.id,
        lacking=newest.incomplete,
        told=_told(site.primary, "incomplete"),
        now=clock(),
    )


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
