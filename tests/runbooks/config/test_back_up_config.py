"""Configuration on real servers: everything is in the vault afterwards, and nothing of it anywhere else."""

import json
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from pydantic import ValidationError

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.postgres.table_export import export_tables
from muniment.adapters.site.site import Site
from muniment.domain.config.snapshot import Confidential, ConfigSnapshot, TableExport
from muniment.domain.firm.firm import Configuration
from muniment.domain.retention.rules import chain_locked_until
from muniment.domain.secret import Secret
from muniment.domain.sql_names import TableName
from muniment.domain.vault.incomplete import NotRead
from muniment.domain.vault.registers import StoredFile
from muniment.ports import utc_now
from muniment.runbooks.config.back_up_config import back_up_config, read_config
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory, with_firm

CANARY = "hunter2-canary"
_numbers = count(1)

type Configured = Callable[..., Site]


@pytest.fixture(scope="module")
def cluster(module_cluster_factory: ClusterFactory, programs17: PostgresPrograms) -> LocalCluster:
    cluster = module_cluster_factory(programs17)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA practice")
        connection.execute(
            'CREATE TABLE practice.settings (name text PRIMARY KEY, "the Value" text, loud text '
            "GENERATED ALWAYS AS (upper(name)) STORED, changed timestamptz, gone int)"
        )
        connection.execute("ALTER TABLE practice.settings DROP COLUMN gone")
        connection.execute(
            "INSERT INTO practice.settings VALUES ('smtp', %s, DEFAULT, '2026-11-20 08:30+00'),"
            " ('Überschrift', E'tab\\tnewline\\nback\\\\slash', DEFAULT, NULL)",
            (CANARY,),
        )
        connection.execute("CREATE TABLE practice.fees (year int, cents bigint) PARTITION BY LIST (year)")
        connection.execute("CREATE TABLE practice.fees_2026 PARTITION OF practice.fees FOR VALUES IN (2026)")
        connection.execute("INSERT INTO practice.fees VALUES (2026, 4200)")
        connection.execute(f"CREATE VIEW practice.broken AS SELECT '{CANARY}'::text::int AS cast_fails")
    return cluster


@pytest.fixture
def secret_name() -> str:
    return f"smtp-{uuid4().hex[:8]}"


@pytest.fixture
def configured(site_factory: SiteFactory, cluster: LocalCluster, cloud: Cloud, secret_name: str) -> Configured:
    """A firm whose sources can be named; its role may read the one secret."""
    cloud.client("secretsmanager").create_secret(
        Name=secret_name, SecretString=CANARY, Description="the mail relay", Tags=[{"Key": "owner", "Value": "it"}]
    )
    site = site_factory(cluster, secrets=(secret_name,))

    def make(**sources: tuple[str, ...]) -> Site:
        return with_firm(site, configuration=Configuration(**sources))

    return make


def new_id() -> str:
    return f"20261120T{next(_numbers):09d}Z"


def back_up(site: Site, config_id: str | None = None) -> tuple[StoredFile, ConfigSnapshot]:
    config_id = config_id or new_id()
    return back_up_config(site, config_id=config_id, clock=utc_now), read_config(site.primary, config_id)


