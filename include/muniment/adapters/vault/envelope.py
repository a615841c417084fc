"""Client-side encryption: AWS Encryption SDK messages, the data key wrapped under both of the firm's keys.

While the other region's KMS does not answer, the stand-in's public key takes its place
(adapters/vault/stand_in.py): either region alone still opens every message.

The suite commits to its key and is not signed (a signature triples the cost, and the vault's registers already say what
belongs to whom); frames of 64 KiB are the fastest length measured in notes/postgres-and-encryption.md.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, partial
from io import BytesIO
from typing import Any, Protocol

from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import (
    AesWrappingAlg,
    CreateAwsKmsKeyringInput,
    CreateMultiKeyringInput,
    CreateRawAesKeyringInput,
)
from aws_encryption_sdk import CommitmentPolicy, EncryptionSDKClient
from aws_encryption_sdk.identifiers import AlgorithmSuite
from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidTag

from muniment.adapters.aws.errors import error_code, store_failure
from muniment.adapters.aws.kms_answers import Overheard, Refusals, listening
from muniment.errors import KeyUnusable, MunimentError, ObjectMissing, StoreUnavailable, Transient

FRAME_BYTES = 64 * 1024
_SUITE = AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY
STAND_IN = "muniment-stand-in"
"""The name under which a message's header has the stand-in's wrapped data key."""
_HEADER_BYTES = 4096  # more than two wrapped data keys and the longest context take
_ASK_AGAIN_AFTER_S = 60.0
# KMS has looked at a wrapped data key and says that it is none of this key's, or that the context is another one.
_DAMAGED_CODES = {"InvalidCiphertextException", "IncorrectKeyException"}
# Whose errors they are that share no public base class: the SDK's and its material providers', which are generated.
_SDK = ("aws_encryption_sdk.", "aws_cryptograph")

# The SDK prints a traceback for each message that does not decrypt; our own error says it once.
logging.getLogger("aws_encryption_sdk").setLevel(logging.CRITICAL)
# At DEBUG botocore writes whole requests and answers to the log: KMS's hold data keys in clear.
for _talkative in ("botocore.parsers", "botocore.endpoint"):
    logging.getLogger(_talkative).setLevel(logging.INFO)


class Source(Protocol):
    def read(self, size: int) -> bytes: ...


class StandIn(Protocol):
    """Keyrings that need the vault's own KMS and nothing of the other region."""

    def sealing(self) -> Any:
        """Wraps under the own KMS key and the stand-in's public key. Raises ``ObjectMissing`` before there is one."""

    def opening(self) -> Any:
        """Opens with the own KMS key or the stand-in's private key, and with the other KMS key at last."""


class MessageDamaged(Exception):
    """The message does not decrypt: damaged, moved to another key, or another firm's."""


