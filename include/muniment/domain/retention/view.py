"""One vault, looked at from every side that the rules of retention need, and why each of its groups stays."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from muniment.domain.firm.firm import Policy
from muniment.domain.holds.hold import Hold
from muniment.domain.retention.plan import Verdict
from muniment.domain.units import format_duration
from muniment.domain.vault.dependencies import missing_here
from muniment.domain.vault.incomplete import NotRead
from muniment.domain.vault.inventory import Group, Inventory, Kind, WalFile, group_versions
from muniment.domain.vault.registers import Point
from muniment.domain.wal.names import SystemIdentifier

_SETTINGS = ("file", "secret", "table")


@dataclass(frozen=True)
class View:
    """The inventory, looked at from every side that the rules need."""

    inventory: Inventory
    policy: Policy
    now: datetime
    locks: Mapping[str, datetime]

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        return group_versions(self.inventory.versions)

    def of_kind(self, *kinds: Kind) -> list[Group]:
        return [group for group in self.groups if group.kind in kinds]

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """Oldest first."""
        return tuple(sorted(self.inventory.points, key=lambda point: point.measured))

    @cached_property
    def wal_files(self) -> list[tuple[Group, WalFile]]:
        sizes = self.inventory.segment_bytes
        return [(group, WalFile.of(group.id, sizes)) for group in self.of_kind("wal")]

    @cached_property
    def usable(self) -> tuple[Point, ...]:
        """Points of which nothing is missing here: only these count. One that names damaged files is no verified one:
        it stays as long as its age lets it, and nothing goes on its account."""
        return tuple(p for p in self.points if not p.is_damaged and not missing_here(p, self.inventory))

    @cached_property
    def whole(self) -> tuple[Point, ...]:
        """Of these, the ones that also hold all that the firm's file names."""
        return tuple(point for point in self.usable if point.incomplete is None)

    def begins(self, at: datetime, system: SystemIdentifier) -> Point | None:
        """The point from which a recovery to ``at`` starts; the oldest one where all are younger."""
        own = [point for point in self.usable if point.system_identifier == system]
        earlier = [point for point in own if point.taken_at <= at]
        return earlier[-1] if earlier else next(iter(own), None)

    @cached_property
    def newest(self) -> Point:
        """Of the cluster that serves; until it has one, of all."""
        return (self.present or self.usable)[-1]

    @cached_property
    def present(self) -> tuple[Point, ...]:
        """Of the usable ones those of the cluster that serves: one that was taken back has older points than the one
        that had its place meanwhile."""
        return tuple(p for p in self.usable if p.system_identifier == self.inventory.serving)

    def last_that_had(self) -> Iterator[tuple[NotRead, Point]]:
        """Of each setting that the newest point lacks, the last that had it: where something else is never read, no
        point is whole. A document needs none: its older versions are named for as long as they are kept."""
        lacking = self.newest.incomplete
        for thing in lacking.named if lacking else ():
            had = (point for point in reversed(self.usable) if not _may_lack(point, thing))
            if thing.what in _SETTINGS and (last := next(had, None)) is not None:
                yield thing, last


def _may_lack(point: Point, thing: NotRead) -> bool:
    """Beyond what a register names nobody knows."""
    lacking = point.incomplete
    if lacking is None:
        return False
    names = {(each.what, each.name) for each in lacking.named}
    return (thing.what, thing.name) in names or lacking.count > len(names)


class Reasons:
    """Why each group stays. What nobody gave a reason for goes."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._kept: dict[tuple[Kind, str], dict[str, None]] = {}
        for group in view.groups:
            for reason in _standing(view, group):
                self.keep(group.kind, group.id, reason)

    def keep(self, kind: Kind, name: str, reason: str) -> None:
        self._kept.setdefault((kind, name), {})[reason] = None

    def keeps(self, kind: Kind, name: str) -> bool:
        return (kind, name) in self._kept

    def verdict(self, group: Group) -> Verdict:
        kept = self._kept.get((group.kind, group.id))
        return Verdict(group, True, tuple(kept)) if kept else Verdict(group, False, (_why_it_goes(self._view, group),))


def _standing(view: View, group: Group) -> Iterator[str]:
    """What keeps any object, whatever it is."""
    locked_until = view.locks.get(group.last_key)
    if locked_until and locked_until > view.now:
        yield f"locked until {locked_until:%Y-%m-%d %H:%M}"
    for hold in view.inventory.holds:
        if any(hold.covers(version.modified_at) for version in group.versions):
            yield name_of(hold)


def _why_it_goes(view: View, group: Group) -> str:
    match group.kind:
        case "point":
            return f"older than {format_duration(view.policy.retention)}"
        case "backup" if group.id not in view.inventory.backups:
            return "left by a run that never registered it"
        case "wal":
            return "no kept base backup, window or hold needs it"
        case "document":
            return "no kept document snapshot names it"
        case "ledger":
            return "the WAL that it vouches for is gone"
        case _:
            return "no kept recovery point needs it"


def name_of(hold: Hold) -> str:
    return f"hold {hold.id} ({hold.reason})"
