"""What a vault holds once an expiry is done, and what the next night's takes of it, by the same rules."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby

from muniment.domain.firm.cron import last_run, next_run
from muniment.domain.firm.firm import Firm
from muniment.domain.firm.schedule import nightly_schedule
from muniment.domain.record import new_id
from muniment.domain.retention.plan import VaultPlan, Verdict
from muniment.domain.retention.stock import Going, KindHeld, Stock
from muniment.domain.vault import keys
from muniment.domain.vault.inventory import KINDS, Group, Inventory, group_versions
from muniment.domain.vault.named_documents import NamedDocuments

_NIGHT_LASTS = timedelta(hours=8)
"""At most: whoever expires by hand, in the afternoon, does not move the next night."""


def inventory_after(inventory: Inventory, plan: VaultPlan) -> Inventory:
    """Without what went. Nobody reads by then: no lease of tonight keeps anything a night later."""
    went = {(version.key, version.version_id) for verdict in _went(plan) for version in verdict.group.versions}
    gone = {key for key, _ in went}
    documents = inventory.documents
    kept = frozenset(each for each in documents.ids if keys.document_snapshot(each) not in gone)
    return replace(
        inventory,
        versions=tuple(each for each in inventory.versions if (each.key, each.version_id) not in went),
        points=tuple(point for point in inventory.points if keys.point(point.id) not in gone),
        backups={name: facts for name, facts in inventory.backups.items() if keys.backup_register(name) not in gone},
        documents=NamedDocuments(documents.index, kept),
        leases=(),
    )


def next_expiry_at(firm: Firm, now: datetime) -> datetime:
    """As long after the next night's begin as this one is after the last."""
    nightly = nightly_schedule(firm)
    began = last_run(nightly.cron, nightly.time_zone, now)
    return next_run(nightly.cron, nightly.time_zone, now) + min(now - began, _NIGHT_LASTS)


def as_of_next_night(firm: Firm) -> Firm:
    """One of the verified points that are to be kept is the next night's own, which is not there yet."""
    least = max(1, firm.policy.minimum_verified_points - 1)
    return firm.model_copy(update={"policy": firm.policy.model_copy(update={"minimum_verified_points": least})})


def stock_of(
    firm: str, inventory: Inventory, done: VaultPlan, following: VaultPlan, *, at: datetime, next_at: datetime
) -> Stock:
    """``inventory``: of what is left."""
    return Stock(
        id=new_id(at),
        firm=firm,
        bucket=inventory.bucket,
        at=at,
        held=tuple(_held(group_versions(inventory.versions))),
        went=tuple(_going(_went(done))),
        next_at=next_at,
        next_goes=tuple(_going(following.going)),
    )


def _went(done: VaultPlan) -> Iterator[Verdict]:
    """Without what Object Lock refused."""
    refused = set(done.refused)
    for verdict in done.going:
        versions = tuple(each for each in verdict.group.versions if each.key not in refused)
        if versions:
            yield replace(verdict, group=replace(verdict.group, versions=versions))


def _held(groups: Iterable[Group]) -> Iterator[KindHeld]:
    """Groups come by kind."""
    for kind, each in groupby(groups, key=lambda group: group.kind):
        same = list(each)
        size, objects = sum(group.size_bytes for group in same), sum(len(group.versions) for group in same)
        yield KindHeld(kind=kind, groups=len(same), objects=objects, size_bytes=size)


def _going(verdicts: Iterable[Verdict]) -> Iterator[Going]:
    """A few lines, however many go: the rules know two reasons a kind at most, and WAL goes by its timelines."""
    gathered: dict[tuple[int, str, str], list[Group]] = {}
    for verdict in verdicts:
        group = verdict.group
        timeline = group.id.rpartition("/")[0] if group.kind == "wal" else ""
        gathered.setdefault((KINDS.index(group.kind), timeline, verdict.why), []).append(group)
    for (kind, _, why), groups in sorted(gathered.items()):
        ids = [group.id for group in groups]
        size = sum(group.size_bytes for group in groups)
        yield Going(kind=KINDS[kind], groups=len(groups), size_bytes=size, first=min(ids), last=max(ids), why=why)
