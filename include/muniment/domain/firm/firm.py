"""A firm, its policy and its application: what the YAML files of ``firms/``, ``policies/`` and ``applications/`` say.

Durations are ``timedelta`` and sizes are bytes in here; the files carry units. ``registry.py`` reads the files and
reports every fault at once.
"""

from datetime import time, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from muniment.domain.approval import Approver
from muniment.domain.firm.application import ControlTotalsPolicy, DocumentReference, DrillsPolicy, MattersPolicy
from muniment.domain.firm.setting import (
    AbsolutePath,
    BucketName,
    ConnectionId,
    FirmId,
    KeyArn,
    Region,
    Setting,
    TimeZone,
    Weekday,
)
from muniment.domain.sql_names import NamedTable
from muniment.domain.units import Bytes, Duration, Percent, WallClock


class NightlyWindow(Setting):
    start: WallClock = time(2, 0)
    end: WallClock = time(4, 0)


class BaseBackups(Setting):
    full_on: Weekday = "sunday"
    incremental: Annotated[bool, Field(strict=True)] = True
    chain_limit: Annotated[int, Field(ge=1, le=60, strict=True)] = 7
    """The most backups in a chain, its full one included."""
    slice_size: Annotated[Bytes | None, Field(ge=16 * 2**20, le=256 * 2**20)] = None
    """``None``: chosen from the cluster's size."""
    zstd_level: Annotated[int, Field(ge=1, le=19, strict=True)] = 3
    workers: Annotated[int, Field(ge=1, le=64, strict=True)] | None = None
    """``None``: one a core."""


class WalArchive(Setting):
    wait: Annotated[Duration, Field(ge=timedelta(seconds=5), le=timedelta(hours=4))] = timedelta(minutes=10)
    """How long verify_wal_checkpoint waits for the archiver."""
    hole: Literal["full_backup", "fail"] = "full_backup"
    """What a night does behind a new hole: begin anew with a full backup, or end until a person asks for one."""
    push_to: Literal["primary", "both"] | None = None
    """Into which vaults ``muniment wal push`` writes; ``None``: as the recovery class needs it."""


class ObjectLock(Setting):
    mode: Literal["governance", "compliance", "none"] = "governance"


class Documents(Setting):
    shrink_limit: Percent = 20.0
    """The share of current documents that may vanish between two nights before the chain stops."""
    copies_at_once: Annotated[int, Field(ge=1, le=256, strict=True)] = 16


class RecoveryClass(Setting):
    name: Literal["demo", "small", "mid-size", "am-law-200", "am-law-100"]
    rpo: Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(hours=24))]
    rto: Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(hours=24))]


SHORTEST_STAGING, LONGEST_STAGING = timedelta(minutes=10), timedelta(days=30)


# The longest RPO that would not outlast the copying by the minute (docs/adr/0037).
PUSHED_TO_BOTH_WITHIN = timedelta(minutes=15)


class StagingPolicy(Setting):
    ttl: Annotated[Duration, Field(ge=SHORTEST_STAGING, le=LONGEST_STAGING)] = timedelta(hours=24)
    """How long a restored cluster stands beside the live one before it is destroyed."""


class WatchPolicy(Setting):
    severity_weight: Annotated[float, Field(ge=0.1, le=10)] = 1.0
    """By how much a promise that is broken counts for more, or less, than another tier's."""


class Policy(Setting):
    """One tier."""

    tier: str
    retention: Annotated[Duration, Field(ge=timedelta(days=1), le=timedelta(days=3660))]
    point_in_time_window: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=366))]
    """Zero: nightly points only."""
    minimum_verified_points: Annotated[int, Field(ge=1, le=366, strict=True)] = 3
    nightly_window: NightlyWindow = NightlyWindow()
    base_backups: BaseBackups = BaseBackups()
    wal_archive: WalArchive = WalArchive()
    object_lock: ObjectLock = ObjectLock()
    documents: Documents = Documents()
    recovery_class: RecoveryClass
    audit_log: Annotated[Duration, Field(ge=timedelta(days=365), le=timedelta(days=3660))]
    control_totals: ControlTotalsPolicy = ControlTotalsPolicy()
    document_references: tuple[DocumentReference, ...] = ()
    drills: DrillsPolicy = DrillsPolicy()
    matters: MattersPolicy = MattersPolicy()
    staging: StagingPolicy = StagingPolicy()
    watch: WatchPolicy = WatchPolicy()

    @property
    def pushes_to_both(self) -> bool:
        """Whether ``muniment wal push`` writes the replica vault as well."""
        told = self.wal_archive.push_to
        return self.recovery_class.rpo <= PUSHED_TO_BOTH_WITHIN if told is None else told == "both"


