"""A vault's bucket and its protections: what each one is, whether it holds, and how it is set.

``create_vaults`` sets what is missing and ``check_firm`` reports it, both from this one table.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError

from muniment.adapters.aws.errors import error_code, store_errors
from muniment.adapters.aws.iam_policies import vault_bucket_policy
from muniment.adapters.vault.vault import Vault

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
class Protection:
    """``fault`` says what is wrong in this vault, or ``None``; ``apply`` sets it right and may be repeated."""

    name: str
    fault: Callable[[Vault], str | None]
    apply: Callable[[Vault], None]
    remedy: str
    """For a person, of ``{bucket}``, ``{region}`` and ``{key}``."""


def bucket_region(vault: Vault) -> str | None:
    """Where the bucket is, ``None`` where there is none of this name."""
    found = _setting(vault, "GetBucketLocation", vault.s3.get_bucket_location)
    if found is None:
        return None
    # S3's own two exceptions: the oldest regions answer nothing, and EU.
    region = found.get("LocationConstraint") or "us-east-1"
    return "eu-west-1" if region == "EU" else str(region)


def create_bucket(vault: Vault) -> None:
    """With Object Lock from its first instant. Nothing to do where this account already has it."""
    place: Any = {} if vault.region == "us-east-1" else {"LocationConstraint": vault.region}
    more: Any = {"CreateBucketConfiguration": place} if place else {}
    with store_errors("CreateBucket", vault.bucket):
        try:
            vault.s3.create_bucket(Bucket=vault.bucket, ObjectLockEnabledForBucket=True, **more)
        except ClientError as error:
            if error_code(error) != "BucketAlreadyOwnedByYou":
                raise


def store_time(vault: Vault) -> datetime:
    """What S3's own clock says, whatever it answers: the bucket need not exist, and we need not be let in."""
    with store_errors("HeadBucket", vault.bucket):
        try:
            answer: Mapping[str, Any] = vault.s3.head_bucket(Bucket=vault.bucket)
        except ClientError as error:
            answer = error.response
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])


def holds_anything(vault: Vault) -> bool:
    """Whether any object, version or delete marker is in the bucket."""
    with store_errors("ListObjectVersions", vault.bucket):
        found = vault.s3.list_object_versions(Bucket=vault.bucket, MaxKeys=1)
    return bool(found.get("Versions") or found.get("DeleteMarkers"))


def missing_protections(vault: Vault) -> tuple[tuple[Protection, str], ...]:
    """Each protection that does not hold, with what is wrong."""
    found = ((protection, protection.fault(vault)) for protection in PROTECTIONS)
    return tuple((protection, fault) for protection, fault in found if fault is not None)


def _setting(vault: Vault, operation: str, call: Callable[..., Any]) -> dict[str, Any] | None:
    """What the bucket answers, ``None`` where it has no such setting."""
    with store_errors(operation, vault.bucket):
        try:
            return dict(call(Bucket=vault.bucket))
        except ClientError as error:
            if error_code(error) in _ABSENT:
                return None
            raise


def _versioning_fault(vault: Vault) -> str | None:
    status = (_setting(vault, "GetBucketVersioning", vault.s3.get_bucket_versioning) or {}).get("Status")
    return None if status == "Enabled" else f"versioning is {(status or 'never enabled').lower()}"


def _enable_versioning(vault: Vault) -> None:
    with store_errors("PutBucketVersioning", vault.bucket):
        vault.s3.put_bucket_versioning(Bucket=vault.bucket, VersioningConfiguration={"Status": "Enabled"})


def _lock_fault(vault: Vault) -> str | None:
    if vault.lock_mode == "none":
        return None
    found = _setting(vault, "GetObjectLockConfiguration", vault.s3.get_object_lock_configuration) or {}
    enabled = found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled"
    return None if enabled else "Object Lock is off"


def _enable_lock(vault: Vault) -> None:
    """For a bucket that somebody else made: S3 can switch Object Lock on later, and never off again."""
    with store_errors("PutObjectLockConfiguration", vault.bucket):
        vault.s3.put_object_lock_configuration(
            Bucket=vault.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
        )


def _encryption_fault(vault: Vault) -> str | None:
    found = _setting(vault, "GetBucketEncryption", vault.s3.get_bucket_encryption) or {}
    rules = found.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    by_default = rules[0].get("ApplyServerSideEncryptionByDefault", {}) if rules else {}
    if by_default.get("SSEAlgorithm") != "aws:kms":
        return f"its default encryption is {by_default.get('SSEAlgorithm', 'not set')}, not aws:kms"
    if by_default.get("KMSMasterKeyID") != vault.kms_key:
        return f"its default key is {by_default.get('KMSMasterKeyID')}, not {vault.kms_key}"
    return None


def _set_encryption(vault: Vault) -> None:
    with store_errors("PutBucketEncryption", vault.bucket):
        vault.s3.put_bucket_encryption(
            Bucket=vault.bucket,
            ServerSideEncryptionConfiguration={
                "Rules": [
                    {
                        "ApplyServerSideEncryptionByDefault": {
                            "SSEAlgorithm": "aws:kms",
                            "KMSMasterKeyID": vault.kms_key,
                        },
                        "BucketKeyEnabled": True,
                    }
                ]
            },
        )


