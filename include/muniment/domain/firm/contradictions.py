"""What must agree inside one firm's file, beyond each value on its own. Each rule returns (path, what is wrong)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import NamedTuple

from muniment.domain.firm.application import Application, MattersPolicy
from muniment.domain.firm.firm import DocumentBucket, LiveHost, NightlyWindow, Policy, VaultPlace, Vaults
from muniment.domain.units import format_clock, format_duration


class Contradiction(NamedTuple):
    path: str
    what: str


def policy_contradictions(policy: Policy) -> Iterator[Contradiction]:
    yield from _window(policy.nightly_window)
    yield from _matters(policy.matters)
    kept = format_duration(policy.retention)
    if policy.retention < policy.point_in_time_window:
        window = format_duration(policy.point_in_time_window)
        yield Contradiction("retention", f"{kept} is shorter than point_in_time_window, which it must feed: {window}")
    if policy.retention < timedelta(days=policy.base_backups.chain_limit):
        nights = policy.base_backups.chain_limit
        yield Contradiction(
            "retention",
            f"{kept} is shorter than a chain of base_backups.chain_limit, which it must feed: {nights} days",
        )


def application_contradictions(application: Application) -> Iterator[Contradiction]:
    yield from _matters(application.matters)


def _matters(matters: MattersPolicy) -> Iterator[Contradiction]:
    if matters.table is None and (matters.links or matters.shared):
        yield Contradiction("matters.table", "is missing: which table has a row for each matter?")
    for number, link in enumerate(matters.links):
        if len(link.columns) != len(link.referenced_columns) or not link.columns:
            yield Contradiction(
                f"matters.links[{number}].referenced_columns",
                f"{len(link.referenced_columns)} for {len(link.columns)} columns: each column names one of them",
            )


def _window(window: NightlyWindow) -> Iterator[Contradiction]:
    if window.end <= window.start:
        start, end = format_clock(window.start), format_clock(window.end)
        yield Contradiction(
            "nightly_window", f"it ends at {end}, before it starts at {start}: start and end are of the same day"
        )


def live_contradictions(live: LiveHost) -> Iterator[Contradiction]:
    if bool(live.start) != bool(live.stop):
        missing = "stop" if live.start else "start"
        yield Contradiction(missing, "start and stop belong together: whoever starts the server knows how it ends")
    if live.data_directory is None and (live.start or live.stop or live.queue):
        yield Contradiction("data_directory", "is missing: without it no restore of this firm goes live")


def vaults_contradictions(vaults: Vaults) -> Iterator[Contradiction]:
    primary, replica = vaults.primary, vaults.replica
    if replica.region == primary.region:
        yield Contradiction(
            "replica.region", f"{replica.region!r} is the primary's region: losing it would lose both vaults"
        )
    yield from _key_region("primary", primary)
    yield from _key_region("replica", replica)
    if replica.kms_key == primary.kms_key:
        yield Contradiction("replica.kms_key", "it is the primary's key: each vault has its own")


def _key_region(side: str, place: VaultPlace) -> Iterator[Contradiction]:
    region = place.kms_key.split(":")[3]
    if region != place.region:
        yield Contradiction(
            f"{side}.kms_key",
            f"the key is in {region!r}, the vault in {place.region!r}: S3 needs a key of its own region",
        )


def bucket_contradictions(
    vaults: Iterable[tuple[str, VaultPlace]], documents: Iterable[tuple[str, DocumentBucket]]
) -> Iterator[Contradiction]:
    """Each bucket has one use; ``vaults`` and ``documents`` come with their paths."""
    users: dict[str, list[str]] = defaultdict(list)
    for path, vault in vaults:
        users[vault.bucket].append(path)
    for path, source in documents:
        users[source.bucket].append(path)
    for bucket, (first, *others) in users.items():
        for path in others:
            yield Contradiction(f"{path}.bucket", f"bucket {bucket!r} is named by {first}.bucket as well")