class LiveHost(Setting):
    """The cluster's own host, for a restore that goes live: the worker of the run is on it."""

    data_directory: AbsolutePath | None = None
    """``None``: this firm's restores end in staging."""
    start: tuple[str, ...] = ()
    """An argument list, such as ``[systemctl, start, postgresql]``; empty: PostgreSQL's own pg_ctl, with what the
    live server has on its command line."""
    stop: tuple[str, ...] = ()
    queue: str | None = None
    """The Celery or Edge queue of a worker on that host; ``None``: the region's queue leads there."""


class Cluster(Setting):
    connection: ConnectionId
    """Airflow connection id (or ``AIRFLOW_CONN_…`` for the command)."""
    database: str = "postgres"
    """As it is, without quotes: where control totals and settings tables are read, and every run takes its lock."""
    system_identifier: Annotated[int, Field(ge=1, le=2**64 - 1)] | None = None
    """``None``: taken from the first run, then held in firm.json."""
    live: LiveHost = LiveHost()


class DocumentBucket(Setting):
    bucket: BucketName
    region: Region


class VaultPlace(Setting):
    bucket: BucketName
    region: Region
    kms_key: KeyArn


class Vaults(Setting):
    primary: VaultPlace
    replica: VaultPlace


class Configuration(Setting):
    env_files: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    tables: tuple[NamedTable, ...] = ()


class Notifier(Setting):
    """Any Airflow notifier by its import path, with its arguments; tried in the order of the list."""

    notifier: str
    arguments: dict[str, str | int | bool | list[str]] = Field(default_factory=dict)


class Contact(Setting):
    """The person at the firm who hears what was done to the firm's live data."""

    name: str | None = None
    told_by: tuple[Notifier, ...] = ()


def named(approver: object) -> object:
    """A name alone is an approver who has no key."""
    return {"name": approver} if isinstance(approver, str) else approver


def different_people(approvers: tuple[Approver, ...]) -> tuple[Approver, ...]:
    """Raises ``ValueError``: with another one's name or key a person would be two."""
    names = [name for each in approvers for name in each.names]
    faults = [f"{name!r} stands for two of them" for name in dict.fromkeys(names) if names.count(name) > 1]
    keys = [each.key for each in approvers if each.key]
    for key in dict.fromkeys(keys):
        owners = [each.name for each in approvers if each.key == key]
        faults += [f"{' and '.join(owners)} have the same key"] if len(owners) > 1 else []
    if faults:
        raise ValueError("; ".join(faults))
    return approvers


class RestoreRules(Setting):
    approvers: Annotated[tuple[Annotated[Approver, BeforeValidator(named)], ...], AfterValidator(different_people)] = ()
    """Empty: nothing goes live."""
    approval_lasts: Annotated[Duration, Field(ge=timedelta(minutes=5), le=timedelta(days=7))] = timedelta(hours=24)
    """How long what is asked for on the command line may be signed and carried out."""
    answer_within: Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(days=7))] = timedelta(hours=4)
    """No answer is a no."""


class WatchRights(Setting):
    """What the watch looks with: rights that read and change nothing. Firms may share them."""

    connection: ConnectionId | None = None
    """To the cluster; ``None``: the firm's own."""
    aws_connection: ConnectionId | None = None
    """``None``: the firm's own."""


class Firm(Setting):
    """One customer."""

    id: FirmId
    name: str
    tier: str
    application: str | None = None
    """``None``: what its databases hold stands in its own policy, or nothing of it is counted."""
    time_zone: TimeZone = "America/Chicago"
    aws_connection: ConnectionId
    cluster: Cluster
    documents: tuple[DocumentBucket, ...] = ()
    configuration: Configuration = Configuration()
    vaults: Vaults
    signing_key: KeyArn | None = None
    """An asymmetric key (``SIGN_VERIFY``, ``ECC_NIST_P256``) that signs the evidence of drills."""
    drill_reviewers: tuple[str, ...] = ()
    """Who signs off a quarter's drill. Empty: nobody is waited for."""
    contact: Contact = Contact()
    watch: WatchRights = WatchRights()
    restore: RestoreRules = RestoreRules()
    policy: Policy
    """The tier's, with what the application holds and the firm's overrides applied."""

    @property
    def as_watched(self) -> "Firm":
        """The same firm, looked at with the watch's own rights."""
        cluster = self.cluster.model_copy(update={"connection": self.watch.connection or self.cluster.connection})
        return self.model_copy(
            update={"cluster": cluster, "aws_connection": self.watch.aws_connection or self.aws_connection}
        )

    @property
    def queue(self) -> str:
        """Of the workers that hold the firm's secrets: one a region."""
        return self.vaults.primary.region
