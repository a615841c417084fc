"""What a setting of the firm's own server would do in a copy of it, and what each kind of copy is told instead.

The one list. A staged server has ``isolated`` on its command line, and ``recovering`` too while it recovers; a restored
cluster has ``restored`` in its postgresql.auto.conf; one that goes live loses what the restore wrote there, and
whatever is recovery's. A setting that PostgreSQL gains is added here, with its answer for each of them.
"""

from dataclasses import dataclass
from enum import Enum

type Value = str | int
type Settings = dict[str, str | int | bool]


class Given(Enum):
    """The value is not the same for every copy."""

    BY_COPY = "whoever starts it names the value: it has a path, pg_control or the plan in it"


GIVEN = Given.BY_COPY


@dataclass(frozen=True, slots=True)
class CopySetting:
    """``None``: this kind of copy keeps the firm's own value, or PostgreSQL's default."""

    name: str
    harm: str
    """What the firm's value would do in a copy."""
    isolated: Value | Given | None = None
    recovering: Value | Given | None = None
    restored: str | Given | None = None
    is_recoverys: bool = False
    """Recovery's alone: one that goes live has none of it, whoever wrote it."""
    of_role: bool = False
    """Our own role has ``isolated`` too: a database's or role's own setting wins over the command line."""
    since: int = 15
    """The first PostgreSQL that knows it; another one does not start with it."""


def _target(kind: str = "") -> CopySetting:
    """Set to nothing, it is no target. PostgreSQL refuses a second one while one is set."""
    harm = "recovery would end where an earlier restore of this cluster ended"
    return CopySetting(f"recovery_target{kind}", harm, recovering="", restored="", is_recoverys=True)


_ARCHIVES = "it would write into the firm's own archive"
_FOLLOWS = "it would follow production, by production's password"
_RUNS = "it would run a program of the firm's host"
_LOADS = "it would load code of the firm's, because it starts or somebody logs in"
_READS = "it would read production's own file, if it is on this machine"
_LOGS = "what it does would be written where nobody looks for a copy"
_STARTS_NOT = "the copy would not start, or its recovery not go on, on a machine that is not the firm's"

