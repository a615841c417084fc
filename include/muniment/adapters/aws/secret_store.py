"""A firm's secrets in AWS Secrets Manager: read, never written."""

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

from muniment.adapters.aws.errors import store_errors
from muniment.domain.config.snapshot import Confidential, StoredSecret

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_DESCRIBED = (
    "Description",
    "KmsKeyId",
    "RotationEnabled",
    "RotationLambdaARN",
    "RotationRules",
    "LastRotatedDate",
    "LastChangedDate",
    "CreatedDate",
    "Tags",
    "OwningService",
    "PrimaryRegion",
)

# At DEBUG botocore writes whole requests and answers to the log: secrets here, data keys with KMS.
for _name in ("botocore.parsers", "botocore.endpoint"):
    logging.getLogger(_name).setLevel(logging.INFO)


def read_secret(secrets: "SecretsManagerClient", name: str) -> StoredSecret:
    """The current version of the secret with this name or ARN. Raises ``ObjectMissing``, ``StoreRefused``,
    ``KeyUnusable`` or ``StoreUnavailable``."""
    with store_errors("GetSecretValue", name, service="Secrets Manager"):
        found = secrets.get_secret_value(SecretId=name)
    with store_errors("DescribeSecret", name, service="Secrets Manager"):
        described = secrets.describe_secret(SecretId=name)
    is_binary = "SecretBinary" in found
    return StoredSecret(
        name=found["Name"],
        arn=found["ARN"],
        version_id=found["VersionId"],
        version_stages=tuple(found.get("VersionStages", ())),
        is_binary=is_binary,
        value=Confidential(found["SecretBinary"] if is_binary else found["SecretString"].encode()),
        metadata={field: _plain(described[field]) for field in _DESCRIBED if field in described},  # type: ignore[literal-required]
    )


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
