"""The policies of docs/iam/ under a server that enforces them: what each identity can do, and what it cannot.

Firm A's credentials are tried on everything of firm B.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy

from muniment.adapters.aws.iam_policies import firm_values, render, vault_bucket_policy
from muniment.adapters.site.logins import Login
from muniment.adapters.site.site import Clients, Site, build_site
from muniment.adapters.vault.vault import Vault
from muniment.domain.finding import Finding
from muniment.domain.firm.firm import WalArchive
from muniment.errors import AccessDenied, KeyUnusable
from muniment.ports import utc_now
from muniment.runbooks.firm.check_firm import check_firm
from muniment.runbooks.identity import prove_vault
from muniment_demo.cloud import Cloud, Credentials
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import ACCOUNT, IAM, SiteFactory, iam_policy, make_policy, with_firm
from tests.support.s3 import s3_of, store_of

DENIED = {"AccessDenied", "AccessDeniedException", "403"}
SECRET = "cloud-of-firm-b/database"
WAL = "wal/7000000000000000001/00000001/000000010000000000000001"


@dataclass(frozen=True)
class TwoFirms:
    """Firm A asks; everything named here is firm B's, and is there."""

    asking: Site
    other: Site
    as_a: Clients
    document_version: str
    object_version: str
    sealed_by_kms: bytes
    message: bytes

    @property
    def vault(self) -> Vault:
        return self.other.primary

    @property
    def documents(self) -> str:
        return self.other.firm.documents[0].bucket


@pytest.fixture(scope="module")
def firms(cloud: Cloud, module_cluster_factory: ClusterFactory, site_factory: SiteFactory, programs17: Any) -> TwoFirms:
    """Two firms on one cluster: what is asked here is about AWS."""
    cluster = module_cluster_factory(programs17)
    cloud.client("secretsmanager").create_secret(Name=SECRET, SecretString="of firm b")
    asking = site_factory(cluster, firm_id="law-a")
    other = site_factory(cluster, firm_id="law-b", secrets=(SECRET,))
    bucket = other.firm.documents[0].bucket
    document = cloud.client("s3").put_object(Bucket=bucket, Key="will.pdf", Body=b"%PDF")
    other.primary.put_sealed("config/one", b"secret", locked_until=datetime.now(UTC) + timedelta(hours=1))
    found = other.primary.head("config/one")
    assert found is not None
    kms = other.clients("kms", other.primary.region)
    return TwoFirms(
        asking=asking,
        other=other,
        as_a=asking.clients,
        document_version=document["VersionId"],
        object_version=found.version_id,
        sealed_by_kms=kms.encrypt(KeyId=other.primary.kms_key, Plaintext=b"x")["CiphertextBlob"],
        message=other.primary.get("config/one"),
    )


def on_vault(side: Any, operation: str, **arguments: Any) -> Callable[[TwoFirms], Any]:
    def attempt(firms: TwoFirms) -> Any:
        vault = firms.other.vault(side)
        return getattr(firms.as_a("s3", vault.region), operation)(Bucket=vault.bucket, **arguments)

    return attempt


def on_documents(operation: str, **arguments: Any) -> Callable[[TwoFirms], Any]:
    return lambda firms: getattr(firms.as_a("s3", "us-east-1"), operation)(Bucket=firms.documents, **arguments)


def on_key(side: Any, operation: str, **arguments: Any) -> Callable[[TwoFirms], Any]:
    def attempt(firms: TwoFirms) -> Any:
        vault = firms.other.vault(side)
        return getattr(firms.as_a("kms", vault.region), operation)(KeyId=vault.kms_key, **arguments)

    return attempt


def on_secret(operation: str, **arguments: Any) -> Callable[[TwoFirms], Any]:
    return lambda firms: getattr(firms.as_a("secretsmanager", "us-east-1"), operation)(SecretId=SECRET, **arguments)


