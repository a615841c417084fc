"""What expire decided about one vault, before it does it: every group kept or going, and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any, Self

from muniment.domain.leases.lease import LeasedWal, Needs
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.units import human_size
from muniment.domain.vault.inventory import KINDS, Group, Kind, WalFile, is_register
from muniment.domain.wal.names import SystemIdentifier, WalSegment


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reasons`` say why it is kept or, in one sentence, why it goes."""

    group: Group
    keeps: bool
    reasons: tuple[str, ...]

    @property
    def why(self) -> str:
        return "; ".join(self.reasons)


@dataclass(frozen=True, slots=True)
class VaultPlan:
    """``refused``: keys that Object Lock kept although the plan took them to be free; known after deleting."""

    bucket: str
    verdicts: tuple[Verdict, ...]
    refused: tuple[str, ...] = ()

    @property
    def going(self) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.verdicts if not verdict.keeps)

    @property
    def kept(self) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.verdicts if verdict.keeps)

    def kept_ids(self, kind: Kind) -> frozenset[str]:
        return frozenset(verdict.group.id for verdict in self.kept if verdict.group.kind == kind)

    @property
    def going_bytes(self) -> int:
        return sum(verdict.group.size_bytes for verdict in self.going)

    @property
    def kept_bytes(self) -> int:
        return sum(verdict.group.size_bytes for verdict in self.kept)

    def with_refused(self, keys: tuple[str, ...]) -> Self:
        return replace(self, refused=(*self.refused, *keys))

    def points_going(self) -> tuple[ObjectVersion, ...]:
        return self._versions("point")

    def registers_going(self) -> tuple[ObjectVersion, ...]:
        """Last stored first, so that an incremental's register never outlives its parent's, which was there before."""
        backups = [verdict.group for verdict in self.going if verdict.group.kind == "backup"]
        backups.sort(key=lambda group: (group.last_at, group.id), reverse=True)
        registers = (version for group in backups for version in group.versions if is_register(version))
        return (*self._versions("snapshot"), *registers)

    def contents_going(self) -> tuple[ObjectVersion, ...]:
        """What nothing names any more by then."""
        chunks = (version for version in self._versions("backup") if not is_register(version))
        rest: tuple[Kind, ...] = ("wal", "document", "ledger")
        return (*self._versions("config"), *chunks, *(version for kind in rest for version in self._versions(kind)))

    def deletes(self, segment_bytes: Mapping[SystemIdentifier, int]) -> Needs:
        """As the mark says it that a reader looks at: what goes, WAL as stretches without a kept file between."""
        ids = {kind: tuple(v.group.id for v in self.going if v.group.kind == kind) for kind in KINDS}
        return Needs(
            points=ids["point"],
            backups=ids["backup"],
            snapshots=ids["snapshot"],
            configs=ids["config"],
            wal=tuple(_stretches(ids["wal"], segment_bytes)),
        )

    def _versions(self, kind: Kind) -> tuple[ObjectVersion, ...]:
        groups = (verdict.group for verdict in self.going if verdict.group.kind == kind)
        return tuple(version for group in groups for version in group.versions)

    def lines(self, *, with_kept: bool = False) -> Iterator[str]:
        """For people: what goes and why, and with ``with_kept`` what stays and why.

        Neighbours of a kind that share verdict and reasons take one line: there may be thousands.
        """
        if not self.going and not self.refused and not with_kept:
            yield f"vault {self.bucket}: nothing goes; kept: {_amount(self.kept)}"
            return
        yield f"vault {self.bucket}"
        shown = self.verdicts if with_kept else self.going
        for kind in KINDS:
            yield from _lines_of(kind, [verdict for verdict in shown if verdict.group.kind == kind])
        yield f"  goes: {_amount(self.going)}"
        yield f"  kept: {_amount(self.kept)}"
        if self.refused:
            yield f"  kept by Object Lock against the plan: {', '.join(self.refused)}"

    def summary(self) -> dict[str, Any]:
        """For programs: totals, and each group that goes with its reason."""
        return {
            "bucket": self.bucket,
            "kept": {kind: len(self.kept_ids(kind)) for kind in KINDS},
            "kept_bytes": self.kept_bytes,
            "going_bytes": self.going_bytes,
            "going": [
                {"kind": v.group.kind, "id": v.group.id, "bytes": v.group.size_bytes, "why": v.why} for v in self.going
            ],
            "refused": list(self.refused),
        }


@dataclass(frozen=True, slots=True)
class ExpiryPlan:
    """Both vaults' plans. ``done`` is false for a dry run, which deletes nothing."""

    firm: str
    point: str
    planned_at: datetime
    primary: VaultPlan
    replica: VaultPlan
    done: bool = False

    @property
    def vaults(self) -> tuple[VaultPlan, VaultPlan]:
        return self.primary, self.replica

    def lines(self, *, with_kept: bool = False) -> Iterator[str]:
        yield f"firm {self.firm}, after recovery point {self.point}, {self.planned_at:%Y-%m-%d %H:%M} UTC"
        for vault in self.vaults:
            yield from vault.lines(with_kept=with_kept)

    def summary(self) -> dict[str, Any]:
        return {
            "firm": self.firm,
            "point": self.point,
            "planned_at": self.planned_at.isoformat(),
            "done": self.done,
            "vaults": [vault.summary() for vault in self.vaults],
        }


def _stretches(wal: tuple[str, ...], segment_bytes: Mapping[SystemIdentifier, int]) -> Iterator[LeasedWal]:
    """``wal``: ids in order, which is by cluster, timeline and position."""
    stretch: list[WalSegment] = []
    system = 0
    for file in (WalFile.of(each, segment_bytes) for each in wal):
        if file.number is None:
            continue
        segment = WalSegment.parse(file.name[:24], segment_bytes[file.system_identifier])
        if stretch and (file.system_identifier != system or segment not in {stretch[-1], stretch[-1].next()}):
            yield LeasedWal.between(system, stretch[0], stretch[-1])
            stretch = []
        system = file.system_identifier
        stretch = [*stretch[:1], segment]
    if stretch:
        yield LeasedWal.between(system, stretch[0], stretch[-1])


def _lines_of(kind: Kind, verdicts: list[Verdict]) -> Iterator[str]:
    """Documents have no order that means anything (their ids are digests), so all of one verdict are neighbours."""
    if kind == "document":
        verdicts = sorted(verdicts, key=_verdict_and_why)
    for (keeps, why), same in groupby(verdicts, key=_verdict_and_why):
        groups = [verdict.group for verdict in same]
        size = human_size(sum(group.size_bytes for group in groups))
        yield f"  {'kept' if keeps else 'goes'}  {kind:8}  {_named(groups)} ({size}): {why}"


def _verdict_and_why(verdict: Verdict) -> tuple[bool, str]:
    return verdict.keeps, verdict.why


def _named(groups: list[Group]) -> str:
    first, last = groups[0].id, groups[-1].id
    if len(groups) == 1:
        return first
    if groups[0].kind == "document":
        return f"{len(groups)} document versions"
    return f"{len(groups)} from {first} to {last}"


def _amount(verdicts: tuple[Verdict, ...]) -> str:
    objects = sum(len(verdict.group.versions) for verdict in verdicts)
    return f"{len(verdicts)} groups, {objects} objects, {human_size(sum(v.group.size_bytes for v in verdicts))}"
