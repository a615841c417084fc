"""How a server was started, from PostgreSQL's and the kernel's own notes."""

import pytest

from muniment.domain.firm.server_start import options_in, unit_in

BINARY = "/usr/lib/postgresql/17/bin/postgres"


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (("-D", "/srv/data"), ()),
        (("-D", "/srv/data", "-c", "port=5433"), ("-c", "port=5433")),
        (("-D/srv/data", "-p", "5433"), ("-p", "5433")),
        (
            ("-c", "unix_socket_directories=", "-c", "search_path=a b", "-D", "/srv/my data"),
            ("-c", "unix_socket_directories=", "-c", "search_path=a b"),
        ),
        (
            ("-D", "/var/lib/postgresql/17/main", "-c", "config_file=/etc/postgresql/17/main/postgresql.conf"),
            ("-c", "config_file=/etc/postgresql/17/main/postgresql.conf"),
        ),
    ],
)
def test_the_arguments_without_the_data_directory(arguments: tuple[str, ...], options: tuple[str, ...]) -> None:
    written = BINARY + "".join(f' "{argument}"' for argument in arguments) + "\n"
    assert options_in(written) == options


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("0::/system.slice/system-postgresql.slice/postgresql@17-main.service\n", "postgresql@17-main.service"),
        ("12:cpu:/x.service\n1:name=systemd:/system.slice/postgresql.service\n", "postgresql.service"),
        ("0::/\n", None),
        ("0::/user.slice/user-1000.slice/session-2.scope\n", None),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-terminal.scope\n", None),
        ("", None),
    ],
)
def test_the_service_that_a_process_belongs_to(cgroup: str, unit: str | None) -> None:
    assert unit_in(cgroup) == unit