class Envelope:
    """Encrypts under every key it was given and decrypts with any of them.

    Thread-safe: one instance serves all workers of a backup. ``encrypt`` and ``decrypt`` raise ``KeyUnusable``, what
    ``store_errors`` makes of KMS's answers and, for decrypt, ``MessageDamaged``.
    """

    def __init__(self, keyring: Callable[[], Any], name: str, stand_in: StandIn | None = None) -> None:
        """``keyring`` is made when it is first needed: that costs more than a request, and many need none."""
        self._keyring = cache(keyring)
        self._name = name
        self._stand_in = stand_in
        self._asks_again_at = 0.0
        self._client = EncryptionSDKClient(
            commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT, max_encrypted_data_keys=2
        )

    @property
    def is_without_the_other(self) -> bool:
        """Whether the stand-in has taken the other region's place, for the time being."""
        return time.monotonic() < self._asks_again_at

    def stay_without_the_other(self) -> None:
        """Somebody else has just found that region's KMS away, and the stand-in in its place."""
        self._asks_again_at = time.monotonic() + _ASK_AGAIN_AFTER_S

    def encrypt(self, plain: bytes, context: Mapping[str, str]) -> bytes:
        return bytes(self.encrypt_stream(BytesIO(plain), len(plain), context))

    def encrypt_stream(self, source: Source, length: int, context: Mapping[str, str]) -> bytearray:
        """Reads ``length`` bytes frame by frame, so that ``source`` may let go of what was read.

        Frame by frame is also faster: the SDK copies what is left of its buffer after each piece that it hands out.
        The keys are asked before the first byte is read, so the stand-in finds ``source`` untouched.
        """
        if self._stand_in and self.is_without_the_other:
            return self._sealed(self._stand_in.sealing(), source, length, context)
        try:
            return self._sealed(self._keyring(), source, length, context)
        except StoreUnavailable as away:
            keyring = self._without_the_other(away)
        message = self._sealed(keyring, source, length, context)
        self.stay_without_the_other()
        return message

    def _without_the_other(self, away: StoreUnavailable) -> Any:
        """For a KMS that does not answer. One that refuses is for a person to see."""
        if self._stand_in is None:
            raise away
        try:
            return self._stand_in.sealing()
        except MunimentError:
            raise away from None

    def _sealed(self, keyring: Any, source: Source, length: int, context: Mapping[str, str]) -> bytearray:
        message = bytearray()
        with (
            self._kms_errors("Encrypt", lambda reason: KeyUnusable(key=self._name, reason=reason)),
            self._client.stream(
                mode="encrypt",
                source=source,
                source_length=length,
                keyring=keyring,
                encryption_context=dict(context),
                algorithm=_SUITE,
                frame_length=FRAME_BYTES,
            ) as stream,
        ):
            while piece := stream.read(FRAME_BYTES):
                message += piece
        return message

    @contextmanager
    def _kms_errors(self, operation: str, otherwise: Callable[[str], Exception]) -> Iterator[None]:
        """By what KMS has answered where it refused; ``otherwise`` where the SDK alone did. The source's pass."""
        with listening() as refusals:
            try:
                yield
            except Exception as error:
                if not type(error).__module__.startswith(_SDK) and error not in refusals:
                    raise
                raise self._failure(operation, refusals) or otherwise(_innermost(error)) from error

    def _failure(self, operation: str, refusals: Refusals) -> MunimentError | None:
        """Of several keys' refusals the one that passes, or else the first; ``None`` for damage, or where none was."""
        failures = [
            store_failure(refusal, operation, self._name, service="KMS")
            for refusal in refusals
            if not isinstance(refusal, ClientError) or error_code(refusal) not in _DAMAGED_CODES
        ]
        first = next((each for each in failures if isinstance(each, Transient)), next(iter(failures), None))
        return KeyUnusable(key=self._name, reason="there is no such key") if isinstance(first, ObjectMissing) else first

    def decrypt(self, message: bytes, context: Mapping[str, str]) -> bytes:
        """Frame by frame, for the same reason."""
        source = self.decrypting(message, context)
        return b"".join(iter(partial(source.read, FRAME_BYTES), b""))

    def decrypting(self, message: bytes, context: Mapping[str, str]) -> Source:
        """``message`` as a stream of its plain bytes: each frame's tag is checked before its bytes are handed out.

        Nothing is read, and no key asked for, before its first ``read``; that raises what ``decrypt`` raises.
        """
        return _Decrypting(self, BytesIO(message), context)

    def stream(self, message: BytesIO, context: Mapping[str, str]) -> Any:
        keyring = self._keyring_for(message)
        return self._client.stream(mode="decrypt", source=message, keyring=keyring, encryption_context=dict(context))

    def _keyring_for(self, message: BytesIO) -> Any:
        """The primary's own key opens a message of the stand-in's too: without the stand-in it has to."""
        if self._stand_in and STAND_IN.encode() in bytes(message.getbuffer()[:_HEADER_BYTES]):
            with suppress(MunimentError):
                return self._stand_in.opening()
        return self._keyring()

    def read(self, stream: Any, size: int) -> bytes:
        """The next bytes of ``stream``. Raises ``MessageDamaged`` where no key has refused."""
        with self._kms_errors("Decrypt", MessageDamaged):
            return bytes(stream.read(size))


class _Decrypting:
    def __init__(self, envelope: Envelope, message: BytesIO, context: Mapping[str, str]) -> None:
        self._envelope = envelope
        self._stream = envelope.stream(message, context)

    def read(self, size: int) -> bytes:
        try:
            return self._envelope.read(self._stream, size)
        except InvalidTag as error:
            reason = "a frame's authentication tag does not match"
            raise MessageDamaged(reason) from error
        except ValueError as error:  # a name in the header that is no UTF-8 any more
            reason = f"its header cannot be read: {error}"
            raise MessageDamaged(reason) from error


def _innermost(error: BaseException) -> str:
    """The message of the first cause in the SDK's nested error lists."""
    inner = error.args[0] if error.args else None
    if isinstance(inner, BaseException):
        return _innermost(inner)
    causes = getattr(error, "list", None)
    return "; ".join(_innermost(cause) for cause in causes) if causes else str(error)


def kms_envelope(keys: list[tuple[str, Any]], stand_in: StandIn | None = None) -> Envelope:
    """``keys``: (key ARN, KMS client of its region); the first one makes the data key, each of them unwraps it."""

    def ring() -> Any:
        return any_of(*(kms_keyring(arn, client) for arn, client in keys))

    return Envelope(ring, " + ".join(arn for arn, _ in keys), stand_in)


def kms_keyring(arn: str, client: Any) -> Any:
    providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
    return providers.create_aws_kms_keyring(CreateAwsKmsKeyringInput(kms_key_id=arn, kms_client=Overheard(client)))


def any_of(first: Any, *others: Any) -> Any:
    """``first`` makes the data key, all wrap it, and they are asked in this order to unwrap it."""
    providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
    return providers.create_multi_keyring(CreateMultiKeyringInput(generator=first, child_keyrings=list(others)))


def local_envelope(name: str, wrapping_key: bytes) -> Envelope:
    """A 32-byte key of our own, where there is no KMS."""
    providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
    ring = providers.create_raw_aes_keyring(
        CreateRawAesKeyringInput(
            key_namespace="muniment",
            key_name=name,
            wrapping_key=wrapping_key,
            wrapping_alg=AesWrappingAlg.ALG_AES256_GCM_IV12_TAG16,
        )
    )
    return Envelope(lambda: ring, name)