def test_files_secrets_and_tables_come_back(configured: Configured, secret_name: str, tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text(f"SMTP_PASSWORD={CANARY}\nGREETING='Grüß Gott'\n")
    env.chmod(0o640)
    site = configured(env_files=(str(env),), secrets=(secret_name,), tables=("practice.settings", "practice.fees"))

    stored, snapshot = back_up(site)

    (file,), (secret,), (settings, fees) = snapshot.env_files, snapshot.secrets, snapshot.tables
    assert (file.path, file.mode, file.content.reveal()) == (str(env), 0o640, env.read_bytes())
    assert (secret.name, secret.value.reveal(), secret.is_binary) == (secret_name, CANARY.encode(), False)
    assert secret.metadata["Description"] == "the mail relay"
    assert secret.metadata["Tags"] == [{"Key": "owner", "Value": "it"}]
    assert fees.rows.reveal() == b"2026\t4200\n"
    assert [(column.name, column.type) for column in settings.columns] == [
        ("name", "text"),
        ("the Value", "text"),
        ("changed", "timestamp with time zone"),
    ]
    assert (snapshot.firm, stored.size_bytes) == (site.firm.id, len(snapshot.to_json()))


def test_a_table_goes_back_in_by_its_own_columns(configured: Configured, cluster: LocalCluster) -> None:
    _, snapshot = back_up(configured(tables=("practice.settings",)))
    (export,) = snapshot.tables
    columns = ", ".join(f'"{column.name}"' for column in export.columns)
    with psycopg.connect(cluster.conninfo()) as connection, connection.cursor() as cursor:
        before = cursor.execute("TABLE practice.settings").fetchall()
        cursor.execute("DELETE FROM practice.settings")
        with cursor.copy(f"COPY {export.table} ({columns}) FROM STDIN") as copy:  # type: ignore[arg-type]
            copy.write(export.rows.reveal())
        assert cursor.execute("TABLE practice.settings").fetchall() == before
        connection.rollback()


def test_bytes_that_are_not_text_come_back(
    configured: Configured, cloud: Cloud, secret_name: str, tmp_path: Path
) -> None:
    binary = bytes(range(256))
    (tmp_path / "keystore.env").write_bytes(binary)
    cloud.client("secretsmanager").put_secret_value(SecretId=secret_name, SecretBinary=binary)
    _, snapshot = back_up(configured(env_files=(str(tmp_path / "keystore.env"),), secrets=(secret_name,)))
    assert snapshot.env_files[0].content.reveal() == binary
    assert (snapshot.secrets[0].value.reveal(), snapshot.secrets[0].is_binary) == (binary, True)


def test_all_that_is_missing_is_named_at_once(configured: Configured, secret_name: str, tmp_path: Path) -> None:
    site = configured(
        env_files=(str(tmp_path / "absent.env"), str(tmp_path)),
        secrets=(secret_name, "arn:aws:secretsmanager:us-east-1:000000000000:secret:another-firms-AbCdEf"),
        tables=("practice.settings", "practice.absent", "practice.broken", 'practice."No such"'),
    )
    _, snapshot = back_up(site)
    assert ([secret.name for secret in snapshot.secrets], len(snapshot.tables)) == ([secret_name], 1)
    said = "\n".join(map(str, snapshot.unread))
    for line in (
        f"file {tmp_path}/absent.env: No such file or directory",
        f"file {tmp_path}: Is a directory",
        "another-firms-AbCdEf: ",
        "table practice.absent: not there",
        "table practice.broken: postgresql refused it with SQLSTATE 22P02",
        'table practice."No such": not there',
    ):
        assert line in said
    assert len(snapshot.unread) == 6
    assert CANARY not in said


def test_one_byte_that_is_no_text_costs_its_own_table(configured: Configured, cluster: LocalCluster) -> None:
    """WIN1252 takes the byte 0x81, which is no character in it: nobody can say it in UTF-8."""
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE western ENCODING 'WIN1252' LOCALE 'C' TEMPLATE template0")
    with psycopg.connect(f"{cluster.conninfo()} dbname=western", autocommit=True) as connection:
        connection.execute("CREATE TABLE odd AS SELECT chr(129) AS value")
        connection.execute("CREATE TABLE even AS SELECT chr(228) AS value")
    western = PostgresServer("firm", Secret(cluster.conninfo()), "western")
    odd, even = export_tables(western, [TableName("public", "odd"), TableName("public", "even")])
    assert str(odd) == "table public.odd: a byte in it is no text in the database's encoding (SQLSTATE 22P05)"
    assert isinstance(even, TableExport)
    assert even.rows.reveal() == "ä\n".encode()


def test_a_secret_that_was_deleted_is_named(configured: Configured, cloud: Cloud, secret_name: str) -> None:
    """Whoever may not see all secrets is told by AWS that this one is forbidden, not that it is gone."""
    cloud.client("secretsmanager").delete_secret(SecretId=secret_name, ForceDeleteWithoutRecovery=True)
    site = configured(secrets=(secret_name,))
    (denied,) = back_up(site)[1].unread
    assert re.fullmatch(f"secret {secret_name}: .*not authorized.*", str(denied))
    assert back_up(replace(site, clients=cloud.client))[1].unread == (  # as root
        NotRead(what="secret", name=secret_name, reason="not there"),
    )


def test_nothing_shows_in_logs_errors_and_printed_forms(
    configured: Configured, secret_name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    env = tmp_path / ".env"
    env.write_text(CANARY)
    caplog.set_level(logging.DEBUG)
    sources = {"env_files": (str(env),), "secrets": (secret_name,), "tables": ("practice.settings", "practice.broken")}
    _, incomplete = back_up(configured(**sources))
    assert [each.name for each in incomplete.unread] == ["practice.broken"]
    told = f"{incomplete.unread!r} {incomplete!r}"

    stored, snapshot = back_up(configured(**(sources | {"tables": ("practice.settings",)})))

    shown = (
        f"{stored!r} {snapshot!r} {snapshot} {snapshot.model_dump()} {snapshot.model_dump_json()} {snapshot.secrets}"
    )
    for text in (told, shown, caplog.text):
        assert CANARY not in text
    assert CANARY.encode() in snapshot.to_json()
    assert CANARY.encode() not in site_bytes(configured(), stored)


def site_bytes(site: Site, stored: StoredFile) -> bytes:
    return site.primary.get(stored.key, sha256=stored.sha256)


def test_a_snapshot_that_does_not_validate_quotes_nothing() -> None:
    damaged = json.dumps(
        {"format": 1, "id": 5, "env_files": [{"path": 7, "content": {"text": CANARY, "more": CANARY}}]}
    )
    with pytest.raises(ValidationError) as caught:
        ConfigSnapshot.from_json(damaged.encode())
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.value)
    assert repr(Confidential(CANARY.encode())) == str(Confidential(CANARY.encode())) == "**redacted**"


def test_a_second_run_reads_what_the_first_one_stored(configured: Configured, tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("A=1")
    site, config_id = configured(env_files=(str(env),)), new_id()
    first, _ = back_up(site, config_id)
    env.unlink()
    again, snapshot = back_up(site, config_id)
    assert again == first
    assert snapshot.env_files[0].content.reveal() == b"A=1"


def test_it_is_sealed_and_locked_and_unchanged_config_is_stored_again(configured: Configured, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1")
    site = configured(env_files=(str(tmp_path / ".env"),))
    before = utc_now().replace(microsecond=0)
    (first, _), (second, _) = back_up(site), back_up(site)
    assert first.key != second.key
    locked_until = site.primary.head(second.key).locked_until  # type: ignore[union-attr]
    assert locked_until is not None
    assert locked_until >= chain_locked_until(site.policy, before)
    assert second.stored_bytes < 3000


def test_a_firm_without_configuration_has_an_empty_snapshot(configured: Configured) -> None:
    _, snapshot = back_up(configured())
    assert (snapshot.env_files, snapshot.secrets, snapshot.tables) == ((), (), ())


def test_a_role_without_the_right_is_told_the_table(configured: Configured, cluster: LocalCluster) -> None:
    """Superusers see everything; row-level security and missing grants show only with another role."""
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE ROLE clerk; GRANT USAGE ON SCHEMA practice TO clerk")
        connection.execute(
            "CREATE TABLE practice.walled (a int); ALTER TABLE practice.walled ENABLE ROW LEVEL SECURITY"
        )
        connection.execute(
            "CREATE TABLE practice.open (a int); GRANT SELECT ON practice.open, practice.walled TO clerk"
        )
    clerk = PostgresServer("firm", Secret(f"{cluster.conninfo()} options='-c role=clerk'"))
    tables = [TableName("practice", name) for name in ("settings", "walled", "open")]
    denied, walled, readable = export_tables(clerk, tables)
    assert str(denied) == "table practice.settings: permission denied for table settings"
    assert str(walled) == (
        'table practice.walled: query would be affected by row-level security policy for table "walled"'
    )
    assert isinstance(readable, TableExport)


def test_rows_are_the_same_whatever_the_role_has_set(cluster: LocalCluster) -> None:
    """A night's export is compared with another night's: a server that moved to another time zone has changed none."""
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE TABLE practice.spelled (at timestamptz, raw bytea, took interval)")
        connection.execute(r"INSERT INTO practice.spelled VALUES ('2026-11-20 08:30+00', '\xdeadbeef', '1 day')")
    told = "-c TimeZone=Asia/Tokyo -c bytea_output=escape -c IntervalStyle=iso_8601"
    elsewhere = PostgresServer("firm", Secret(f"{cluster.conninfo()} options='{told}'"))
    (there,) = export_tables(elsewhere, [TableName("practice", "spelled")])
    (here,) = export_tables(PostgresServer("firm", Secret(cluster.conninfo())), [TableName("practice", "spelled")])
    assert isinstance(there, TableExport)
    assert isinstance(here, TableExport)
    assert there.rows.reveal() == here.rows.reveal()
    assert there.rows.reveal().startswith(b"2026-11-20 08:30:00+00\t\\\\xdeadbeef\t")
