"""libpq's keyword strings, read."""

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict


def parse_conninfo(text: str) -> dict[str, str]:
    """What it names, by libpq's keywords. Raises ``ValueError`` where it is none."""
    try:
        return {name: str(value) for name, value in conninfo_to_dict(text).items() if value is not None}
    except ProgrammingError as error:
        raise ValueError(str(error)) from error
