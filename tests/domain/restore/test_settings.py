"""What a restored cluster is told, over whatever its own files say."""

import shlex
from pathlib import Path

from muniment.domain.backup.layout import Layout
from muniment.domain.restore.settings import settings_file, start_command


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
