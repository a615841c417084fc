"""Whatever a PostgreSQL that is here could do to a copy is in the list, or it is said why it need not be."""

import re
from pathlib import Path
from typing import get_args

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.domain.restore.copy_settings import COPY_SETTINGS, GIVEN, Value, isolated, recovering, restored
from muniment.domain.restore.isolation import isolated_settings, recovery_settings, role_settings
from muniment.domain.restore.room import room
from muniment.domain.restore.settings import HEADING, settings_file, without_restore
from tests.fixtures.clusters import ClusterFactory

# What archives, follows, calls, runs a program, loads code, lets somebody in, or names a file.
DANGEROUS = re.compile(
    r"archive|^restore_|^recovery_|^primary_|^promote_|_command$|_conninfo$|_librar(y|ies)$|_provider$|_extension"
    r"|^ssl|^krb_|^gss_|^bonjour|^listen_|^unix_socket_|^log_dest|^log_(directory|file(name|_mode))|^logging_|^syslog_|^event_triggers"
    r"|(?<!temp)_(file|files|dir|directory|directories|path|destdir)$|standby|replication|^max_wal_senders"
)
ON_COMMAND_LINE_ALWAYS = "LocalCluster names it for each server that it starts"
NO_TLS = "ssl is off, so that nobody reads it"
NO_LOG_FILE = "there is no collector, which alone writes such a file"
NO_SYSLOG = "log_destination is stderr"
NO_RULE = "our pg_hba.conf has no such rule"
NO_STANDBY = "only a standby does, and none of our copies has a standby.signal"
LEFT = {
    "listen_addresses": ON_COMMAND_LINE_ALWAYS,
    "unix_socket_directories": ON_COMMAND_LINE_ALWAYS,
    **dict.fromkeys(["ssl_ca_file", "ssl_cert_file", "ssl_crl_dir", "ssl_crl_file", "ssl_dh_params_file"], NO_TLS),
    **dict.fromkeys(["ssl_ciphers", "ssl_ecdh_curve", "ssl_key_file", "ssl_max_protocol_version"], NO_TLS),
    **dict.fromkeys(["ssl_min_protocol_version", "ssl_prefer_server_ciphers", "ssl_library"], NO_TLS),
    "ssl_passphrase_command_supports_reload": NO_TLS,
    **dict.fromkeys(["log_filename", "log_file_mode"], NO_LOG_FILE),
    **dict.fromkeys(["syslog_facility", "syslog_ident", "syslog_sequence_numbers", "syslog_split_messages"], NO_SYSLOG),
    **dict.fromkeys(["hot_standby_feedback", "promote_trigger_file", "sync_replication_slots"], NO_STANDBY),
    **dict.fromkeys(["max_standby_archive_delay", "max_standby_streaming_delay"], NO_STANDBY),
    "archive_timeout": "archive_mode is off",
    "synchronized_standby_slots": "max_wal_senders is 0: there is no sender that waits for it",
    "log_replication_commands": "it logs, and max_wal_senders is 0",
    "max_sync_workers_per_subscription": "max_logical_replication_workers is 0",
    "max_parallel_apply_workers_per_subscription": "max_logical_replication_workers is 0",
    "logical_replication_mode": "for PostgreSQL's own tests; max_logical_replication_workers is 0",
    "debug_logical_replication_streaming": "for PostgreSQL's own tests; max_logical_replication_workers is 0",
    "bonjour_name": "bonjour is off",
    **dict.fromkeys(
        ["krb_server_keyfile", "krb_caseins_users", "gss_accept_delegation"], "pg_hba.conf has no such rule"
    ),
    "jit_provider": "a name in the folder of PostgreSQL's own libraries, which nothing of the firm's is in",
    "extension_destdir": "Debian's, for its packages' tests; other builds do not start with a setting they do not know",
    "extension_control_path": "from 18 on; CREATE EXTENSION alone reads it, and whoever calls that is the lead",
    "oauth_validator_libraries": NO_RULE,
    "search_path": "of schemas, not of files",
    "recovery_init_sync_method": "how the copy's own files are flushed",
    "recovery_prefetch": "how the copy's own WAL is read",
    "log_recovery_conflict_waits": NO_STANDBY,
    "session_replication_role": "what triggers of the firm's do in a session; the lead's sessions set their own",
    "in_hot_standby": "no setting: what a session is told",
}