COPY_SETTINGS: tuple[CopySetting, ...] = (
    # The targets come first, because the one that is set last counts.
    _target(),
    _target("_lsn"),
    _target("_name"),
    _target("_time"),
    _target("_xid"),
    # Where it reads what follows.
    CopySetting("config_file", _READS, isolated=GIVEN),
    CopySetting("hba_file", "it would let in whom the firm lets in", isolated=GIVEN),
    CopySetting("ident_file", "it would let in whom the firm lets in", isolated=GIVEN),
    # A restored cluster has it on the command line of whoever starts it (settings.start_command).
    CopySetting("data_directory", "it would be production's", isolated=GIVEN),
    CopySetting("external_pid_file", "it would overwrite production's", isolated=GIVEN, restored=""),
    CopySetting("cluster_name", "nobody would see in the process list that it is a copy", isolated=GIVEN),
    # Nothing leaves by PostgreSQL's own ways.
    CopySetting("archive_mode", _ARCHIVES, isolated="off", restored="off"),
    CopySetting("archive_command", _ARCHIVES, isolated="", restored=""),
    CopySetting("archive_library", _ARCHIVES, isolated="", restored=""),
    CopySetting("archive_cleanup_command", _RUNS, isolated="", restored="", is_recoverys=True),
    CopySetting("recovery_end_command", _RUNS, isolated="", restored="", is_recoverys=True),
    CopySetting("recovery_min_apply_delay", "it would wait", isolated=0, restored="0", is_recoverys=True),
    CopySetting("primary_conninfo", _FOLLOWS, isolated="", restored="", is_recoverys=True),
    CopySetting("primary_slot_name", _FOLLOWS, isolated="", restored="", is_recoverys=True),
    CopySetting("restore_command", _RUNS, recovering=GIVEN, restored=GIVEN, is_recoverys=True),
    CopySetting("recovery_target_timeline", "another history", recovering=GIVEN, restored=GIVEN, is_recoverys=True),
    CopySetting("recovery_target_inclusive", "one transaction less", recovering="on", restored="on", is_recoverys=True),
    CopySetting("recovery_target_action", "it would stop there", recovering="promote", is_recoverys=True),
    CopySetting("max_wal_senders", "others would follow it", isolated=0),
    CopySetting("max_logical_replication_workers", "it would subscribe where production does", isolated=0),
    CopySetting("synchronous_standby_names", "each COMMIT would wait for production's standbys", isolated=""),
    # No code of the firm's is loaded, and no program of its own run, because the server starts.
    CopySetting("shared_preload_libraries", _LOADS, isolated=""),
    CopySetting("session_preload_libraries", _LOADS, isolated="", of_role=True),
    CopySetting("local_preload_libraries", _LOADS, isolated="", of_role=True),
    CopySetting("dynamic_library_path", _LOADS, isolated="$libdir"),
    CopySetting("event_triggers", _LOADS, isolated="off", of_role=True, since=17),
    CopySetting("ssl", "it would hold the firm's own key", isolated="off"),
    CopySetting("ssl_passphrase_command", _RUNS, isolated=""),
    CopySetting("unix_socket_group", _STARTS_NOT, isolated=""),
    CopySetting("unix_socket_permissions", "others of this machine would come in", isolated="0700"),
    CopySetting("bonjour", "the network would hear of it", isolated="off"),
    CopySetting("log_destination", _LOGS, isolated="stderr"),
    CopySetting("logging_collector", _LOGS, isolated="off"),
    CopySetting("log_directory", "it would write into production's log", restored="log"),
    CopySetting("log_statement", "clients' names would stand in its log", isolated="none"),
    CopySetting("log_min_messages", "its log would not say why it does not start", isolated="warning"),
    # Asked for at each start, whoever overrules them, unless the file says it anew: the machine may lack the locale.
    CopySetting("lc_messages", "its log would be in a language that nobody here looks for", isolated="C", restored="C"),
    CopySetting("lc_monetary", _STARTS_NOT, isolated="C", restored="C"),
    CopySetting("lc_numeric", _STARTS_NOT, isolated="C", restored="C"),
    CopySetting("lc_time", _STARTS_NOT, isolated="C", restored="C"),
    CopySetting("password_encryption", "our password would be kept as MD5", isolated="scram-sha-256"),
    CopySetting("autovacuum", "it would change what is looked at", isolated="off"),
    CopySetting("summarize_wal", "it would write what no copy needs", isolated="off", since=17),
    # It has no right to write to /dev/shm, and leaves nothing there when it is killed.
    CopySetting("dynamic_shared_memory_type", _STARTS_NOT, isolated="mmap"),
    # What the WAL makes of tablespaces lies in the data directory.
    CopySetting("allow_in_place_tablespaces", _STARTS_NOT, isolated="on", restored="on"),
    # Not before the target is reached does it answer, and no setting of the firm's server has to be matched.
    CopySetting("hot_standby", _STARTS_NOT, isolated="off"),
    # Of a worker, not of the firm's server.
    CopySetting("shared_buffers", _STARTS_NOT, isolated="256MB"),
    CopySetting("huge_pages", _STARTS_NOT, isolated="try"),
    CopySetting("io_method", _STARTS_NOT, isolated="worker", since=18),
    # Replication origins that the backup or the WAL tells of need a place each, or the server PANICs. There cannot be
    # more (RepOriginId is a uint16), and all of their places cost 20 MB. From 18 on they have a setting of their own.
    CopySetting("max_replication_slots", _STARTS_NOT, isolated=65535),
    CopySetting("max_active_replication_origins", _STARTS_NOT, isolated=65535, since=18),
    # What the WAL holds must fit: room.py.
    CopySetting("max_connections", _STARTS_NOT, isolated=GIVEN),
    CopySetting("max_worker_processes", _STARTS_NOT, isolated=GIVEN),
    CopySetting("max_prepared_transactions", _STARTS_NOT, isolated=GIVEN),
    CopySetting("max_locks_per_transaction", _STARTS_NOT, isolated=GIVEN),
    CopySetting("min_wal_size", _STARTS_NOT, isolated=GIVEN),
    CopySetting("max_wal_size", _STARTS_NOT, isolated=GIVEN),
    CopySetting("track_commit_timestamp", "off, it would throw away what the copy remembers", isolated=GIVEN),
)


def isolated(major: int) -> Settings:
    """What a staged server of this PostgreSQL is told, whichever copy it is."""
    return {
        each.name: each.isolated
        for each in COPY_SETTINGS
        if major >= each.since and each.isolated is not None and not isinstance(each.isolated, Given)
    }


def recovering() -> Settings:
    """What it is told beside that while it recovers; targets come first, and are set to nothing."""
    return {
        each.name: each.recovering
        for each in COPY_SETTINGS
        if each.recovering is not None and not isinstance(each.recovering, Given)
    }


def restored() -> dict[str, str]:
    """What a restored cluster's postgresql.auto.conf says, as text."""
    return {each.name: each.restored for each in COPY_SETTINGS if isinstance(each.restored, str)}


def of_role(major: int) -> dict[str, str]:
    ours = {each.name for each in COPY_SETTINGS if each.of_role}
    return {name: str(value) for name, value in isolated(major).items() if name in ours}


def of_recovery() -> frozenset[str]:
    return frozenset(each.name for each in COPY_SETTINGS if each.is_recoverys)