def _public_access_fault(vault: Vault) -> str | None:
    found = _setting(vault, "GetPublicAccessBlock", vault.s3.get_public_access_block) or {}
    blocks = found.get("PublicAccessBlockConfiguration", {})
    open_ones = [name for name in _EVERY_BLOCK if not blocks.get(name)]
    return f"public access is not blocked: {', '.join(open_ones)} off" if open_ones else None


def _block_public_access(vault: Vault) -> None:
    blocks: Any = dict.fromkeys(_EVERY_BLOCK, True)
    with store_errors("PutPublicAccessBlock", vault.bucket):
        vault.s3.put_public_access_block(Bucket=vault.bucket, PublicAccessBlockConfiguration=blocks)


def _ownership_fault(vault: Vault) -> str | None:
    found = _setting(vault, "GetBucketOwnershipControls", vault.s3.get_bucket_ownership_controls) or {}
    rules = found.get("OwnershipControls", {}).get("Rules", [])
    owner = rules[0].get("ObjectOwnership") if rules else None
    return None if owner == "BucketOwnerEnforced" else f"object ownership is {owner or 'not set'}, so ACLs can open it"


def _enforce_ownership(vault: Vault) -> None:
    with store_errors("PutBucketOwnershipControls", vault.bucket):
        vault.s3.put_bucket_ownership_controls(
            Bucket=vault.bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        )


def _lifecycle_fault(vault: Vault) -> str | None:
    """A rule that expires or moves objects would delete behind the registers' back."""
    found = _setting(vault, "GetBucketLifecycleConfiguration", vault.s3.get_bucket_lifecycle_configuration) or {}
    rules = found.get("Rules", [])
    harmless = {"ID", "Status", "Filter", "Prefix", "AbortIncompleteMultipartUpload"}
    harmful = [str(rule.get("ID", "unnamed")) for rule in rules if set(rule) - harmless]
    if harmful:
        return f"lifecycle rules do more than abort uploads: {', '.join(harmful)}"
    if not any("AbortIncompleteMultipartUpload" in rule and rule["Status"] == "Enabled" for rule in rules):
        return "no lifecycle rule aborts incomplete uploads"
    return None


def _set_lifecycle(vault: Vault) -> None:
    with store_errors("PutBucketLifecycleConfiguration", vault.bucket):
        vault.s3.put_bucket_lifecycle_configuration(
            Bucket=vault.bucket,
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


def _policy_fault(vault: Vault) -> str | None:
    found = _setting(vault, "GetBucketPolicy", vault.s3.get_bucket_policy)
    if found is None:
        return "it has no bucket policy"
    statements = json.loads(found["Policy"]).get("Statement", [])
    lacking = [
        each["Sid"] for each in vault_bucket_policy(vault.bucket, vault.kms_key)["Statement"] if each not in statements
    ]
    if lacking:
        return f"its bucket policy lacks {', '.join(lacking)}"
    opening = [str(each.get("Sid", "unnamed")) for each in statements if each.get("Effect") == "Allow"]
    return f"its bucket policy lets others in: {', '.join(opening)}" if opening else None


def _set_policy(vault: Vault) -> None:
    with store_errors("PutBucketPolicy", vault.bucket):
        vault.s3.put_bucket_policy(
            Bucket=vault.bucket, Policy=json.dumps(vault_bucket_policy(vault.bucket, vault.kms_key))
        )


# In the order in which they are set: the policy last, because it refuses.
PROTECTIONS = (
    Protection(
        "versioning",
        _versioning_fault,
        _enable_versioning,
        "`aws s3api put-bucket-versioning --bucket {bucket} --region {region} "
        "--versioning-configuration Status=Enabled`.",
    ),
    Protection(
        "object lock",
        _lock_fault,
        _enable_lock,
        "`aws s3api put-object-lock-configuration --bucket {bucket} --region {region} "
        "--object-lock-configuration ObjectLockEnabled=Enabled`.",
    ),
    Protection(
        "public access block",
        _public_access_fault,
        _block_public_access,
        "`aws s3api put-public-access-block --bucket {bucket} --region {region} --public-access-block-configuration "
        "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true`.",
    ),
    Protection(
        "ownership",
        _ownership_fault,
        _enforce_ownership,
        "`aws s3api put-bucket-ownership-controls --bucket {bucket} --region {region} "
        "--ownership-controls 'Rules=[{{ObjectOwnership=BucketOwnerEnforced}}]'`.",
    ),
    Protection(
        "encryption",
        _encryption_fault,
        _set_encryption,
        "`aws s3api put-bucket-encryption --bucket {bucket} --region {region} --server-side-encryption-configuration "
        "'Rules=[{{ApplyServerSideEncryptionByDefault={{SSEAlgorithm=aws:kms,KMSMasterKeyID={key}}},"
        "BucketKeyEnabled=true}}]'`.",
    ),
    Protection(
        "lifecycle",
        _lifecycle_fault,
        _set_lifecycle,
        "let the only lifecycle rule of {bucket} abort incomplete uploads: what goes is decided by `muniment expire`.",
    ),
    Protection(
        "bucket policy",
        _policy_fault,
        _set_policy,
        "put docs/iam/vault-bucket-policy.json on {bucket}, with its own name and {key} in the placeholders.",
    ),
)
