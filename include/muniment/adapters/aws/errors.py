"""The one place where boto3's errors become ours: by the code of the answer, never by its words.

Codes: Amazon S3 API Reference, "Error responses"; AWS KMS API Reference, "Common errors" and each action's own. A code
that is in none of the sets below is ``StoreRefused``: nobody knows what it means, so nobody is told a remedy for it.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOTokenLoadError,
    UnauthorizedSSOTokenError,
)
from botocore.exceptions import ConnectionError as RequestNotSent

from muniment.errors import (
    AccessDenied,
    AlreadyRegistered,
    ClockWrong,
    CredentialsExpired,
    CredentialsUnusable,
    KeyUnusable,
    MunimentError,
    ObjectArchived,
    ObjectMissing,
    StoreRefused,
    StoreUnavailable,
    TransferBroken,
)

_TRANSIENT_CODES = {
    "ConditionalRequestConflict",  # 409 of a conditional write: "you should retry the upload"
    "DependencyTimeoutException",
    "InternalError",
    "InternalFailure",
    "InternalServiceError",
    "KMSInternalException",
    "KeyUnavailableException",
    "OperationAborted",  # 409 of two operations on one bucket
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_TRANSIENT_STATUS = {429, 500, 502, 503, 504}
_BROKEN_ON_THE_WAY = {
    "BadDigest",
    "IncompleteBody",
    "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch",
}
_EXPIRED_CODES = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_CLOCK_CODES = {"RequestTimeTooSkewed", "RequestInTheFuture"}
_CREDENTIAL_CODES = {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "MissingAuthenticationToken",
    "MissingSecurityHeader",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_MISSING_CODES = {"NoSuchKey", "NoSuchBucket", "404", "NotFound", "NoSuchVersion", "ResourceNotFoundException"}
_CONFLICT_CODES = {"PreconditionFailed", "412"}
_DENIED_CODES = {"AccessDenied", "AccessDeniedException", "403", "Forbidden", "AllAccessDisabled", "AccountProblem"}
# S3 puts `KMS.` before those of the key that a bucket or a write names.
_OF_S3S_KEY = "KMS."
_KEY_CODES = {
    "DisabledException",
    "IncorrectKeyException",
    "InvalidGrantTokenException",
    "InvalidKeyUsageException",
    "KMSInvalidStateException",
}
_ON_THE_WIRE = (ssl.SSLError, ConnectionError, TimeoutError)
"""What reading a body raises without botocore's wrapping. Any other OSError is this machine's: a full disk, a right."""


def error_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def http_status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


@contextmanager
def store_errors(operation: str, bucket: str, key: str = "", service: str = "S3") -> Iterator[None]:
    """Translates what a call to S3, KMS or Secrets Manager raises; ``bucket`` and ``key`` name the place."""
    try:
        yield
    except (ClientError, BotoCoreError, *_ON_THE_WIRE) as error:
        raise store_failure(error, operation, bucket, key, service) from error


def store_failure(
    error: BaseException, operation: str, bucket: str, key: str = "", service: str = "S3"
) -> MunimentError:
    """What ``error``, raised by boto3, means."""
    place = f"{bucket}/{key}" if key else bucket
    facts = {"service": service, "operation": operation, "place": place}
    if isinstance(error, ClientError):
        return _refusal(error, facts, bucket, key)
    return _kind_of_failure(error)(**facts, reason=error)


def _kind_of_failure(error: BaseException) -> type[MunimentError]:
    """Of what never became an answer."""
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return CredentialsUnusable
    if isinstance(error, (SSOTokenLoadError, UnauthorizedSSOTokenError)):
        return CredentialsExpired
    if isinstance(error, (RequestNotSent, HTTPClientError, IncompleteReadError, *_ON_THE_WIRE)):
        return StoreUnavailable
    return StoreRefused


def _refusal(error: ClientError, facts: dict[str, str], bucket: str, key: str) -> MunimentError:
    code = error_code(error)
    message = error.response.get("Error", {}).get("Message", "")
    if code.startswith(_OF_S3S_KEY):
        code = code.removeprefix(_OF_S3S_KEY)
        facts = {**facts, "service": f"KMS behind {facts['service']}"}
        if code == "NotFoundException":
            return KeyUnusable(key=facts["place"], reason=_told(code, message))
    if code in _KEY_CODES:
        return KeyUnusable(key=facts["place"], reason=_told(code, message))
    if code in _CONFLICT_CODES:
        return AlreadyRegistered(key=key, bucket=bucket)
    if code in _MISSING_CODES or (code == "NotFoundException" and facts["service"] == "KMS"):
        return ObjectMissing(key=key, bucket=bucket)
    if code == "InvalidObjectState":
        return ObjectArchived(key=key, bucket=bucket, reason=message)
    return _kind_of(code, http_status(error))(**facts, reason=_told(code, message))


def _kind_of(code: str, status: int) -> type[MunimentError]:
    for codes, kind in (
        (_TRANSIENT_CODES, StoreUnavailable),
        (_BROKEN_ON_THE_WAY, TransferBroken),
        (_EXPIRED_CODES, CredentialsExpired),
        (_CLOCK_CODES, ClockWrong),
        (_CREDENTIAL_CODES, CredentialsUnusable),
        (_DENIED_CODES, AccessDenied),
    ):
        if code in codes:
            return kind
    return StoreUnavailable if status in _TRANSIENT_STATUS else StoreRefused


def _told(code: str, message: str) -> str:
    """The code is what is looked up; a HEAD has no more than its status, twice."""
    return f"{code}: {message}" if message and not code.isdigit() else message or code
