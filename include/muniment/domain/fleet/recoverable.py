"""Which instants come back from each vault, by what the watch has kept: what a time line draws, and what an instant is
asked of.

The newest point's windows tell it as of its own night. What has become of them since: the last one goes on as far as
the vault's WAL does, the night's expiry has taken old WAL behind them, and a look may have missed some.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from muniment.domain.fleet.history import FirmHistory, NightSeen
from muniment.domain.fleet.row import FirmRow, VaultCell
from muniment.domain.fleet.wal_gone import Gone, expired_since, lacking, missing_of, needed_from
from muniment.domain.units import parse_duration
from muniment.domain.vault.registers import RecoveryWindow
from muniment.domain.wal.names import Lsn
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.freshness import is_fresh
from muniment.domain.watch.recoverable import recoverable_to
from muniment.domain.watch.vault import VaultSeen, VaultSide

type GapKind = Literal["hole", "points alone", "unsure", "barred"]
"""WAL is lost; WAL was let go, as the policy says; nobody knows whether it still is there; it is there, and nobody can
read it."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Any instant from ``begins_at`` to ``ends_at``, both included, comes back."""

    begins_at: datetime
    ends_at: datetime
    timeline: int
    begin: Lsn
    end: Lsn | None
    """Positions of the windows that it is cut from; ``None``: it goes on."""

    def has(self, at: datetime) -> bool:
        return self.begins_at <= at <= self.ends_at


@dataclass(frozen=True, slots=True)
class Gap:
    """No instant between the two comes back but a recovery point's own, or nobody knows."""

    begins_at: datetime
    ends_at: datetime
    kind: GapKind


@dataclass(frozen=True, slots=True)
class Held:
    """Of one vault. ``stretches`` and ``gaps`` lie in order and share nothing but their ends."""

    side: VaultSide
    bucket: str
    region: str
    seen_at: datetime | None
    """When the vault answered last; ``None``: never."""
    unseen: str | None
    """Why it did not answer the last time."""
    is_current: bool
    """It answered lately: else all of this is how it was then."""
    stretches: tuple[Stretch, ...]
    gaps: tuple[Gap, ...]
    barred: str | None
    """Why nothing of it can be read, as far as the watch can tell; then ``stretches`` is empty."""
    knows_points: bool
    """The registers were read once; else ``points`` says nothing."""
    points: tuple[NightSeen, ...]
    """Oldest first, in the past of the cluster that serves."""
    lacking: Mapping[str, Literal["hole", "unsure"]]
    """Ids of ``points`` whose own WAL is gone, or may be."""
    other_points: tuple[NightSeen, ...]
    """Of a cluster that was replaced, or of a timeline that history has left."""
    others: tuple[Stretch, ...]
    """Of clusters that were replaced."""
    rpo_s: float | None
    end: Lsn | None
    """Where the vault's WAL ends; ``None``: nobody knows."""
    segment_bytes: int | None
    missing: tuple[str, ...]
    """WAL that is missing now, the first names: behind that nothing comes back until a base backup begins anew."""

    @property
    def reaches_at(self) -> datetime | None:
        """The last instant that comes back; ``None``: none does, or nobody knows."""
        return self.stretches[-1].ends_at if self.stretches else None

    def stretch_at(self, at: datetime) -> Stretch | None:
        return next((each for each in self.stretches if each.has(at)), None)

    def gap_at(self, at: datetime) -> Gap | None:
        return next((each for each in self.gaps if each.begins_at <= at <= each.ends_at), None)

    def point_at(self, at: datetime) -> NightSeen | None:
        return next((each for each in (*self.points, *self.other_points) if each.taken_at == at), None)


def held_by_each(seen: FirmSeen, row: FirmRow | None, history: FirmHistory | None, now: datetime) -> tuple[Held, ...]:
    """The primary vault's, then the replica's, as far as they were ever looked at."""
    return tuple(_Look(seen, vault, row, history, now).held() for vault in seen.vaults)


