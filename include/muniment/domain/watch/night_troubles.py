"""What a night finds and goes on in spite of, as troubles: the next pass of the watch finds them too, and their end."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from muniment.domain.firm.firm import Firm
from muniment.domain.incidents.trouble import Cause, Scope, Trouble
from muniment.domain.vault.registers import Point, WalHole


def hole_trouble(
    firm: Firm, holes: Sequence[WalHole], point: str, now: datetime, links: Mapping[str, str]
) -> Trouble | None:
    """``point``: the one behind them, where recovery begins again. ``None``: there is no hole."""
    if not holes:
        return None
    several = "a hole" if len(holes) == 1 else f"{len(holes)} holes"
    return _trouble(
        firm,
        "wal-hole",
        now,
        links,
        severity="error",
        subject="WAL is missing from the archive",
        what=f"the WAL archive of firm {firm.id} has {several}: {'; '.join(map(str, holes))}",
        kept=f"recovery point {point} and whatever lies behind it; everything before"
        f" {min(hole.start_at for hole in holes):%Y-%m-%d %H:%M:%S} UTC",
        hint="find out what removed the WAL or kept it from the archive. Where the other vault still has it,"
        f" `muniment repair {firm.id}` brings it back. Tonight's full backup is where recovery begins again.",
        at_stake=f"what lies in {'the hole' if len(holes) == 1 else 'the holes'} cannot be restored",
    )


def region_away_trouble(firm: Firm, away: str, now: datetime, links: Mapping[str, str]) -> Trouble:
    """``away``: why the replica's region does not answer."""
    place = firm.vaults.replica
    return _trouble(
        firm,
        "vault-unseen",
        now,
        links,
        scopes=(
            Scope(kind="key", name=place.kms_key),
            Scope(kind="bucket", name=place.bucket),
            Scope(kind="region", name=place.region),
        ),
        severity="error",
        subject="the replica vault does not answer",
        what=f"the second region {place.region} of firm {firm.id} does not answer: {away}",
        kept="every recovery point in the primary region; each night goes on there",
        hint=f"look at the health of S3 and KMS in {place.region}. When it is back, the next night brings everything"
        f" over; `muniment points {firm.id}` shows which points are in both regions.",
        at_stake="the firm's newest backups are in one region alone",
    )


def incomplete_trouble(firm: Firm, point: Point, now: datetime, links: Mapping[str, str]) -> Trouble | None:
    """``None``: it lacks nothing."""
    lacking = point.incomplete
    if lacking is None:
        return None
    listed = "".join(f"\n  {line}" for line in lacking.lines())
    kept = "all else of the firm is in the point: database, WAL, the other documents and settings"
    if lacking.damages:
        kept = "the recovery points before it; in this one all that is not named, which a person chose to take so"
    return _trouble(
        firm,
        "incomplete-point",
        now,
        links,
        severity="warning",
        subject="the last recovery point is incomplete",
        what=f"recovery point {point.id} of firm {firm.id} is incomplete: {lacking.count:,} could not be read{listed}",
        kept=kept,
        hint="give the backup's role what it lacks, or take what nobody needs out of the firm's file; the next night"
        f" tries it again. `muniment points {firm.id}` names it for each point.",
        at_stake="what is listed does not come back from that point",
    )


def _trouble(firm: Firm, cause: Cause, now: datetime, links: Mapping[str, str], **words: Any) -> Trouble:
    return Trouble(
        cause=cause,
        firm=firm.id,
        tier=firm.tier,
        opens_at_once=True,
        seen_at=now,
        links=dict(links),
        **words,
    )
