"""How to get into a staged cluster, as libpq reads it."""

from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from muniment.domain.restore.staging import Connection

# A path has no NUL, and libpq reads UTF-8.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)


@given(user=texts, database=texts, passfile=texts)
def test_libpq_reads_what_was_meant(user: str, database: str, passfile: str) -> None:
    connection = Connection(host="127.0.0.1", port=5432, user=user, database=database, passfile=passfile)
    told = {"host": "127.0.0.1", "port": "5432", "user": user, "dbname": database, "passfile": passfile}
    assert conninfo_to_dict(connection.conninfo) == told
    assert connection.conninfo == make_conninfo(**told)


def test_a_plain_one_is_read_at_a_glance() -> None:
    connection = Connection(host="127.0.0.1", port=5432, user="muniment_staging", database="practice", passfile="/s/p")
    assert connection.conninfo == "host=127.0.0.1 port=5432 user=muniment_staging dbname=practice passfile=/s/p"
