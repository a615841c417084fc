"""A vault's bucket on S3 and its protections: what each one is, whether it holds, and how it is set.

``create_vaults`` sets what is missing and ``check_firm`` reports it, both from this one table.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from muniment.adapters.aws.errors import error_code, store_errors
from muniment.adapters.aws.iam_policies import vault_bucket_policy
from muniment.adapters.store.port import Protection

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ABORT_UPLOADS_AFTER_DAYS = 7
# How S3 says that a bucket, or one of its settings, is not there.
_ABSENT = {
    "404",
    "NoSuchBucket",
    "NoSuchBucketPolicy",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "ObjectLockConfigurationNotFoundError",
    "OwnershipControlsNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
}
_EVERY_BLOCK = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@dataclass(frozen=True, slots=True)
class VaultBucket:
    """``is_locked``: under Object Lock, as its policy wants it."""

    name: str
    region: str
    s3: "S3Client"
    kms_key: str
    is_locked: bool


@dataclass(frozen=True, slots=True)
class _Rule:
    """``fault`` says what is wrong in this bucket, or ``None``; ``apply`` sets it right and may be repeated."""

    name: str
    fault: Callable[[VaultBucket], str | None]
    apply: Callable[[VaultBucket], None]
    remedy: str
    """Of ``{bucket}``, ``{region}`` and ``{key}``."""

    def of(self, bucket: VaultBucket) -> Protection:
        remedy = self.remedy.format(bucket=bucket.name, region=bucket.region, key=bucket.kms_key)
        return Protection(self.name, remedy, partial(self.apply, bucket))


def bucket_region(s3: "S3Client", bucket: str) -> str | None:
    """Where the bucket is, ``None`` where there is none of this name."""
    found = _setting(bucket, "GetBucketLocation", s3.get_bucket_location)
    if found is None:
        return None
    # S3's own two exceptions: the oldest regions answer nothing, and EU.
    region = found.get("LocationConstraint") or "us-east-1"
    return "eu-west-1" if region == "EU" else str(region)


def create_bucket(s3: "S3Client", bucket: str, region: str) -> None:
    """With Object Lock from its first instant. Nothing to do where this account already has it."""
    place: Any = {} if region == "us-east-1" else {"LocationConstraint": region}
    more: Any = {"CreateBucketConfiguration": place} if place else {}
    with store_errors("CreateBucket", bucket):
        try:
            s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True, **more)
        except ClientError as error:
            if error_code(error) != "BucketAlreadyOwnedByYou":
                raise


def missing_protections(bucket: VaultBucket) -> tuple[tuple[Protection, str], ...]:
    """Each protection that does not hold, with what is wrong."""
    found = ((rule, rule.fault(bucket)) for rule in PROTECTIONS)
    return tuple((rule.of(bucket), fault) for rule, fault in found if fault is not None)


def _setting(bucket: str, operation: str, call: Callable[..., Any]) -> dict[str, Any] | None:
    """What the bucket answers, ``None`` where it has no such setting."""
    with store_errors(operation, bucket):
        try:
            return dict(call(Bucket=bucket))
        except ClientError as error:
            if error_code(error) in _ABSENT:
                return None
            raise


def _versioning_fault(bucket: VaultBucket) -> str | None:
    status = (_setting(bucket.name, "GetBucketVersioning", bucket.s3.get_bucket_versioning) or {}).get("Status")
    return None if status == "Enabled" else f"versioning is {(status or 'never enabled').lower()}"


def _enable_versioning(bucket: VaultBucket) -> None:
    with store_errors("PutBucketVersioning", bucket.name):
        bucket.s3.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})


def _lock_fault(bucket: VaultBucket) -> str | None:
    if not bucket.is_locked:
        return None
    found = _setting(bucket.name, "GetObjectLockConfiguration", bucket.s3.get_object_lock_configuration) or {}
    enabled = found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled"
    return None if enabled else "Object Lock is off"


def _enable_lock(bucket: VaultBucket) -> None:
    """For a bucket that somebody else made: S3 can switch Object Lock on later, and never off again."""
    with store_errors("PutObjectLockConfiguration", bucket.name):
        bucket.s3.put_object_lock_configuration(
            Bucket=bucket.name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
        )


def _encryption_fault(bucket: VaultBucket) -> str | None:
    found = _setting(bucket.name, "GetBucketEncryption", bucket.s3.get_bucket_encryption) or {}
    rules = found.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    by_default = rules[0].get("ApplyServerSideEncryptionByDefault", {}) if rules else {}
    if by_default.get("SSEAlgorithm") != "aws:kms":
        return f"its default encryption is {by_default.get('SSEAlgorithm', 'not set')}, not aws:kms"
    if by_default.get("KMSMasterKeyID") != bucket.kms_key:
        return f"its default key is {by_default.get('KMSMasterKeyID')}, not {bucket.kms_key}"
    return None


def _set_encryption(bucket: VaultBucket) -> None:
    with store_errors("PutBucketEncryption", bucket.name):
        bucket.s3.put_bucket_encryption(
            Bucket=bucket.name,
            ServerSideEncryptionConfiguration={
                "Rules": [
                    {
                        "ApplyServerSideEncryptionByDefault": {
                            "SSEAlgorithm": "aws:kms",
                            "KMSMasterKeyID": bucket.kms_key,
                        },
                        "BucketKeyEnabled": True,
                    }
                ]
            },
        )


def _public_access_fault(bucket: VaultBucket) -> str | None:
    found = _setting(bucket.name, "GetPublicAccessBlock", bucket.s3.get_public_access_block) or {}
    blocks = found.get("PublicAccessBlockConfiguration", {})
    open_ones = [name for name in _EVERY_BLOCK if not blocks.get(name)]
    return f"public access is not blocked: {', '.join(open_ones)} off" if open_ones else None


def _block_public_access(bucket: VaultBucket) -> None:
    blocks: Any = dict.fromkeys(_EVERY_BLOCK, True)
    with store_errors("PutPublicAccessBlock", bucket.name):
        bucket.s3.put_public_access_block(Bucket=bucket.name, PublicAccessBlockConfiguration=blocks)


def _ownership_fault(bucket: VaultBucket) -> str | None:
    found = _setting(bucket.name, "GetBucketOwnershipControls", bucket.s3.get_bucket_ownership_controls) or {}
    rules = found.get("OwnershipControls", {}).get("Rules", [])
    owner = rules[0].get("ObjectOwnership") if rules else None
    return None if owner == "BucketOwnerEnforced" else f"object ownership is {owner or 'not set'}, so ACLs can open it"


def _enforce_ownership(bucket: VaultBucket) -> None:
    with store_errors("PutBucketOwnershipControls", bucket.name):
        bucket.s3.put_bucket_ownership_controls(
            Bucket=bucket.name, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        )


def _lifecycle_fault(bucket: VaultBucket) -> str | None:
    """A rule that expires or moves objects would delete behind the registers' back."""
    found = _setting(bucket.name, "GetBucketLifecycleConfiguration", bucket.s3.get_bucket_lifecycle_configuration) or {}
    rules = found.get("Rules", [])
    harmless = {"ID", "Status", "Filter", "Prefix", "AbortIncompleteMultipartUpload"}
    harmful = [str(rule.get("ID", "unnamed")) for rule in rules if set(rule) - harmless]
    if harmful:
        return f"lifecycle rules do more than abort uploads: {', '.join(harmful)}"
    if not any("AbortIncompleteMultipartUpload" in rule and rule["Status"] == "Enabled" for rule in rules):
        return "no lifecycle rule aborts incomplete uploads"
    return None


