"""What stands in a backup's way is found all at once, on real servers, each with its remedy."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.adapters.vault.vault import Vault
from muniment.domain.finding import Finding
from muniment.domain.firm.application import (
    ControlTotalsPolicy,
    DocumentReference,
    DrillsPolicy,
    MatterLink,
    MattersPolicy,
)
from muniment.domain.firm.firm import Configuration
from muniment.domain.firm.readiness import LACKED
from muniment.domain.secret import Secret
from muniment.errors import CheckFailed, WrongCluster, WrongVault
from muniment.ports import utc_now
from muniment.runbooks.firm.check_firm import check_firm as check_all
from muniment.runbooks.firm.check_firm import require_ready
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ROOT, ClusterFactory
from tests.fixtures.sites import SiteFactory, as_root, make_policy, with_firm
from tests.support.s3 import with_store


def test_a_firm_in_order_has_no_findings(site: Site) -> None:
    assert check_firm(site, clock=utc_now) == ()
    assert [finding for finding in require_ready(site, clock=utc_now) if not is_of_the_release(finding)] == []


def test_a_server_that_leaves_changes_out_of_increments_is_named(one: Site) -> None:
    """The wheel's: every other test here looks past it. It stops no backup."""
    assert require_ready(one, clock=utc_now) == (
        Finding(
            "PostgreSQL 17.9 can leave changes out of incremental backups",
            "install PostgreSQL 17.12 or later: the next backup is then a full one; until then a restore blanks the "
            "visibility maps that may be stale (docs/adr/0018). "
            "Or set base_backups.incremental to false in the policy.",
            "warning",
        ),
    )


def is_of_the_release(finding: Finding) -> bool:
    return finding.what.endswith("can leave changes out of incremental backups")


def check_firm(site: Site, **how: Any) -> tuple[Finding, ...]:
    return tuple(finding for finding in check_all(site, **how) if not is_of_the_release(finding))


@pytest.fixture
def one(site_factory: SiteFactory, cluster: LocalCluster) -> Site:
    """A new firm in order; its cluster is shared and stays as it is."""
    return site_factory(cluster)


def whats(site: Site) -> list[str]:
    return [finding.what for finding in check_firm(site, clock=utc_now)]


# Vaults.


def suspend_versioning(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


def encrypt_with_s3(s3: Any, bucket: str) -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})


def encrypt_with_another_key(s3: Any, bucket: str) -> None:
    by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "arn:aws:kms:us-east-1:000000000000:key/theirs"}
    rule = {"ApplyServerSideEncryptionByDefault": by_default}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})


def open_to_the_public(s3: Any, bucket: str) -> None:
    blocks = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": False}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={**blocks, "RestrictPublicBuckets": False})


def allow_acls(s3: Any, bucket: str) -> None:
    s3.put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
    )


def expire_by_lifecycle(s3: Any, bucket: str) -> None:
    rule = {"ID": "cheap", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 30}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})


