"""The one place where boto3's errors become ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ResponseStreamingError,
)

from muniment.errors import (
    AccessDenied,
    AlreadyRegistered,
    KeyUnusable,
    ObjectArchived,
    ObjectMissing,
    StoreUnavailable,
)

_TRANSIENT_CODES = {
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "RequestTimeout",
    "InternalError",
    "RequestLimitExceeded",
}
_MISSING_CODES = {"NoSuchKey", "NoSuchBucket", "404", "NotFound", "NoSuchVersion", "ResourceNotFoundException"}
_CONFLICT_CODES = {"PreconditionFailed", "412", "ConditionalRequestConflict"}
_DENIED_CODES = {
    "AccessDenied",
    "AccessDeniedException",
    "403",
    "Forbidden",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
}


def error_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def http_status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


@contextmanager
def store_errors(operation: str, bucket: str, key: str = "", service: str = "S3") -> Iterator[None]:
    """Translates what a call to S3, KMS or Secrets Manager raises; ``bucket`` and ``key`` name the place."""
    place = f"{bucket}/{key}" if key else bucket
    try:
        yield
    except ClientError as error:
        raise _translate(error, operation, bucket, key, service) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise AccessDenied(service=service, operation=operation, place=place, reason=error) from error
    except (BotoCoreError, HTTPClientError, ResponseStreamingError, IncompleteReadError, OSError) as error:
        raise StoreUnavailable(service=service, operation=operation, place=place, reason=error) from error


def _translate(error: ClientError, operation: str, bucket: str, key: str, service: str) -> Exception:
    code, place = error_code(error), f"{bucket}/{key}" if key else bucket
    message = error.response.get("Error", {}).get("Message", code)
    if code.startswith("KMS.") or code in {"DisabledException", "KMSInvalidStateException"}:
        return KeyUnusable(key=place, reason=message)
    if code in _CONFLICT_CODES:
        return AlreadyRegistered(key=key, bucket=bucket)
    if code in _MISSING_CODES:
        return ObjectMissing(key=key, bucket=bucket)
    if code == "InvalidObjectState":
        return ObjectArchived(key=key, bucket=bucket, reason=message)
    if code in _TRANSIENT_CODES or http_status(error) in {429, 500, 502, 503, 504}:
        return StoreUnavailable(service=service, operation=operation, place=place, reason=message)
    reason = message if code in _DENIED_CODES else f"{code}: {message}"
    return AccessDenied(service=service, operation=operation, place=place, reason=reason)