@pytest.fixture(scope="module")
def cluster(module_cluster_factory: ClusterFactory, programs: PostgresPrograms) -> LocalCluster:
    return module_cluster_factory(programs)


@pytest.fixture(scope="module")
def known(cluster: LocalCluster) -> set[str]:
    with psycopg.connect(cluster.conninfo()) as session:
        return {name for (name,) in session.execute("SELECT lower(name) FROM pg_settings")}


def test_a_setting_that_could_hurt_has_an_answer(known: set[str]) -> None:
    asked = {name for name in known if DANGEROUS.search(name)}
    listed = {each.name for each in COPY_SETTINGS}
    assert asked - listed - LEFT.keys() == set()
    assert not listed & LEFT.keys()


def test_a_server_knows_each_setting_that_it_is_told(known: set[str], programs: PostgresPrograms) -> None:
    """It does not start with one that it does not know; nor does the list hold what no PostgreSQL has."""
    assert {each.name for each in COPY_SETTINGS if each.since <= programs.major} <= known


def test_what_alter_system_wrote_anew_is_known_again(cluster: LocalCluster) -> None:
    """In a copy, before it goes live: PostgreSQL drops the heading, and archive_mode would be off in production."""
    auto = cluster.data_dir / "postgresql.auto.conf"
    with psycopg.connect(cluster.conninfo(), autocommit=True) as session:
        session.execute("ALTER SYSTEM SET archive_mode = 'always'")
        own = auto.read_text()
        with auto.open("a") as file:
            file.write(settings_file({"recovery_target_lsn": "0/3"}, "cp '/a b/%f' %p"))
        session.execute("ALTER SYSTEM SET work_mem = '64MB'")
        assert HEADING not in auto.read_text()
        assert without_restore(auto.read_text()) == own + "work_mem = '64MB'\n"
        session.execute("ALTER SYSTEM RESET ALL")


@pytest.mark.parametrize("major", [15, 16, 17, 18])
def test_each_use_is_the_lists_and_nothing_else(major: int) -> None:
    place = Path("/staging")
    told = isolated_settings(folder=place, data_dir=place / "data", major=major, banner="", needed=room({}, 1 << 20))
    here = [each for each in COPY_SETTINGS if each.since <= major]
    assert told.keys() == {each.name for each in here if each.isolated is not None}
    plan = {"recovery_target_timeline": "latest"}
    assert recovery_settings(plan, "false").keys() == {each.name for each in here if each.recovering is not None}
    written = {line.split(" = ")[0] for line in settings_file(plan, "false").splitlines() if " = " in line}
    assert written == {each.name for each in here if each.restored is not None}
    assert role_settings(major).items() <= told.items()


def test_the_values_of_the_list_are_written_as_they_are() -> None:
    for use in (isolated(18), recovering(), restored()):
        assert use
        assert GIVEN not in use.values()
        assert all(isinstance(value, get_args(Value.__value__)) for value in use.values())


def test_what_archives_or_follows_is_answered_for_every_copy() -> None:
    for each in COPY_SETTINGS:
        if re.search(r"^archive_|_command$|_conninfo$", each.name) and not each.name.startswith("ssl"):
            assert each.restored is not None, each.name
            assert each.isolated is not None or each.recovering is not None, each.name


def test_each_setting_stands_there_once() -> None:
    names = [each.name for each in COPY_SETTINGS]
    assert len(names) == len(set(names))
