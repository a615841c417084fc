"""Names and the fact of a change; no value, whatever a file looks like."""

from datetime import UTC, datetime

import pytest

from muniment.domain.config.difference import env_file_differences, secret_differences, table_differences
from muniment.domain.config.snapshot import Confidential, EnvFile, StoredSecret, TableColumn, TableExport

NOW = datetime(2026, 11, 20, tzinfo=UTC)
CANARY = "hunter2canary"


def env(content: str, mode: int = 0o600) -> EnvFile:
    return EnvFile(path=".env", mode=mode, modified_at=NOW, content=Confidential(content.encode()))


def secret(value: str, version: str = "1") -> StoredSecret:
    return StoredSecret(
        name="smtp",
        arn="arn",
        version_id=version,
        version_stages=(),
        is_binary=False,
        value=Confidential(value.encode()),
        metadata={},
    )


def table(rows: str, *columns: str) -> TableExport:
    named = tuple(TableColumn(name=name, type="text") for name in columns)
    return TableExport(table="settings", columns=named, rows=Confidential(rows.encode()))


def test_keys_added_changed_and_removed() -> None:
    (found,) = env_file_differences(
        (env(f"# comment\nSAME=1\nexport CHANGED={CANARY}\nGONE=\n"),),
        (env(f"SAME=1\nCHANGED='{CANARY}2'\nNEW={CANARY}\n"),),
    )
    assert (found.presence, found.keys.added, found.keys.changed, found.keys.removed, found.keys.others_changed) == (
        "changed",
        ("NEW",),
        ("CHANGED",),
        ("GONE",),
        False,
    )
    assert CANARY not in found.to_json().decode()


@pytest.mark.parametrize(
    "secret_lines",
    [
        f'KEY="-----BEGIN\n{CANARY}=abc\n{CANARY}==\n-----END"\n',
        f"KEY='one\n{CANARY}=two'\n",
        f"-----BEGIN KEY-----\n{CANARY}==\n",
        f'KEY="never closed\n{CANARY}=x\n',
        f"{CANARY} has spaces\n",
    ],
)
def test_a_line_of_a_secret_is_not_taken_for_a_name(secret_lines: str) -> None:
    for then, now in (("", secret_lines), (secret_lines, "")):
        (found,) = env_file_differences((env(then),), (env(now),))
        assert found.presence == "changed"
        assert CANARY not in found.to_json().decode()


def test_the_same_file_and_another_mode() -> None:
    (same,) = env_file_differences((env("A=1\n# then\n"),), (env("# now\nA=1\n"),))
    (mode,) = env_file_differences((env("A=1\n"),), (env("A=1\n", 0o644),))
    assert (same.presence, mode.presence, mode.mode_changed) == ("same", "changed", True)


def test_a_secret_changes_with_its_value_and_not_with_its_version() -> None:
    ((rotated,), (changed,), (gone,), (new,)) = (
        tuple(secret_differences(then, now))
        for then, now in (
            ((secret(CANARY),), (secret(CANARY, "2"),)),
            ((secret(CANARY),), (secret("other"),)),
            ((secret(CANARY),), ()),
            ((), (secret(CANARY),)),
        )
    )
    assert [each.presence for each in (rotated, changed, gone, new)] == ["same", "changed", "only then", "only now"]


def test_rows_by_their_name() -> None:
    then = table(f"a\t1\nb\t{CANARY}\nc\t3\n", "name", "value")
    (found,) = table_differences((then,), (table("a\t1\nb\tnew\nd\t4\n", "name", "value"),))
    assert found.rows is not None
    assert (found.rows.added, found.rows.changed, found.rows.removed) == (("d",), ("b",), ("c",))
    assert (found.presence, found.rows_added, found.rows_removed) == ("changed", 2, 2)
    assert CANARY not in found.to_json().decode()


def test_rows_without_a_name_are_counted() -> None:
    (found,) = table_differences((table(f"{CANARY}\n", "token"),), (table(f"{CANARY}\nx\n", "token"),))
    assert (found.rows, found.rows_added, found.rows_removed) == (None, 1, 0)
    assert CANARY not in found.to_json().decode()
