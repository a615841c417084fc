"""What the watch shows to Prometheus: every metric's name, labels and meaning. docs/monitoring.md has one row for each.

Labels are few and their values are names: never a position in the log, a file, an object's key, an error's words.
"""

from dataclasses import dataclass

PREFIX = "muniment_"
_UNITS = ("seconds", "bytes")

type Series = tuple[str, tuple[str, ...], float]
"""A metric's name without its prefix, its labels' values, its value."""


@dataclass(frozen=True, slots=True)
class Metric:
    """``lasts``: it is true however old it is, because it is an instant or what is expected; all others are shown while
    they are current, and are absent otherwise."""

    name: str
    labels: tuple[str, ...]
    meaning: str
    lasts: bool = False

    @property
    def full_name(self) -> str:
        return PREFIX + self.name

    @property
    def unit(self) -> str:
        last = self.name.rpartition("_")[2]
        return last if last in _UNITS else ""


_FIRM, _REGION = ("firm",), ("firm", "region")

FIRM_METRICS = (
    Metric(
        "firm_observed_timestamp_seconds", (*_FIRM, "queue"), "When the watch looked last, whatever it saw.", lasts=True
    ),
    Metric(
        "rpo_seconds", ("firm", "tier", "region"), "Age of the first commit that this vault does not hold; 0: none."
    ),
    Metric("rpo_promise_seconds", _FIRM, "What the firm is promised of rpo_seconds.", lasts=True),
    Metric("rpo_observed_timestamp_seconds", _REGION, "When server and vault had both been seen last.", lasts=True),
    Metric("vault_observed_timestamp_seconds", _REGION, "When the vault answered last.", lasts=True),
    Metric("server_observed_timestamp_seconds", _FIRM, "When the PostgreSQL cluster answered last.", lasts=True),
    Metric("vault_held_bytes_behind", _REGION, "WAL between the vault's continuous end and the live log's."),
    Metric("recovery_window_start_timestamp_seconds", _REGION, "First instant of the newest recovery window."),
    Metric("recovery_window_end_timestamp_seconds", _REGION, "Last instant of the newest recovery window."),
    Metric("wal_hole_count", _REGION, "Holes between the recovery windows and in the WAL behind them."),
    Metric("replica_lag_seconds", _FIRM, "By how much rpo_seconds of the replica vault exceeds the primary's."),
    Metric("slot_state", ("firm", "state"), "1: a replication slot of the cluster has this wal_status."),
    Metric("slot_safe_bytes", _FIRM, "WAL that may be written before the first slot is lost."),
    Metric("wal_free_bytes", _FIRM, "Free space under pg_wal, about."),
    Metric("archiver_ready_files", _FIRM, "WAL files that wait for archive_command."),
    Metric("archiver_failing", _FIRM, "1: archive_command failed, and has not succeeded since."),
    Metric("key_usable", _REGION, "1: the vault's KMS key can be used."),
    Metric("key_pending_deletion", _REGION, "1: the vault's KMS key will be deleted."),
    Metric(
        "vault_setting_ok",
        (*_REGION, "setting"),
        "all: 1 if every protection holds; by its name, 0: one that does not.",
    ),
    Metric("last_point_timestamp_seconds", _FIRM, "When the newest recovery point was taken.", lasts=True),
    Metric("last_copied_point_timestamp_seconds", _FIRM, "When the newest point of both vaults was taken.", lasts=True),
    Metric("last_verified_point_timestamp_seconds", _FIRM, "When the newest verified point was taken.", lasts=True),
    Metric("last_drill_timestamp_seconds", _FIRM, "When the newest drill that passed was done.", lasts=True),
    Metric("drill_rto_seconds", _FIRM, "How long recovery took in that drill."),
    Metric(
        "evidence_observed_timestamp_seconds", _FIRM, "When points and drills were read from the vault.", lasts=True
    ),
    Metric("promise_state", (*_FIRM, "duty"), "0: broken; 1: late, within its grace; 2: kept."),
    Metric("promise_expected", (*_FIRM, "duty"), "1: promise_state should be there.", lasts=True),
    Metric("promise_suspended_until_timestamp_seconds", (*_FIRM, "duty"), "When its suspension ends.", lasts=True),
    Metric("firm_left_registry_timestamp_seconds", _FIRM, "Since when the registry has it no more.", lasts=True),
)
FLEET_METRICS = (
    Metric("incident_open", ("cause", "severity"), "Incidents that are open or acknowledged."),
    Metric("incident_members", ("cause",), "Firms that they touch."),
    Metric("watch_rendered_timestamp_seconds", (), "When all of this was put together.", lasts=True),
    Metric("watch_pass_timestamp_seconds", ("queue",), "When the last pass ended.", lasts=True),
    Metric("watch_pass_duration_seconds", ("queue",), "How long it took."),
    Metric("watch_pass_requests", ("queue",), "Requests that it sent to S3 and KMS."),
    Metric("watch_firms", ("queue", "result"), "Firms of the last pass: seen whole (fresh), or not (unseen)."),
    Metric("airflow_observed_timestamp_seconds", (), "When Airflow's API answered last.", lasts=True),
    Metric("airflow_scheduler_heartbeat_timestamp_seconds", (), "Of the scheduler.", lasts=True),
    Metric("airflow_dag_processor_heartbeat_timestamp_seconds", (), "Of the DAG processor.", lasts=True),
    Metric("airflow_triggerer_heartbeat_timestamp_seconds", (), "Of the triggerer.", lasts=True),
    Metric("airflow_paused_dags", (), "DAGs that are paused."),
    Metric("airflow_import_errors", (), "DAG files that do not parse."),
    Metric("channel_deliveries", ("result",), "Notices of the last 24 hours: taken by a receiver, or not (failed)."),
)
METRICS = FIRM_METRICS + FLEET_METRICS
