"""Full or incremental, and in slices of which size: the decisions before a base backup."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from muniment.domain.firm.firm import BaseBackups
from muniment.domain.server_version import loses_changes, version_text
from muniment.domain.vault.registers import Backup

FIRST_INCREMENTAL_VERSION = 170_000
SMALL_CLUSTER_BYTES = 512 * 2**20
SMALL_SLICE_BYTES = 16 * 2**20
SLICE_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True)
class ServerState:
    """What the plan asks of the server; ``version`` is ``server_version_num``."""

    system_identifier: int
    version: int
    timeline: int
    wal_segment_bytes: int
    summarizes_wal: bool
    collations: tuple[str, ...] = ()
    """By what its databases are sorted: ``libc 2.36``."""


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """``parent`` is what an incremental builds on; ``reason`` is for people."""

    parent: Backup | None
    reason: str

    @property
    def kind(self) -> Literal["full", "incremental"]:
        return "incremental" if self.parent else "full"

    def __str__(self) -> str:
        return f"{self.kind} base backup: {self.reason}"


def full(reason: str) -> BackupPlan:
    return BackupPlan(None, reason)


def plan_backup(
    policy: BaseBackups, time_zone: str, now: datetime, chain: tuple[Backup, ...], server: ServerState
) -> BackupPlan:
    """``chain``: the newest registered backup and all it builds on, its full one first; empty where there is none."""
    obstacle = (
        _cannot(policy, server) or _nothing_to_build_on(chain, server) or _time_for_full(policy, time_zone, now, chain)
    )
    if obstacle:
        return full(obstacle)
    return BackupPlan(chain[-1], f"builds on {chain[-1].id}, number {len(chain) + 1} of at most {policy.chain_limit}")


def _cannot(policy: BaseBackups, server: ServerState) -> str | None:
    if not policy.incremental:
        return "the policy wants no incrementals"
    if server.version < FIRST_INCREMENTAL_VERSION:
        return f"PostgreSQL {server.version // 10_000} cannot do incrementals"
    if not server.summarizes_wal:
        return "summarize_wal is off"
    return None


def _nothing_to_build_on(chain: tuple[Backup, ...], server: ServerState) -> str | None:
    if not chain:
        return "there is none to build on"
    newest = chain[-1]
    if newest.system_identifier != server.system_identifier:
        return f"{newest.id} is of cluster {newest.system_identifier}, this is {server.system_identifier}"
    if newest.stop_timeline != server.timeline:
        return f"{newest.id} is on timeline {newest.stop_timeline}, the server on {server.timeline}"
    if damaged := next((backup.id for backup in chain if backup.damaged), None):
        return f"{damaged} names damaged files, and nothing is built on those"
    return _lacking(chain, server)


def _lacking(chain: tuple[Backup, ...], server: ServerState) -> str | None:
    """After an update PostgreSQL's own advice is a full backup: its WAL summaries from before stay as they are."""
    first = next((backup for backup in chain if loses_changes(backup.server_version)), None)
    if first is None or loses_changes(server.version):
        return None
    before, now = version_text(first.server_version), version_text(server.version)
    return f"{first.id} is of PostgreSQL {before}, which can leave changes out; the server is {now} now"


def _time_for_full(policy: BaseBackups, time_zone: str, now: datetime, chain: tuple[Backup, ...]) -> str | None:
    """On the policy's weekday the first backup of the firm's own day is full, later ones of that day build on it."""
    zone = ZoneInfo(time_zone)
    today = now.astimezone(zone)
    if f"{today:%A}".lower() == policy.full_on and chain[0].started_at.astimezone(zone).date() != today.date():
        return f"it is {today:%A} in {time_zone}"
    if len(chain) >= policy.chain_limit:
        return f"the chain that begins with {chain[0].id} is at its limit of {policy.chain_limit}"
    return None


def slice_bytes(policy: BaseBackups, cluster_bytes: int) -> int:
    """Small enough that all workers have something to do, large enough that a message's fixed cost (a call to each KMS,
    a request) does not count. Not larger for the largest clusters: a process that holds 64 MiB slices of what does not
    compress needs more than 400 MiB, and a register of 32 MiB slices lists 32,768 chunks a TiB, some 7 MB."""
    if policy.slice_size is not None:
        return policy.slice_size
    return SMALL_SLICE_BYTES if cluster_bytes < SMALL_CLUSTER_BYTES else SLICE_BYTES