def _set_lifecycle(bucket: VaultBucket) -> None:
    with store_errors("PutBucketLifecycleConfiguration", bucket.name):
        bucket.s3.put_bucket_lifecycle_configuration(
            Bucket=bucket.name,
            LifecycleConfiguration={
                "Rules": [
                    {
                        "ID": "abort-incomplete-uploads",
                        "Status": "Enabled",
                        "Filter": {"Prefix": ""},
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABORT_UPLOADS_AFTER_DAYS},
                    }
                ]
            },
        )


def _policy_fault(bucket: VaultBucket) -> str | None:
    found = _setting(bucket.name, "GetBucketPolicy", bucket.s3.get_bucket_policy)
    if found is None:
        return "it has no bucket policy"
    statements = json.loads(found["Policy"]).get("Statement", [])
    lacking = [
        each["Sid"] for each in vault_bucket_policy(bucket.name, bucket.kms_key)["Statement"] if each not in statements
    ]
    if lacking:
        return f"its bucket policy lacks {', '.join(lacking)}"
    opening = [str(each.get("Sid", "unnamed")) for each in statements if each.get("Effect") == "Allow"]
    return f"its bucket policy lets others in: {', '.join(opening)}" if opening else None


def _set_policy(bucket: VaultBucket) -> None:
    with store_errors("PutBucketPolicy", bucket.name):
        bucket.s3.put_bucket_policy(
            Bucket=bucket.name, Policy=json.dumps(vault_bucket_policy(bucket.name, bucket.kms_key))
        )


# In the order in which they are set: the policy last, because it refuses.
PROTECTIONS = (
    _Rule(
        "versioning",
        _versioning_fault,
        _enable_versioning,
        "`aws s3api put-bucket-versioning --bucket {bucket} --region {region} "
        "--versioning-configuration Status=Enabled`.",
    ),
    _Rule(
        "object lock",
        _lock_fault,
        _enable_lock,
        "`aws s3api put-object-lock-configuration --bucket {bucket} --region {region} "
        "--object-lock-configuration ObjectLockEnabled=Enabled`.",
    ),
    _Rule(
        "public access block",
        _public_access_fault,
        _block_public_access,
        "`aws s3api put-public-access-block --bucket {bucket} --region {region} --public-access-block-configuration "
        "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true`.",
    ),
    _Rule(
        "ownership",
        _ownership_fault,
        _enforce_ownership,
        "`aws s3api put-bucket-ownership-controls --bucket {bucket} --region {region} "
        "--ownership-controls 'Rules=[{{ObjectOwnership=BucketOwnerEnforced}}]'`.",
    ),
    _Rule(
        "encryption",
        _encryption_fault,
        _set_encryption,
        "`aws s3api put-bucket-encryption --bucket {bucket} --region {region} --server-side-encryption-configuration "
        "'Rules=[{{ApplyServerSideEncryptionByDefault={{SSEAlgorithm=aws:kms,KMSMasterKeyID={key}}},"
        "BucketKeyEnabled=true}}]'`.",
    ),
    _Rule(
        "lifecycle",
        _lifecycle_fault,
        _set_lifecycle,
        "let the only lifecycle rule of {bucket} abort incomplete uploads: what goes is decided by `muniment expire`.",
    ),
    _Rule(
        "bucket policy",
        _policy_fault,
        _set_policy,
        "put docs/iam/vault-bucket-policy.json on {bucket}, with its own name and {key} in the placeholders.",
    ),
)