def point_in_time_window(seen: FirmSeen) -> timedelta | None:
    """Of the firm's policy, as its file was loaded last; 0: nightly points only; ``None``: nobody knows."""
    policy = seen.definition.get("policy")
    asked = policy.get("point_in_time_window") if isinstance(policy, dict) else None
    try:
        window = parse_duration(asked)
    except ValueError:
        return None
    return window if isinstance(window, timedelta) else None


@dataclass(frozen=True, slots=True)
class _Look:
    seen: FirmSeen
    vault: VaultSeen
    row: FirmRow | None
    history: FirmHistory | None
    now: datetime

    def held(self) -> Held:
        vault, points = self.vault, tuple(filter(self._is_on_line, self._nights))
        windows = self._windows(points)
        reaches_at = self._reaches_at(windows)
        whole = _stretches(windows, reaches_at)
        gaps = [*_between(whole, self._promised_from(points)), *self._lost(whole, points)]
        cell = self._cell
        seen_at, unseen = (cell.seen_at, cell.unseen) if cell else (vault.seen_at, vault.unseen)
        stretches = tuple(piece for each in whole for piece in _without(each, gaps))
        if barred := _barred(vault):
            gaps += [Gap(each.begins_at, each.ends_at, "barred") for each in stretches]
            stretches = ()
        return Held(
            side=vault.side,
            bucket=vault.bucket,
            region=vault.region,
            seen_at=seen_at,
            unseen=unseen,
            is_current=unseen is None and is_fresh(seen_at, self.now) and is_fresh(self.seen.seen_at, self.now),
            stretches=stretches,
            gaps=tuple(_apart(gaps)),
            barred=barred,
            knows_points=self.history is not None,
            points=points,
            lacking=lacking(points, vault.held),
            other_points=tuple(each for each in self._nights if not self._is_on_line(each)),
            others=tuple(self._of_other_clusters(windows)),
            rpo_s=vault.rpo_s,
            end=vault.held.end_lsn if vault.held else None,
            segment_bytes=vault.held.segment_bytes if vault.held else None,
            missing=vault.held.missing if vault.held and vault.held.is_hole else (),
        )

    @property
    def _cell(self) -> VaultCell | None:
        """Of the firm's line, by which the fleet's page shows the vault."""
        cells = self.row.vaults if self.row else ()
        return next((each for each in cells if each.side == self.vault.side), None)

    def _windows(self, points: Iterable[NightSeen]) -> list[RecoveryWindow]:
        """As the vault's own newest point has them; until a look has read that one, as the registers' rotation has."""
        starts = {each.taken_at for each in points}
        known = self.history.windows if self.history else ()
        windows = self.vault.windows or [each for each in known if each.start_at in starts]
        return sorted(windows, key=lambda each: each.start_at)

    @property
    def _nights(self) -> tuple[NightSeen, ...]:
        nights = self.history.nights if self.history else ()
        return tuple(each for each in nights if self.vault.side == "primary" or each.in_replica)

    def _is_on_line(self, night: NightSeen) -> bool:
        held = self.vault.held
        if not night.is_present or held is None or night.timeline == held.timeline:
            return night.is_present
        left_at = dict(held.ancestors).get(night.timeline)
        return left_at is not None and left_at >= night.lsn

    def _reaches_at(self, windows: Sequence[RecoveryWindow]) -> datetime | None:
        """How far the last window goes on: as the fleet's page says it, or as was seen."""
        if not windows:
            return None
        if self._cell is not None:
            return self._cell.recoverable_to
        return recoverable_to(self.vault, self.vault.rpo_s)

    def _promised_from(self, points: Sequence[NightSeen]) -> datetime | None:
        """From the point on with which the point-in-time window begins; what lies before is nobody's loss. ``None``:
        nobody knows what is promised."""
        window = point_in_time_window(self.seen)
        if window is None:
            return None
        older = [each.taken_at for each in points if each.taken_at <= self.now - window]
        return older[-1] if older else min((each.taken_at for each in points), default=self.now - window)

    def _lost(self, whole: Sequence[Stretch], points: Sequence[NightSeen]) -> Iterator[Gap]:
        """Of what the windows had, what went since they were registered."""
        expired = expired_since(self.vault, self.history, points, self.now)
        if expired is None:
            promised = self._promised_from(points) or self.now
            old = (each for each in whole if each.begins_at < promised)
            yield from (Gap(each.begins_at, min(each.ends_at, promised), "unsure") for each in old)
        missing = missing_of(self.vault.held) if self.vault.held else ()
        for gone in (*(expired or ()), *missing):
            for stretch in whole:
                if gone.end > stretch.begin and (stretch.end is None or gone.begin < stretch.end):
                    yield from self._gap_of(gone, stretch, points)

    def _gap_of(self, gone: Gone, stretch: Stretch, points: Sequence[NightSeen]) -> Iterator[Gap]:
        """From the last point before what is gone to the first one whose base backup begins behind it: which instants
        the WAL in between still reaches no look tells."""
        held, own = self.vault.held, [each for each in points if stretch.has(each.taken_at)]
        begin = max((each.taken_at for each in own if each.lsn <= gone.begin), default=stretch.begins_at)
        behind = (each.taken_at for each in own if held is not None and needed_from(each, held) >= gone.end)
        end = min(behind, default=stretch.ends_at)
        if begin < end:
            yield Gap(begin, end, gone.kind)

    def _of_other_clusters(self, present: Iterable[RecoveryWindow]) -> Iterator[Stretch]:
        starts = {each.start_at for each in present}
        nights = {each.taken_at for each in self._nights if not each.is_present}
        for each in self.history.windows if self.history else ():
            if each.start_at not in starts and each.start_at in nights and each.end_at is not None:
                end_at = max(each.start_at, each.end_at)
                yield Stretch(each.start_at, end_at, each.timeline, each.start_lsn, each.end_lsn)


