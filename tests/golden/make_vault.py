"""How these vaults were made: two real nights of a real PostgreSQL 17.9, sealed under a key that everybody may know.

``python -m tests.golden.make_vault FOLDER`` writes a vault of today's format. The ones that are kept here are **never
made anew**: they are what earlier versions wrote, and every later version has to read them. A new format gets a new
folder beside the old ones.

The cluster is a small one: its only database is ``postgres``, without what nobody asks it for. What the local key
replaces is KMS alone; the messages are the AWS Encryption SDK's, and every step is the nightly chain's own.
"""

import hashlib
import json
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import gettempdir

import psycopg

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms, wheel_bin_dir
from muniment.adapters.site.site import Site, build_site
from muniment.adapters.vault.envelope import local_envelope
from muniment.adapters.wal.archive import SHA256, WRITTEN_AT
from muniment.domain.firm.application import ControlTotalsPolicy
from muniment.domain.firm.firm import BaseBackups, Configuration, WalArchive
from muniment.domain.record import new_id
from muniment.domain.vault import keys
from muniment.ports import utc_now
from muniment.runbooks.nightly.chain import run_chain
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import settings_for_tests
from tests.fixtures.sites import make_document_bucket, make_firm, make_logins
from tests.golden.vaults import KEY, KEY_NAME

FIRM = "golden-ash"
DOCUMENTS = {
    "matters/2026-0114/Retainer — Müller & Søn.txt": "Retainer: 2,500.00",
    "matters/2026-0114/closing/Wire instructions.txt": "Call before you wire.",
    "intake/../never a path.txt": "A key is a name, not a path.",
}
SMALLER = (
    "UPDATE pg_database SET datistemplate = false",
    "DROP DATABASE template0",
    "DROP DATABASE template1",
    "DROP SCHEMA information_schema CASCADE",
    "DELETE FROM pg_description",
    "DELETE FROM pg_collation WHERE collname ~ '-x-icu$'",
    "DELETE FROM pg_init_privs",
    "DELETE FROM pg_ts_config_map",
    "CREATE TABLE trust_ledger (matter text, amount numeric(14,2))",
    "CREATE TABLE settings AS SELECT 'letterhead' AS name, 'Ash & Alder' AS value",
    "CREATE TABLE closed_matter (id int PRIMARY KEY)",
    "INSERT INTO closed_matter SELECT generate_series(1, 2250)",
    "INSERT INTO trust_ledger SELECT '2026-' || n, n * 1.25 FROM generate_series(1, 200) n",
    "VACUUM FULL",
    # All pages are visible to everybody from here on: see two_nights.
    "VACUUM (ANALYZE) closed_matter",
    "CHECKPOINT",
)


def main(target: Path) -> None:
    work = Path(gettempdir()) / "golden-vault"
    shutil.rmtree(work, ignore_errors=True)
    cloud = Cloud.start(work / "cloud")
    bin_dir = wheel_bin_dir()
    assert bin_dir is not None
    cluster = LocalCluster(work / "cluster" / "data", PostgresPrograms.in_folder(bin_dir))
    try:
        make_small(cluster)
        site = make_site(cloud, cluster, work)
        with archiving(cluster, site, work / "cluster" / "spool"):
            two_nights(cloud, cluster, site)
        write_out(site, target)
    finally:
        cluster.kill()
        cloud.stop()
        shutil.rmtree(work)


def make_small(cluster: LocalCluster) -> None:
    cluster.create(wal_segment_size_mb=1, sync=False)
    cluster.configure({**settings_for_tests(17), "allow_system_table_mods": True})
    cluster.start()
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        for statement in SMALLER:
            connection.execute(statement.encode())


def make_site(cloud: Cloud, cluster: LocalCluster, work: Path) -> Site:
    firm = make_firm(
        cloud,
        FIRM,
        base_backups=BaseBackups(zstd_level=19),
        control_totals=ControlTotalsPolicy(
            tables=("public.trust_ledger",), sums={"trust": "public.trust_ledger.amount"}
        ),
        wal_archive=WalArchive(wait=timedelta(seconds=60)),
    )
    env = work / "firm.env"
    env.write_text("PRACTICE_NAME=Ash & Alder\n")
    configuration = Configuration(env_files=(str(env),), tables=("public.settings",))
    firm = firm.model_copy(update={"configuration": configuration})
    for place in firm.documents:
        make_document_bucket(cloud, place)
    logins = make_logins(cloud, firm, cluster)
    site = build_site(firm, logins["postgres"].conninfo(), logins["aws"].clients())
    envelope = local_envelope(KEY_NAME, KEY)
    return replace(
        site, primary=replace(site.primary, envelope=envelope), replica=replace(site.replica, envelope=envelope)
    )


@contextmanager
def archiving(cluster: LocalCluster, site: Site, spool: Path) -> Iterator[None]:
    """In this process, because `muniment wal push` would seal under KMS."""
    spool.mkdir()
    spool.chmod(0o777)
    done = threading.Event()
    system = int(cluster.system_identifier())

    def push() -> None:
        while not done.wait(0.05):
            for file in sorted(spool.glob("0*")):
                content = file.read_bytes()
                written_at = datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat()
                told = {SHA256: hashlib.sha256(content).hexdigest(), WRITTEN_AT: written_at}
                site.primary.put_sealed(
                    keys.wal(system, file.name), content, locked_until=None, level=19, metadata=told
                )
                file.unlink()

    thread = threading.Thread(target=push)
    thread.start()
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        command = f"cp %p {spool}/.%f && mv {spool}/.%f {spool}/%f"
        connection.execute(psycopg.sql.SQL("ALTER SYSTEM SET archive_command = {}").format(command))
    cluster.reload()
    try:
        yield
    finally:
        done.set()
        thread.join()


def two_nights(cloud: Cloud, cluster: LocalCluster, site: Site) -> None:
    s3, bucket = cloud.client("s3"), site.firm.documents[0].bucket
    for key, text in DOCUMENTS.items():
        s3.put_object(Bucket=bucket, Key=key, Body=text.encode())
    run_chain(site, point_id=new_id(utc_now()), run="golden", clock=utc_now)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("INSERT INTO trust_ledger VALUES ('2026-0114', 2500.00)")
        # PostgreSQL 17.9 does not name the visibility map's block in the WAL: the increment lacks it (docs/adr/0018).
        connection.execute("DELETE FROM closed_matter WHERE id <= 6")
    run_chain(site, point_id=new_id(utc_now()), run="golden", clock=utc_now)


def write_out(site: Site, target: Path) -> None:
    """Each object a file; metadata.json has what S3 keeps beside the bytes. The kit is no part of the format."""
    target.mkdir()
    metadata = {}
    for found in site.primary.list(""):
        if found.key.startswith(keys.RESTORE_KIT):
            continue
        file = target / "objects" / found.key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(site.primary.get(found.key))
        head = site.primary.head(found.key)
        if head and head.metadata:
            metadata[found.key] = dict(head.metadata)
    (target / "metadata.json").write_text(json.dumps(metadata, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