def copy_into_own_vault(source: Callable[[TwoFirms], dict[str, str]]) -> Callable[[TwoFirms], Any]:
    def attempt(firms: TwoFirms) -> Any:
        own = firms.asking.primary
        return s3_of(own).copy_object(
            Bucket=own.bucket, Key="stolen", CopySource=source(firms), **store_of(own).at_rest()
        )

    return attempt


def delete_version(firms: TwoFirms, **more: Any) -> Any:
    s3 = firms.as_a("s3", firms.vault.region)
    return s3.delete_object(Bucket=firms.vault.bucket, Key="config/one", VersionId=firms.object_version, **more)


def decrypt(firms: TwoFirms) -> Any:
    return firms.as_a("kms", firms.vault.region).decrypt(CiphertextBlob=firms.sealed_by_kms)


VAULT_ATTEMPTS: dict[str, tuple[str, dict[str, Any]]] = {
    "see it": ("head_bucket", {}),
    "list objects": ("list_objects_v2", {}),
    "list versions": ("list_object_versions", {}),
    "list uploads": ("list_multipart_uploads", {}),
    "read the mark": ("get_object", {"Key": "firm.json"}),
    "head the mark": ("head_object", {"Key": "firm.json"}),
    "put": ("put_object", {"Key": "points/x.json", "Body": b"{}", "ServerSideEncryption": "aws:kms"}),
    "begin an upload": ("create_multipart_upload", {"Key": "x", "ServerSideEncryption": "aws:kms"}),
    "delete": ("delete_object", {"Key": "firm.json"}),
    "delete many": ("delete_objects", {"Delete": {"Objects": [{"Key": "firm.json"}]}}),
    "read the lock": ("get_object_retention", {"Key": "firm.json"}),
    "set the lock": (
        "put_object_retention",
        {"Key": "firm.json", "Retention": {"Mode": "COMPLIANCE", "RetainUntilDate": datetime(2030, 1, 1, tzinfo=UTC)}},
    ),
    "hold": ("put_object_legal_hold", {"Key": "firm.json", "LegalHold": {"Status": "ON"}}),
    "tag": ("put_object_tagging", {"Key": "firm.json", "Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}}),
    "read versioning": ("get_bucket_versioning", {}),
    "stop versioning": ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Suspended"}}),
    "read its policy": ("get_bucket_policy", {}),
    "set its policy": ("put_bucket_policy", {"Policy": '{"Version": "2012-10-17", "Statement": []}'}),
    "remove its policy": ("delete_bucket_policy", {}),
    "read its encryption": ("get_bucket_encryption", {}),
    "remove its encryption": ("delete_bucket_encryption", {}),
    "unblock public access": ("delete_public_access_block", {}),
    "remove its lifecycle": ("delete_bucket_lifecycle", {}),
    "remove it": ("delete_bucket", {}),
}
DOCUMENT_ATTEMPTS: dict[str, tuple[str, dict[str, Any]]] = {
    "list": ("list_objects_v2", {}),
    "list versions": ("list_object_versions", {}),
    "read": ("get_object", {"Key": "will.pdf"}),
    "head": ("head_object", {"Key": "will.pdf"}),
    "put": ("put_object", {"Key": "will.pdf", "Body": b"forged"}),
    "delete": ("delete_object", {"Key": "will.pdf"}),
    "read versioning": ("get_bucket_versioning", {}),
    "stop versioning": ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Suspended"}}),
}
KEY_ATTEMPTS: dict[str, tuple[str, dict[str, Any]]] = {
    "describe": ("describe_key", {}),
    "make a data key": ("generate_data_key", {"KeySpec": "AES_256"}),
    "encrypt": ("encrypt", {"Plaintext": b"x"}),
    "disable": ("disable_key", {}),
    "schedule its deletion": ("schedule_key_deletion", {}),
    "open it to others": ("put_key_policy", {"PolicyName": "default", "Policy": "{}"}),
}
SECRET_ATTEMPTS: dict[str, tuple[str, dict[str, Any]]] = {
    "read": ("get_secret_value", {}),
    "describe": ("describe_secret", {}),
    "overwrite": ("put_secret_value", {"SecretString": "x"}),
    "delete": ("delete_secret", {}),
}

ATTEMPTS: dict[str, Callable[[TwoFirms], Any]] = {
    **{
        f"{side} vault: {name}": on_vault(side, operation, **arguments)
        for side in ("primary", "replica")
        for name, (operation, arguments) in VAULT_ATTEMPTS.items()
    },
    "primary vault: read a version": lambda firms: firms.as_a("s3", "us-east-1").get_object(
        Bucket=firms.vault.bucket, Key="config/one", VersionId=firms.object_version
    ),
    "primary vault: delete a version": delete_version,
    "primary vault: delete a version around its lock": lambda firms: delete_version(
        firms, BypassGovernanceRetention=True
    ),
    "primary vault: copy out of it": copy_into_own_vault(
        lambda firms: {"Bucket": firms.vault.bucket, "Key": "config/one"}
    ),
    **{f"documents: {name}": on_documents(operation, **more) for name, (operation, more) in DOCUMENT_ATTEMPTS.items()},
    "documents: copy out of them": copy_into_own_vault(lambda firms: {"Bucket": firms.documents, "Key": "will.pdf"}),
    "documents: copy a version out of them": copy_into_own_vault(
        lambda firms: {"Bucket": firms.documents, "Key": "will.pdf", "VersionId": firms.document_version}
    ),
    **{
        f"{side} key: {name}": on_key(side, operation, **arguments)
        for side in ("primary", "replica")
        for name, (operation, arguments) in KEY_ATTEMPTS.items()
    },
    "primary key: decrypt": decrypt,
    **{f"secret: {name}": on_secret(operation, **more) for name, (operation, more) in SECRET_ATTEMPTS.items()},
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_firm_a_may_do_nothing_with_what_is_firm_bs(name: str, firms: TwoFirms) -> None:
    with pytest.raises(ClientError) as refused:
        ATTEMPTS[name](firms)
    assert refused.value.response["Error"]["Code"] in DENIED, refused.value.response


OWNER_MAY = {
    *(
        f"{side} vault: {name}"
        for side in ("primary", "replica")
        for name in (
            "see it",
            "list objects",
            "list versions",
            "list uploads",
            "read the mark",
            "head the mark",
            "put",
            "begin an upload",
            "read the lock",
            "set the lock",
            "read versioning",
            "read its policy",
            "read its encryption",
        )
    ),
    "primary vault: read a version",
    *(f"documents: {name}" for name in ("list", "list versions", "read", "head", "read versioning")),
    *(f"{side} key: {name}" for side in ("primary", "replica") for name in ("describe", "make a data key", "encrypt")),
    "primary key: decrypt",
    *(f"secret: {name}" for name in ("read", "describe")),
}


@pytest.mark.parametrize("name", [name for name in ATTEMPTS if "copy" not in name])
def test_the_firm_itself_may_do_what_the_chain_needs_and_no_more(name: str, firms: TwoFirms) -> None:
    """The same attempts with the firm's own credentials: an attempt that nobody could make would prove nothing."""
    try:
        ATTEMPTS[name](replace(firms, as_a=firms.other.clients))
        denied = False
    except ClientError as refused:
        # It was let in where S3 has another complaint: no lock on this object, no key named.
        denied = refused.response["Error"]["Code"] in DENIED
    assert denied is (name not in OWNER_MAY)


def logged_in(cloud: Cloud, site: Site, name: str) -> Site:
    """The same site as the user of ``docs/iam/<name>.json``."""
    user = cloud.create_user(f"{site.firm.id}-{name}", iam_policy(name, site.firm))
    return build_site(site.firm, site.postgres.conninfo, login(cloud, user).clients())


def login(cloud: Cloud, user: Credentials, **extra: Any) -> Login:
    return Login(
        id="aws",
        user=user.access_key_id,
        password=user.secret_access_key,
        extra={"endpoint_url": cloud.endpoint_url, **extra},
    )


@pytest.fixture(scope="module")
def pushing(cloud: Cloud, firms: TwoFirms) -> Site:
    return logged_in(cloud, firms.other, "wal-push")


@pytest.fixture(scope="module")
def pushing_to_both(cloud: Cloud, firms: TwoFirms) -> Site:
    """The same firm with a short RPO."""
    policy = make_policy(wal_archive=WalArchive(push_to="both"))
    user = cloud.create_user("law-b-both", iam_policy("wal-push", with_firm(firms.other, policy=policy).firm))
    return build_site(firms.other.firm, firms.other.postgres.conninfo, login(cloud, user).clients())


@pytest.fixture(scope="module")
def restoring(cloud: Cloud, firms: TwoFirms) -> Site:
    return logged_in(cloud, firms.other, "restore")


@pytest.fixture(scope="module")
def putting_back(cloud: Cloud, firms: TwoFirms) -> Site:
    return logged_in(cloud, firms.other, "restore-documents")


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def test_the_database_host_stores_wal_and_finds_what_it_stored_before(pushing: Site, firms: TwoFirms) -> None:
    assert prove_vault(pushing.primary).firm == "law-b"
    stored = pushing.primary.put_sealed(WAL, b"segment", locked_until=in_an_hour(), metadata={"sha256": "ab"})
    found = pushing.primary.head(WAL)
    assert found is not None
    assert (found.sha256, found.metadata) == (stored.sha256, {"sha256": "ab"})
    assert found.locked_until is not None
    assert firms.other.primary.get_sealed(WAL) == b"segment"


PUSHING_MUST_NOT: dict[str, Callable[[Site], Any]] = {
    "open what it sealed": lambda site: site.primary.get_sealed(WAL),
    "read a register": lambda site: site.primary.get("config/one"),
    "list": lambda site: list(site.primary.list("wal/")),
    "list the replica": lambda site: list(site.replica.list("wal/")),
    "write beside the wal": lambda site: site.primary.put("points/x.json", b"{}", locked_until=None),
    "write into the replica": lambda site: site.replica.put(WAL, b"x", locked_until=None),
    "write a mark": lambda site: site.primary.put("firm.json", b"{}", locked_until=None),
}


@pytest.mark.parametrize("name", PUSHING_MUST_NOT)
def test_the_database_host_may_do_nothing_else(name: str, pushing: Site) -> None:
    if pushing.primary.head(WAL) is None:
        pushing.primary.put_sealed(WAL, b"segment", locked_until=in_an_hour())
    with pytest.raises((AccessDenied, KeyUnusable)):
        PUSHING_MUST_NOT[name](pushing)


def test_the_host_of_a_short_rpo_stores_wal_in_both_vaults(pushing_to_both: Site) -> None:
    for number, vault in enumerate(pushing_to_both.vaults):
        assert prove_vault(vault).firm == "law-b"
        key = f"{WAL[:-1]}{number + 2}"
        vault.put_message(key, b"sealed", locked_until=in_an_hour(), metadata={"sha256": "ab"})
        found = vault.head(key)
        assert found is not None
        assert found.locked_until is not None


PUSHING_TO_BOTH_MUST_NOT: dict[str, Callable[[Site], Any]] = {
    "open what it sealed": lambda site: site.replica.get_sealed("config/one"),
    "read a register": lambda site: site.replica.get("firm.json.old"),
    "read the stand-in": lambda site: site.replica.get("stand-in/private.pem"),
    "list": lambda site: list(site.replica.list("wal/")),
    "write beside the wal": lambda site: site.replica.put_message("points/x.json", b"{}", locked_until=None),
    "write a mark": lambda site: site.replica.put_message("firm.json", b"{}", locked_until=None),
    "lock what is not wal": lambda site: site.replica.extend_lock("firm.json", in_an_hour()),
}


@pytest.mark.parametrize("name", PUSHING_TO_BOTH_MUST_NOT)
def test_it_may_do_nothing_else_in_the_replica(name: str, pushing_to_both: Site) -> None:
    with pytest.raises((AccessDenied, KeyUnusable)):
        PUSHING_TO_BOTH_MUST_NOT[name](pushing_to_both)


def test_it_decrypts_through_s3_alone(pushing_to_both: Site, firms: TwoFirms) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        pushing_to_both.clients("kms", firms.vault.region).decrypt(CiphertextBlob=firms.sealed_by_kms)


@pytest.mark.parametrize("version", [{}, {"VersionId": "null"}], ids=["hide", "remove"])
def test_the_database_host_may_not_delete(version: dict[str, str], pushing: Site, pushing_to_both: Site) -> None:
    for vault in (pushing.primary, *pushing_to_both.vaults):
        with pytest.raises(ClientError, match="AccessDenied"):
            s3_of(vault).delete_object(Bucket=vault.bucket, Key=WAL, **version)


def test_a_restore_reads_both_vaults(restoring: Site) -> None:
    for vault in restoring.vaults:
        assert [found.key for found in vault.list("firm")] == ["firm.json"]
        assert prove_vault(vault).firm == "law-b"
    assert restoring.primary.get_sealed("config/one") == b"secret"


RESTORING_MUST_NOT: dict[str, Callable[[Site], Any]] = {
    "put": lambda site: site.primary.put("points/x.json", b"{}", locked_until=None),
    "put into the replica": lambda site: site.replica.put("points/x.json", b"{}", locked_until=None),
    "seal": lambda site: site.primary.put_sealed("config/x", b"x", locked_until=None),
    "lock": lambda site: site.primary.extend_lock("config/one", in_an_hour()),
}


@pytest.mark.parametrize("name", RESTORING_MUST_NOT)
def test_a_restore_may_not_write(name: str, restoring: Site) -> None:
    with pytest.raises((AccessDenied, KeyUnusable)):
        RESTORING_MUST_NOT[name](restoring)


def test_a_restore_may_not_delete_nor_read_documents(restoring: Site, firms: TwoFirms) -> None:
    s3 = s3_of(restoring.primary)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=firms.vault.bucket, Key="config/one", VersionId=firms.object_version)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.get_object(Bucket=firms.documents, Key="will.pdf")


@pytest.mark.parametrize("name", RESTORING_MUST_NOT)
def test_who_puts_documents_back_does_not_write_a_vault(name: str, putting_back: Site) -> None:
    with pytest.raises((AccessDenied, KeyUnusable)):
        RESTORING_MUST_NOT[name](putting_back)


def test_who_puts_documents_back_deletes_none_and_reaches_no_other_firms(putting_back: Site, firms: TwoFirms) -> None:
    s3 = s3_of(putting_back.primary)
    assert s3.put_object(Bucket=firms.documents, Key="back.pdf", Body=b"%PDF")["VersionId"]
    for version in ({}, {"VersionId": firms.document_version}):
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.delete_object(Bucket=firms.documents, Key="will.pdf", **version)
    theirs = firms.asking.firm.documents[0].bucket
    for attempt in (lambda: s3.put_object(Bucket=theirs, Key="x"), lambda: s3.list_objects_v2(Bucket=theirs)):
        with pytest.raises(ClientError, match="AccessDenied"):
            attempt()


def findings(site: Site) -> list[Finding]:
    """Those that have to do with rights; the wheel's PostgreSQL 17.9 has one of its own."""
    return [each for each in check_firm(site, clock=utc_now) if not each.what.startswith("PostgreSQL 17")]


def test_the_first_runs_rights_are_gone_and_nothing_of_the_chain_misses_them(firms: TwoFirms) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        s3_of(firms.asking.primary).create_bucket(Bucket="law-a-third-vault")
    assert findings(firms.asking) == []


# The bucket policy, asked through the emulator's own evaluator for what it cannot see over plain HTTP on loopback.

KEY = "arn:aws:kms:us-east-1:000000000000:key/1"
WRITE = {
    "s3:x-amz-server-side-encryption": "aws:kms",
    "s3:x-amz-server-side-encryption-aws-kms-key-id": KEY,
}


def refuses(action: str = "s3:PutObject", *, tls: bool = True, address: str = "10.0.0.1", **headers: str) -> str | None:
    """The statement that denies, or ``None``."""
    context = EvalContext(
        principal_arn="arn:aws:iam::000000000000:user/somebody",
        principal_type="User",
        principal_account="000000000000",
        action=action,
        resource_arn="arn:aws:s3:::vault/key",
        region="us-east-1",
        source_ip=address,
        secure_transport=tls,
        service_context=headers,
    )
    result = evaluate_resource_policy(vault_bucket_policy("vault", KEY), context)
    return result.matched_sid if result.decision == "Deny" else None


def test_a_vault_refuses_what_is_not_sealed_by_its_key() -> None:
    assert refuses(**WRITE) is None
    assert refuses() == "OnlyEncryptedByKms"
    assert refuses(**{**WRITE, "s3:x-amz-server-side-encryption": "AES256"}) == "OnlyEncryptedByKms"
    assert refuses(**{"s3:x-amz-server-side-encryption": "aws:kms"}) == "OnlyUnderThisVaultsKey"
    other = {**WRITE, "s3:x-amz-server-side-encryption-aws-kms-key-id": KEY[:-1] + "2"}
    assert refuses(**other) == "OnlyUnderThisVaultsKey"


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:ListBucket", "s3:PutObject", "s3:GetObjectVersion"])
def test_a_vault_refuses_whoever_comes_without_tls(action: str) -> None:
    assert refuses(action, tls=False, **WRITE) == "TlsOnly"
    assert refuses(action, tls=True, **WRITE) is None


def test_the_exception_for_a_server_on_this_machine_is_for_loopback_alone() -> None:
    assert refuses("s3:GetObject", tls=False, address="127.0.0.1") is None
    assert refuses("s3:GetObject", tls=False, address="128.0.0.1") == "TlsOnly"


@pytest.mark.parametrize("action", ["s3:BypassGovernanceRetention", "s3:DeleteBucket"])
def test_nobody_goes_around_the_lock(action: str) -> None:
    assert refuses(action) == "NobodyGoesAroundTheLock"


def test_a_vault_refuses_plain_and_s3_sealed_writes_over_the_wire(firms: TwoFirms) -> None:
    own = firms.asking.primary
    for headers in ({}, {"ServerSideEncryption": "AES256"}):
        with pytest.raises(ClientError, match="AccessDenied"):
            s3_of(own).put_object(Bucket=own.bucket, Key="plain", Body=b"x", **headers)


def test_even_an_administrator_does_not_go_around_the_lock(cloud: Cloud, firms: TwoFirms) -> None:
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    administrator = cloud.client("s3", credentials=cloud.create_user("administrator", everything))
    with pytest.raises(ClientError, match="AccessDenied"):
        administrator.delete_object(
            Bucket=firms.vault.bucket,
            Key="config/one",
            VersionId=firms.object_version,
            BypassGovernanceRetention=True,
        )


# Roles.


@pytest.fixture
def role(cloud: Cloud, firms: TwoFirms) -> Iterator[tuple[Credentials, str]]:
    """The orchestrator's user, and the role of firm B that it may become."""
    values = {**firm_values(firms.other.firm, ACCOUNT), "external_id": "law-b-7f3a"}
    worker = cloud.create_user("airflow-worker", iam_policy("orchestrator", firms.other.firm))
    values["orchestrator"] = cloud.client("sts", credentials=worker).get_caller_identity()["Arn"]
    iam = cloud.client("iam")
    trust = render((IAM / "trust-policy.json").read_text(), values)
    arn = iam.create_role(RoleName="muniment-law-b", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    policy = json.dumps(iam_policy("muniment-firm", firms.other.firm))
    iam.put_role_policy(RoleName="muniment-law-b", PolicyName="firm", PolicyDocument=policy)
    yield worker, arn
    iam.delete_role_policy(RoleName="muniment-law-b", PolicyName="firm")
    iam.delete_role(RoleName="muniment-law-b")
    key = iam.list_access_keys(UserName="airflow-worker")["AccessKeyMetadata"][0]["AccessKeyId"]
    iam.delete_access_key(UserName="airflow-worker", AccessKeyId=key)
    iam.delete_user_policy(UserName="airflow-worker", PolicyName="airflow-worker")
    iam.delete_user(UserName="airflow-worker")


def test_a_worker_becomes_a_firm_with_its_external_id(
    role: tuple[Credentials, str], cloud: Cloud, firms: TwoFirms
) -> None:
    worker, arn = role
    became = login(cloud, worker, role_arn=arn, assume_role_kwargs={"ExternalId": "law-b-7f3a"}).clients()
    site = build_site(firms.other.firm, firms.other.postgres.conninfo, became)
    assert prove_vault(site.primary).firm == "law-b"
    assert findings(site) == []
    with pytest.raises(ClientError, match="AccessDenied"):
        became("s3", "us-east-1").get_object(Bucket=firms.asking.primary.bucket, Key="firm.json")


def test_a_role_is_assumed_again_before_it_expires(role: tuple[Credentials, str], cloud: Cloud) -> None:
    """``DurationSeconds`` 900 is the least that STS gives, and is what botocore calls nearly over: each call renews."""
    worker, arn = role
    became = login(
        cloud, worker, role_arn=arn, assume_role_kwargs={"ExternalId": "law-b-7f3a", "DurationSeconds": 900}
    ).clients()
    sts = became("sts", "us-east-1")
    keys = set()
    for _ in range(2):
        sts.get_caller_identity()
        keys.add(became.credentials().access_key)
    assert len(keys) == 2
    assert became.credentials().token


@pytest.mark.parametrize("wrong", [{}, {"ExternalId": "law-a"}], ids=["none", "another firm's"])
def test_a_worker_without_the_firms_external_id_stays_outside(
    wrong: dict[str, str], role: tuple[Credentials, str], cloud: Cloud
) -> None:
    worker, arn = role
    anybody_may = login(cloud, worker, role_arn=arn, assume_role_kwargs=wrong).clients()("sts", "us-east-1")
    with pytest.raises(ClientError, match=r"AccessDenied.* when calling the AssumeRole operation"):
        anybody_may.get_caller_identity()


def test_a_worker_itself_opens_nothing(role: tuple[Credentials, str], cloud: Cloud, firms: TwoFirms) -> None:
    worker, _ = role
    with pytest.raises(ClientError, match="AccessDenied"):
        cloud.client("s3", credentials=worker).get_object(Bucket=firms.vault.bucket, Key="firm.json")


def test_a_firms_key_is_ended_by_its_administrator_alone(cloud: Cloud, firms: TwoFirms) -> None:
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    somebody = cloud.client("kms", credentials=cloud.create_user("kms-somebody", everything))
    keeper = cloud.client("kms", credentials=cloud.create_user("key-keeper", everything))
    key = firms.other.primary.kms_key
    for attempt in (somebody.disable_key, somebody.schedule_key_deletion):
        with pytest.raises(ClientError, match="AccessDenied"):
            attempt(KeyId=key)
    keeper.disable_key(KeyId=key)
    keeper.enable_key(KeyId=key)


def test_the_readers_copy_of_the_bucket_policy_is_the_products() -> None:
    assert render((IAM / "vault-bucket-policy.json").read_text(), {"bucket": "b", "key": "k"}) == vault_bucket_policy(
        "b", "k"
    )


def test_a_firm_without_documents_and_secrets_gets_no_statement_about_them(firms: TwoFirms) -> None:
    bare = firms.asking.firm.model_copy(update={"documents": ()})
    sids = [each["Sid"] for each in iam_policy("muniment-firm", bare)["Statement"]]
    assert sids == ["SeeItsVaults", "UseItsVaults", "UseItsKeys", "NeverAroundTheLock"]