def change_policy(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Callable[[Any, str], None]:
    def breaker(s3: Any, bucket: str) -> None:
        policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
        policy["Statement"] = change(policy["Statement"])
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    return breaker


GUEST = {
    "Sid": "Guest",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::x/*",
}
BLOCKS = "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true"
ENCRYPT = (
    "`aws s3api put-bucket-encryption --bucket {bucket} --region us-east-1 --server-side-encryption-configuration "
    "'Rules=[{{ApplyServerSideEncryptionByDefault={{SSEAlgorithm=aws:kms,KMSMasterKeyID={key}}},"
    "BucketKeyEnabled=true}}]'`."
)
POLICY = "put docs/iam/vault-bucket-policy.json on {bucket}, with its own name and {key} in the placeholders."
LIFECYCLE = (
    "let the only lifecycle rule of {bucket} abort incomplete uploads: what goes is decided by `muniment expire`."
)
UNSAFE: dict[str, tuple[Callable[[Any, str], Any], str, str]] = {
    "versioning": (
        suspend_versioning,
        "versioning is suspended",
        "`aws s3api put-bucket-versioning --bucket {bucket} --region us-east-1 "
        "--versioning-configuration Status=Enabled`.",
    ),
    "encryption": (encrypt_with_s3, "its default encryption is AES256, not aws:kms", ENCRYPT),
    "key": (
        encrypt_with_another_key,
        "its default key is arn:aws:kms:us-east-1:000000000000:key/theirs, not {key}",
        ENCRYPT,
    ),
    "public access": (
        open_to_the_public,
        "public access is not blocked: BlockPublicPolicy, RestrictPublicBuckets off",
        f"`aws s3api put-public-access-block --bucket {{bucket}} --region us-east-1 "
        f"--public-access-block-configuration {BLOCKS}`.",
    ),
    "ownership": (
        allow_acls,
        "object ownership is BucketOwnerPreferred, so ACLs can open it",
        "`aws s3api put-bucket-ownership-controls --bucket {bucket} --region us-east-1 "
        "--ownership-controls 'Rules=[{{ObjectOwnership=BucketOwnerEnforced}}]'`.",
    ),
    "lifecycle": (expire_by_lifecycle, "lifecycle rules do more than abort uploads: cheap", LIFECYCLE),
    "no lifecycle": (
        lambda s3, bucket: s3.delete_bucket_lifecycle(Bucket=bucket),
        "no lifecycle rule aborts incomplete uploads",
        LIFECYCLE,
    ),
    "no policy": (lambda s3, bucket: s3.delete_bucket_policy(Bucket=bucket), "it has no bucket policy", POLICY),
    "less policy": (
        change_policy(lambda statements: statements[1:3]),
        "its bucket policy lacks TlsOnly, NobodyGoesAroundTheLock",
        POLICY,
    ),
    "more policy": (
        change_policy(lambda statements: [*statements, GUEST]),
        "its bucket policy lets others in: Guest",
        POLICY,
    ),
}


@pytest.mark.parametrize("name", UNSAFE)
def test_each_protection_that_a_vault_lost_is_found(name: str, one: Site, cloud: Cloud) -> None:
    undo, what, remedy = UNSAFE[name]
    vault = one.primary
    undo(cloud.client("s3"), vault.bucket)
    names = {"bucket": vault.bucket, "key": vault.kms_key}
    assert check_firm(one, clock=utc_now) == (
        Finding(f"vault {vault.bucket}: {what.format(**names)}", remedy.format(**names)),
    )


def test_a_vault_without_object_lock_is_found_unless_the_policy_wants_none(one: Site, cloud: Cloud) -> None:
    """S3 never lets go of Object Lock, so this bucket is one that somebody else made and marked."""
    s3, bucket = cloud.client("s3"), f"{one.firm.id}-unlocked"
    s3.create_bucket(Bucket=bucket)
    site = as_root(cloud, one)
    unlocked = replace(site, primary=with_store(site.primary, bucket=bucket))
    s3.put_object(Bucket=bucket, Key="firm.json", Body=site.primary.get("firm.json"))
    remedy = (
        f"`aws s3api put-object-lock-configuration --bucket {bucket} --region us-east-1 "
        "--object-lock-configuration ObjectLockEnabled=Enabled`."
    )
    finding = Finding(f"vault {bucket}: Object Lock is off", remedy)
    assert finding in check_firm(unlocked, clock=utc_now)
    loose = replace(unlocked, primary=with_store(unlocked.primary, lock_mode="none"))
    assert finding not in check_firm(loose, clock=utc_now)


def test_before_the_first_run_both_vaults_are_missing(site_factory: SiteFactory, cluster: LocalCluster) -> None:
    site = site_factory(cluster, vaults=False)
    remedy = f"nothing to do: the firm's first `muniment backup {site.firm.id}` makes it."
    assert check_firm(site, clock=utc_now) == (
        Finding(f"vault {site.primary.bucket} in us-east-1 is not made yet", remedy),
        Finding(f"vault {site.replica.bucket} in us-west-2 is not made yet", remedy),
    )


def test_another_firms_vault_is_refused_before_anything_is_looked_at(
    one: Site, site_factory: SiteFactory, cluster: LocalCluster, cloud: Cloud
) -> None:
    theirs = as_root(cloud, site_factory(cluster))
    with pytest.raises(WrongVault, match=f"bucket {theirs.primary.bucket} is the vault of {theirs.firm.id}, not of"):
        check_firm(replace(one, primary=replace(theirs.primary, firm=one.firm.id)), clock=utc_now)


def test_another_firms_cluster_is_refused_before_anything_is_looked_at(
    one: Site, site_factory: SiteFactory, cluster_factory: ClusterFactory, programs17: PostgresPrograms
) -> None:
    stranger = site_factory(cluster_factory(programs17), vaults=False)
    with pytest.raises(WrongCluster) as refused:
        check_firm(replace(one, postgres=stranger.postgres), clock=utc_now)
    assert refused.value.facts["actual"] == stranger.postgres.system_identifier()
    assert refused.value.facts["expected"] == one.postgres.system_identifier()


def test_it_writes_nothing(one: Site) -> None:
    def everything(vault: Vault) -> list[tuple[str, str]]:
        return [(found.key, found.version_id) for found in vault.list_versions("")]

    before = [everything(vault) for vault in one.vaults]
    check_firm(one, clock=utc_now)
    assert [everything(vault) for vault in one.vaults] == before


# Keys.


def test_a_disabled_key_is_found_in_either_region(one: Site, cloud: Cloud) -> None:
    for vault in one.vaults:
        kms = cloud.client("kms", vault.region)
        kms.disable_key(KeyId=vault.kms_key)
        assert check_firm(one, clock=utc_now) == (
            Finding(
                f"key {vault.kms_key} is disabled",
                "find out who disabled it, then "
                f"`aws kms enable-key --region {vault.region} --key-id {vault.kms_key}`.",
            ),
        )
        kms.enable_key(KeyId=vault.kms_key)
    assert check_firm(one, clock=utc_now) == ()


def test_a_key_that_is_about_to_go_is_found(one: Site, cloud: Cloud) -> None:
    key = one.primary.kms_key
    cloud.client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    arguments = f"--region us-east-1 --key-id {key}"
    assert check_firm(one, clock=utc_now) == (
        Finding(
            f"key {key} is pending deletion",
            f"at once: `aws kms cancel-key-deletion {arguments}`, then `aws kms enable-key {arguments}`; "
            "without it every backup under it is lost.",
        ),
    )


def test_a_key_that_is_closed_to_us_is_found(one: Site, cloud: Cloud) -> None:
    key = one.replica.kms_key
    cloud.client("iam").put_user_policy(UserName=one.firm.id, PolicyName="no-key", PolicyDocument=denying("kms:*", key))
    (finding,) = check_firm(one, clock=utc_now)
    assert finding.what.startswith(f"key {key} cannot be used: ")
    assert finding.remedy == (
        "compare the role's policy with docs/iam/muniment-firm.json and the key's with docs/iam/key-policy.json."
    )


def test_a_key_that_is_not_there_is_found(one: Site) -> None:
    missing = one.primary.kms_key[:-4] + "0000"
    (finding,) = [
        each
        for each in check_firm(replace(one, primary=with_store(one.primary, kms_key=missing)), clock=utc_now)
        if each.what.startswith("key ")
    ]
    assert finding.what.startswith(f"key {missing} cannot be used: ")


def denying(action: str, resource: str, effect: str = "Deny") -> str:
    statement = {"Effect": effect, "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


# Documents, configuration, tables.


def test_a_document_bucket_that_is_not_versioned_is_found(one: Site, cloud: Cloud) -> None:
    bucket = one.firm.documents[0].bucket
    suspend_versioning(cloud.client("s3"), bucket)
    assert check_firm(one, clock=utc_now) == (
        Finding(
            f"document bucket {bucket} is not versioned",
            f"`aws s3api put-bucket-versioning --bucket {bucket} --region us-east-1 "
            "--versioning-configuration Status=Enabled`.",
        ),
    )


def test_what_we_may_not_see_is_found_and_hides_nothing(one: Site, cloud: Cloud) -> None:
    bucket = one.firm.documents[0].bucket
    suspend_versioning(cloud.client("s3"), one.primary.bucket)
    cloud.client("iam").put_user_policy(
        UserName=one.firm.id, PolicyName="no-documents", PolicyDocument=denying("s3:*", f"arn:aws:s3:::{bucket}")
    )
    vault, documents = check_firm(one, clock=utc_now)
    assert vault.what == f"vault {one.primary.bucket}: versioning is suspended"
    assert documents.what.startswith(f"S3 denied GetBucketVersioning on {bucket}: ")
    assert documents.remedy == "compare the role's policy with docs/iam/."


def test_a_document_bucket_that_is_gone_is_found(one: Site, cloud: Cloud) -> None:
    bucket = one.firm.documents[0].bucket
    cloud.client("s3").delete_bucket(Bucket=bucket)
    (finding,) = check_firm(one, clock=utc_now)
    assert finding == Finding(
        f"document bucket {bucket} is not there", "correct documents in the firm's file, or find out who deleted it."
    )


def test_env_files_and_secrets_that_cannot_be_read_are_found(
    site_factory: SiteFactory, cluster: LocalCluster, cloud: Cloud, tmp_path: Path
) -> None:
    site = site_factory(cluster, secrets=("there/app",))
    # A secret that is not there has no ARN that the policy's pattern could match, so AWS would deny it as well.
    asking = denying("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:*:*:secret:gone/app", "Allow")
    cloud.client("iam").put_user_policy(UserName=site.firm.id, PolicyName="gone", PolicyDocument=asking)
    cloud.client("secretsmanager").create_secret(Name="there/app", SecretString="x")
    cloud.client("secretsmanager").create_secret(Name="closed/app", SecretString="x")
    (tmp_path / "good.env").write_text("A=1")
    files = (str(tmp_path / "good.env"), str(tmp_path / "lost.env"))
    secrets = ("there/app", "gone/app", "closed/app")
    site = with_firm(site, configuration=Configuration(env_files=files, secrets=secrets))
    lost, gone, closed = check_firm(site, clock=utc_now)
    file, name = f"{tmp_path}/lost.env", "correct configuration.env_files in the firm's file"
    assert lost == Finding(f"{file} is not there", f"{name}; {LACKED}.", "warning")
    assert gone == Finding(
        "secret gone/app is not there", f"correct configuration.secrets in the firm's file; {LACKED}.", "warning"
    )
    assert closed.what.startswith("Secrets Manager denied GetSecretValue on closed/app: ")
    assert (closed.severity, LACKED in closed.remedy) == ("warning", True)


NAMED = {
    "control_totals": ControlTotalsPolicy(
        tables=("public.ledger", "practice.TimeEntries", 'practice."TimeEntries"', "public.cache"),
        sums={"trust": "public.ledger.amount", "fees": "public.ledger.amont", "rent": "nowhere.at.all"},
    ),
    "document_references": (DocumentReference(table="public.papers", column="file"),),
    "matters": MattersPolicy(
        table='"a firm".matters',
        key="number",
        links=(
            MatterLink(table="public.ledger", columns=("no",), references="public.gone", referenced_columns=("x",)),
        ),
        shared=("public.staf",),
    ),
    "drills": DrillsPolicy(
        balances={
            "right": "SELECT sum(amount) FROM ledger;",
            "wrong": "SELECT sum(amount) FROM ledgers",
            "text": "SELECT 'x'",
            "cash": "SELECT 0::money",
        },
        smoke_queries={"two": "SELECT true, true", "more": "SELECT true; DROP TABLE ledger", "right": "SELECT true"},
    ),
}
WHERE = "correct it there (docs/configuration.md, Names), or cluster.database in the firm's file."
GONE = [
    "database postgres has no table practice.timeentries, "
    'which policy.control_totals.tables[1] names; do you mean practice."TimeEntries"?',
    "public.ledger in database postgres has no column amont, "
    "which policy.control_totals.sums.fees names; do you mean amount?",
    "database postgres has no table nowhere.at, which policy.control_totals.sums.rent names",
]
GONE_BY_RESTORES = [
    "public.cache in database postgres is UNLOGGED: no backup has its rows, and no restore can "
    "have what policy.control_totals.tables[3] counts",
    "database postgres has no table public.preferences, which configuration.tables[1] names",
    "public.papers in database postgres has no column file, which policy.document_references[0] names",
    '"a firm".matters in database postgres has no column number, '
    'which policy.matters.table names; do you mean "Number"?',
    "public.ledger in database postgres has no column no, which policy.matters.links[0] names",
    "database postgres has no table public.gone, which policy.matters.links[0] names",
    "database postgres has no table public.staf, which policy.matters.shared[0] names; do you mean public.staff?",
    'policy.drills.balances.wrong cannot be asked in database postgres: relation "ledgers" does not exist',
    "policy.drills.balances.text cannot be asked in database postgres: its value is not a number",
    "policy.drills.smoke_queries.two cannot be asked in database postgres: it answers in 2 columns, one is wanted",
    "policy.drills.smoke_queries.more cannot be asked in database postgres: cannot insert "
    "multiple commands into a prepared statement",
]


def test_every_name_of_the_firms_file_and_its_tier_is_looked_for(one: Site, cluster: LocalCluster) -> None:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute('CREATE SCHEMA "a firm"; CREATE SCHEMA practice')
        connection.execute('CREATE TABLE ledger (amount numeric); CREATE TABLE practice."TimeEntries" (id int)')
        connection.execute('CREATE TABLE settings (name text); CREATE TABLE "a firm".matters ("Number" text)')
        connection.execute("CREATE TABLE papers (key text); CREATE TABLE staff (id int)")
        connection.execute("CREATE UNLOGGED TABLE cache (id int)")
    named = Configuration(tables=("public.settings", "public.preferences"))
    site = with_firm(one, policy=make_policy(**NAMED), configuration=named)
    found = check_firm(site, clock=utc_now)
    assert [each.what for each in found if each.severity == "stop"] == GONE
    assert [each.what for each in found if each.severity == "warning"] == GONE_BY_RESTORES
    assert {each.remedy for each in found if "no table" in each.what} == {WHERE}
    with psycopg.connect(cluster.conninfo()) as connection:
        assert connection.execute("SELECT FROM ledger").fetchall() == []


# The server.


def test_a_server_that_is_all_wrong_is_told_everything_at_once(
    site_factory: SiteFactory, cluster_factory: ClusterFactory, programs: PostgresPrograms, cloud: Cloud
) -> None:
    cluster = cluster_factory(programs)
    site = site_factory(cluster)
    cluster.stop()
    cluster.programs.run("pg_checksums", "--disable", "--no-sync", "-D", cluster.data_dir)
    wrong = {"wal_level": "minimal", "archive_mode": "off", "max_wal_senders": 0}
    cluster.start(enforced={**wrong, "summarize_wal": "off"} if programs.major >= 17 else wrong)
    site = replace(site, postgres=replace(site.postgres, conninfo=Secret(cluster.conninfo())))
    suspend_versioning(cloud.client("s3", "us-west-2"), site.replica.bucket)
    cloud.client("kms").disable_key(KeyId=site.primary.kms_key)
    found = whats(site)
    assert found == [
        "wal_level is minimal",
        "archive_mode is off",
        "no wal sender is free: 0 of max_wal_senders = 0 are in use",
        *(["summarize_wal is off, and the policy wants incremental backups"] if programs.major >= 17 else []),
        "data checksums are off: PostgreSQL cannot tell us of a damaged page",
        next(what for what in found if "replication protocol" in what),
        f"vault {site.replica.bucket}: versioning is suspended",
        f"key {site.primary.kms_key} is disabled",
    ]


def test_an_archiver_that_fails_is_found_and_forgiven_when_it_has_recovered(
    site_factory: SiteFactory, cluster_factory: ClusterFactory, programs: PostgresPrograms
) -> None:
    cluster = cluster_factory(programs, archive_command="/bin/false")
    site = site_factory(cluster)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("SELECT pg_create_restore_point('x'), pg_switch_wal()")
        wait_until(lambda: archiver(connection)["failed_count"] > 0)
        (finding,) = check_firm(site, clock=utc_now)
        assert finding.what.startswith(f"the archiver fails: {archiver(connection)['last_failed_wal']} at 2")
        connection.execute("ALTER SYSTEM SET archive_command = '/bin/true'")
        connection.execute("SELECT pg_reload_conf()")
        wait_until(lambda: archiver(connection)["archived_count"] > 0)
    assert check_firm(site, clock=utc_now) == ()


def archiver(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    connection.execute("SELECT pg_stat_clear_snapshot()")
    cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
    return cursor.execute("SELECT * FROM pg_stat_archiver").fetchone() or {}


def wait_until(holds: Callable[[], bool], timeout_s: float = 600) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def as_role(site: Site, cluster: LocalCluster, role: str, password: str) -> Site:
    conninfo = psycopg.conninfo.make_conninfo(
        host="127.0.0.1", port=cluster.port, user=role, password=password, dbname="postgres"
    )
    return replace(site, postgres=replace(site.postgres, conninfo=Secret(conninfo)))


def test_the_documented_role_is_enough(
    site_factory: SiteFactory, cluster_factory: ClusterFactory, programs: PostgresPrograms
) -> None:
    cluster = cluster_factory(programs)
    site = with_firm(
        site_factory(cluster),
        policy=make_policy(control_totals=ControlTotalsPolicy(tables=("pg_catalog.pg_class", "public.ledger"))),
    )
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE TABLE ledger (amount numeric)")
        # What psql's -v password=… does; the wheel's psql cannot read a file.
        script = (ROOT / "docs" / "iam" / "postgres-role.sql").read_text()
        connection.execute(script.replace(":'password'", "'it''s'").encode())
    documented = as_role(site, cluster, "muniment", "it's")
    assert check_firm(documented, clock=utc_now) == ()
    with documented.postgres.exclusively():
        documented.postgres.row("SELECT pg_switch_wal()")
        documented.postgres.row("SELECT count(*) FROM ledger")


def test_a_role_without_rights_is_told_which(one: Site, cluster: LocalCluster) -> None:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute('CREATE SCHEMA house; CREATE TABLE house."Secrets" (a int)')
        connection.execute("CREATE TABLE hidden (a int); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY")
        connection.execute('GRANT SELECT ON house."Secrets", hidden TO PUBLIC')
        connection.execute("CREATE ROLE clerk LOGIN PASSWORD 'x'")
    site = with_firm(
        one, policy=make_policy(control_totals=ControlTotalsPolicy(tables=('house."Secrets"', "public.hidden")))
    )
    told = check_firm(as_role(site, cluster, "clerk", "x"), clock=utc_now)
    found = [each.what for each in told]
    assert found[:4] == [
        "role clerk may not call pg_switch_wal() in database postgres",
        "role clerk may not see how many wal files wait for the archiver",
        'role clerk may not read house."Secrets" in database postgres',
        "row-level security hides rows of public.hidden in database postgres from role clerk, and "
        "policy.control_totals.tables[1] counts them",
    ]
    grants = 'GRANT USAGE ON SCHEMA house TO clerk; GRANT SELECT ON house."Secrets" TO clerk;'
    assert [told[2].remedy, told[3].remedy] == [f"in database postgres: {grants}", "ALTER ROLE clerk BYPASSRLS;"]
    assert found[4].startswith("the streaming replication protocol cannot be used: ")
    assert len(found) == 5


# Clocks and disks.


@pytest.mark.parametrize(("minutes", "which"), [(6, "ahead"), (-6, "behind")])
def test_a_worker_with_a_wrong_clock_is_refused(minutes: int, which: str, one: Site) -> None:
    def wrong_clock() -> datetime:
        return utc_now() + timedelta(minutes=minutes)

    with pytest.raises(CheckFailed) as refused:
        require_ready(one, clock=wrong_clock)
    assert "STOP: the clock of this worker is " in str(refused.value)
    assert which in str(refused.value)


def test_a_wrong_clock_is_named_where_s3_refuses_our_signatures(one: Site, cloud: Cloud) -> None:
    """S3 denies what a wrong clock signed; HEAD's answer has no body that could say why."""
    cloud.client("iam").put_user_policy(UserName=one.firm.id, PolicyName="no", PolicyDocument=denying("s3:*", "*"))
    (finding,) = check_firm(one, clock=lambda: utc_now() + timedelta(hours=1))
    assert finding.what.startswith("the clock of this worker is ")


def test_a_full_disk_is_found_where_it_would_be_written(
    one: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("muniment.domain.firm.readiness.SPACE_NEEDED_BYTES", 2**62)
    folder = tmp_path / "not" / "made" / "yet"
    (finding,) = check_firm(one, clock=utc_now, run_dir=folder)
    assert finding.what.startswith(f"{folder} has ")
    assert not folder.exists()


def test_what_stops_a_backup_stops_it_with_every_finding(one: Site, cloud: Cloud) -> None:
    bucket = one.primary.bucket
    suspend_versioning(cloud.client("s3"), bucket)
    cloud.client("s3", "us-west-2").delete_bucket_policy(Bucket=one.replica.bucket)
    with pytest.raises(CheckFailed) as refused:
        require_ready(one, clock=utc_now)
    assert str(refused.value) == (
        f"firm {one.firm.id} is not ready for a backup:\n"
        "WARNING: PostgreSQL 17.9 can leave changes out of incremental backups\n"
        "  REMEDY: install PostgreSQL 17.12 or later: the next backup is then a full one; until then a restore blanks "
        "the visibility maps that may be stale (docs/adr/0018). Or set base_backups.incremental to false in the "
        "policy.\n"
        f"STOP: vault {bucket}: versioning is suspended\n"
        f"  REMEDY: `aws s3api put-bucket-versioning --bucket {bucket} --region us-east-1 "
        "--versioning-configuration Status=Enabled`.\n"
        f"STOP: vault {one.replica.bucket}: it has no bucket policy\n"
        f"  REMEDY: put docs/iam/vault-bucket-policy.json on {one.replica.bucket}, with its own name and "
        f"{one.replica.kms_key} in the placeholders.\n"
        "KEPT: everything; no backup was begun\n"
        f"HINT: follow the remedy of each line, then run `muniment check {one.firm.id}` again."
    )


# Sessions.


def test_what_keeps_a_run_from_its_sessions_is_named(one: Site, cluster: LocalCluster) -> None:
    """Each has begun a session; no run would have come to its end."""
    with psycopg.connect(cluster.conninfo(), autocommit=True) as admin:
        admin.execute("CREATE ROLE single LOGIN REPLICATION PASSWORD 'x' CONNECTION LIMIT 1")
        admin.execute("CREATE ROLE several LOGIN REPLICATION PASSWORD 'x'")
        admin.execute("GRANT pg_monitor, pg_checkpoint TO single, several")
        admin.execute("GRANT EXECUTE ON FUNCTION pg_switch_wal() TO single, several")
        admin.execute("CREATE DATABASE private")
        admin.execute("REVOKE CONNECT ON DATABASE private FROM PUBLIC")
    single = as_role(one, cluster, "single", "x")
    (found,) = check_firm(single, clock=utc_now)
    assert found.what.startswith("a run needs 3 sessions at the same time and is not given them: ")
    assert 'too many connections for role "single"' in found.what
    assert found.remedy.startswith("ALTER ROLE … CONNECTION LIMIT 3")
    for name, reason in (
        ("private", "permission denied for database"),
        ("missing", 'database "missing" does not exist'),
    ):
        several = as_role(one, cluster, "several", "x")
        elsewhere = replace(several, postgres=replace(several.postgres, database=name))
        elsewhere = with_firm(elsewhere, cluster=elsewhere.firm.cluster.model_copy(update={"database": name}))
        (found,) = check_firm(elsewhere, clock=utc_now)
        assert found.what.startswith(f"no session can be had in database {name}: ")
        assert reason in found.what


def test_a_database_that_nobody_opens_is_named_and_a_locale_that_is_not_here(one: Site, cluster: LocalCluster) -> None:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE closed ALLOW_CONNECTIONS false")
        admin.execute("CREATE DATABASE half")
        admin.execute("CREATE DATABASE foreign_one")
        admin.execute("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half'")
        admin.execute("UPDATE pg_database SET datcollate = 'xx_XX.UTF-8' WHERE datname IN ('foreign_one', 'closed')")
    try:
        found = check_firm(one, clock=utc_now)
        require_ready(one, clock=utc_now)
    finally:
        with psycopg.connect(cluster.conninfo(), autocommit=True) as admin:
            for name in ("closed", "half", "foreign_one"):
                admin.execute(f"DROP DATABASE {name}")
    assert {finding.severity for finding in found} == {"warning"}
    assert [finding.what for finding in found] == [
        "nobody can look into database closed (it takes no connections)",
        "nobody can look into database half (an interrupted DROP DATABASE has left it invalid)",
        "on this worker nothing of this firm can be restored: this machine lacks what databases of firm"
        f" {one.firm.id} are sorted by: xx_XX.UTF-8 (of foreign_one)",
    ]
