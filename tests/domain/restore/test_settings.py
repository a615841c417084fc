"""What a restored cluster is told, over whatever its own files say."""

import shlex
from pathlib import Path

import pytest

from muniment.domain.backup.layout import Layout
from muniment.domain.restore.settings import settings_file, start_command, without_restore


def lines(recovery: dict[str, str], command: str = "cp /wal/%f %p") -> list[str]:
    return settings_file(recovery, command).splitlines()


def test_an_old_target_is_taken_back_before_the_new_one_is_set() -> None:
    """PostgreSQL refuses two; and emptying one behind another would empty that as well."""
    told = lines({"recovery_target_lsn": "0/3000128", "recovery_target_inclusive": "off"})
    assert [line for line in told if line.startswith("recovery_target")] == [
        "recovery_target = ''",
        "recovery_target_name = ''",
        "recovery_target_time = ''",
        "recovery_target_xid = ''",
        "recovery_target_inclusive = 'off'",
        "recovery_target_lsn = '0/3000128'",
    ]


def test_nothing_of_the_firms_server_is_run_or_called() -> None:
    told = lines({})
    for setting in ("archive_command", "recovery_end_command", "archive_cleanup_command", "primary_conninfo"):
        assert f"{setting} = ''" in told
    assert "archive_mode = 'off'" in told


def test_no_file_of_the_firms_own_host_is_written() -> None:
    assert {"external_pid_file = ''", "log_directory = 'log'", "allow_in_place_tablespaces = 'on'"} <= set(lines({}))


def test_the_server_is_started_where_it_was_restored() -> None:
    assert start_command("/srv/restored") == (
        "pg_ctl -D /srv/restored -o '-p 5433 -c data_directory=/srv/restored' start"
    )
    argv = shlex.split(start_command("/srv/a place", 5434, {"listen_addresses": ""}))
    assert argv[:3] == ["pg_ctl", "-D", "/srv/a place"]
    assert shlex.split(argv[4]) == [*("-p", "5434", "-c", "data_directory=/srv/a place", "-c", "listen_addresses=")]


def test_quotes_and_backslashes_survive() -> None:
    assert r"recovery_target_name = 'before O''Neill\\s import'" in lines(
        {"recovery_target_name": r"before O'Neill\s import"}
    )


def test_tablespaces_and_pg_control_have_places_of_their_own() -> None:
    layout = Layout(Path("/into"), {16400: Path("/space/16400")})
    assert layout.place("base/5/1") == Path("/into/base/5/1")
    assert layout.place("pg_tblspc/16400/PG_17/5/1") == Path("/space/16400/PG_17/5/1")
    assert layout.place("pg_tblspc/99/x") == Path("/into/pg_tblspc/99/x")
    assert layout.place("global/pg_control") == Path("/into/global/pg_control.unfinished")


OWN = "archive_mode = 'on'\narchive_command = 'muniment wal push %p'\nlog_directory = 'log'\n"


@pytest.mark.parametrize(
    "recovery", [{}, {"recovery_target_name": r"O'Neill\s import"}, {"recovery_target_lsn": "0/3"}]
)
def test_what_a_restore_wrote_is_taken_out_again(recovery: dict[str, str]) -> None:
    """Once or twice, and whatever the firm's own server had there; what looks like ours and is the firm's stays."""
    once = OWN + settings_file(recovery, "cp '/a b/%f' %p")
    assert without_restore(once) == OWN + "\n"
    assert without_restore(once + settings_file(recovery, "false")) == OWN + "\n\n"


def test_alter_system_in_the_copy_hides_nothing_of_it() -> None:
    """It writes the file without comments, each setting in its place, and what it changes at the end."""
    told = settings_file({"recovery_target_lsn": "0/3"}, "cp /wal/%f %p").splitlines()
    anew = [OWN, *(line for line in told if line and line[0] != "#" and "log_directory" not in line)]
    altered = ["work_mem = '64MB'", "log_directory = '/var/log/firm'"]
    assert without_restore("\n".join([*anew, *altered])) == "\n".join([OWN, *altered])


def test_recovery_is_taken_out_whoever_wrote_it() -> None:
    own = "Restore_Command '/bin/false'\n recovery_target_timeline=3 # of 2019\nstandby = 1\nprimary_conninfo\n"
    assert without_restore(own + OWN) == "standby = 1\n" + OWN


def test_quotes_and_comments_are_read_as_postgresql_reads_them() -> None:
    block = "recovery_target = ''\nrecovery_target_xid=''\n"
    ours = "archive_mode = off # not here\nARCHIVE_COMMAND = ''\n"
    theirs = "archive_mode = 'o''ff'\narchive_mode = offline\n# archive_mode = off\n"
    assert without_restore(block + ours + theirs) == theirs
