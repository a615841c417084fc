"""What a program said of a server that refused a row, without the row. As PostgreSQL 17's pg_restore prints it."""

# ruff: noqa: E501

import pytest

from muniment.domain.program_output import without_rows

WITH_ROWS = [
    (
        'pg_restore: error: COPY failed for table "client": ERROR:  invalid input syntax for type integer: "078-05-1120"\n'
        'CONTEXT:  COPY client, line 1, column ssn: "078-05-1120"\n'
        "pg_restore: warning: errors ignored on restore: 1",
        'pg_restore: error: COPY failed for table "client": ERROR:  invalid input syntax for type integer: (left out)\n'
        "pg_restore: warning: errors ignored on restore: 1",
    ),
    (
        'pg_restore: error: COPY failed for table "client": FEHLER:  Wert »078051120« ist außerhalb des gültigen Bereichs\n'
        'CONTEXT:  COPY client, Zeile 1: "1\t078-05-1120\nof the\n\nsame row"\n'
        "HINT:  none",
        'pg_restore: error: COPY failed for table "client": FEHLER:  Wert (left out) ist außerhalb des gültigen Bereichs\n'
        "HINT:  none",
    ),
    (
        'pg_restore: error: could not execute query: ERROR:  could not create unique index "client_ssn_key"\n'
        "DETAIL:  Key (ssn)=(078-05-1120) is duplicated.\n"
        "Command was: ALTER TABLE ONLY public.client\n"
        "    ADD CONSTRAINT client_ssn_key UNIQUE (ssn);",
        'pg_restore: error: could not execute query: ERROR:  could not create unique index "client_ssn_key"\n'
        "Command was: ALTER TABLE ONLY public.client\n"
        "    ADD CONSTRAINT client_ssn_key UNIQUE (ssn);",
    ),
]


@pytest.mark.parametrize(("said", "shown"), WITH_ROWS)
def test_a_row_is_left_out_and_what_it_is_about_stays(said: str, shown: str) -> None:
    assert without_rows(said) == shown


def test_what_is_about_no_row_stays_as_it_is() -> None:
    said = 'pg_dump: error: connection to server at "db", port 5432 failed: FATAL:  database "x" does not exist'
    assert without_rows(said) == said