def _barred(vault: VaultSeen) -> str | None:
    if vault.key_fault is not None:
        return vault.key_fault
    return f"key {vault.key} is pending deletion" if vault.key_pending_deletion else None


def _stretches(windows: Sequence[RecoveryWindow], reaches_at: datetime | None) -> list[Stretch]:
    """In order, those that meet as one. The last window ends at ``reaches_at``."""
    found: list[Stretch] = []
    for number, window in enumerate(windows):
        is_last = number == len(windows) - 1
        ends_at = reaches_at if is_last else window.end_at
        if ends_at is None or ends_at < window.start_at:
            continue
        end = None if is_last else window.end_lsn
        begins_at, begin = window.start_at, window.start_lsn
        if found and begins_at <= found[-1].ends_at:
            before = found.pop()
            begins_at, begin, ends_at = before.begins_at, before.begin, max(before.ends_at, ends_at)
        found.append(Stretch(begins_at, ends_at, window.timeline, begin, end))
    return found


def _between(whole: Sequence[Stretch], promised_from: datetime | None) -> Iterator[Gap]:
    for earlier, later in pairwise(whole):
        is_old = promised_from is not None and later.begins_at <= promised_from
        kind: GapKind = "points alone" if is_old else "hole"
        yield Gap(earlier.ends_at, later.begins_at, kind)


def _without(stretch: Stretch, gaps: Iterable[Gap]) -> Iterator[Stretch]:
    begins_at = stretch.begins_at
    for gap in _apart(each for each in gaps if stretch.begins_at <= each.begins_at < stretch.ends_at):
        if begins_at < gap.begins_at:
            yield replace(stretch, begins_at=begins_at, ends_at=gap.begins_at)
        begins_at = max(begins_at, gap.ends_at)
    if begins_at < stretch.ends_at:
        yield replace(stretch, begins_at=begins_at)


def _apart(gaps: Iterable[Gap]) -> Iterator[Gap]:
    """In order, none over another: the worse one has what both have."""
    last: Gap | None = None
    for gap in sorted(gaps, key=lambda each: (each.begins_at, each.ends_at)):
        if last is None:
            last = gap
        elif gap.begins_at >= last.ends_at:
            yield last
            last = gap
        else:
            kind = min(last.kind, gap.kind, key=_WORST_FIRST.index)
            last = Gap(last.begins_at, max(last.ends_at, gap.ends_at), kind)
    if last is not None:
        yield last


_WORST_FIRST: tuple[GapKind, ...] = ("hole", "barred", "points alone", "unsure")
