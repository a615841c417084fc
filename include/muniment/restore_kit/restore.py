#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = [
#     "boto3==1.43.106",
#     "aws-encryption-sdk==4.0.7",
#     "aws-cryptographic-material-providers==1.11.3",
#     "zstandard==0.25.0",
# ]
# ///
# ruff: noqa: EM101, EM102, TRY003, UP047
# One file, so that it can be taken along alone; Python 3.10 has no type parameters.
"""Gets a firm's database, documents and configuration out of its vault. Needs no Muniment and no Airflow.

    python restore.py list  --bucket BUCKET --region REGION
    python restore.py fetch --bucket BUCKET --region REGION [--point latest] --into DIR [--documents DIR2]

One of the firm's two vaults is enough, with that vault's own KMS key. Credentials are those of boto3: environment
variables, ~/.aws, or the machine's role. They need s3:ListBucket, s3:ListBucketVersions, s3:GetObject,
s3:GetObjectVersion and kms:Decrypt. With s3:PutObject and s3:DeleteObjectVersion below leases/ and kms:GenerateDataKey
it tells Muniment what it reads, so that none of it expires meanwhile; without, it says that it could not. Nothing else
is ever written to the vault. RESTORE.md, beside this file, goes through it step by step; the format is Muniment's
docs/vault-format.md, version 1.

Ends with 0, or 1 (no access, or a wrong option), 3 (damaged or missing bytes), 4 (refused: a target is not empty).
"""

import argparse
import base64
import hashlib
import hmac
import json
import logging
import os
import re
import shlex
import shutil
import socket
import struct
import sys
import tarfile
import threading
import unicodedata
import uuid
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import accumulate, chain
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import boto3
import zstandard
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import (
    AesWrappingAlg,
    CreateAwsKmsKeyringInput,
    CreateMultiKeyringInput,
    CreateRawAesKeyringInput,
    CreateRawRsaKeyringInput,
    PaddingScheme,
)
from aws_encryption_sdk import CommitmentPolicy, EncryptionSDKClient
from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.exceptions import InvalidTag

Item = TypeVar("Item")
Result = TypeVar("Result")
Register = dict[str, Any]
Read = tuple[bytes, dict[str, str]]
Change = tuple[Path, int, bytes]

WORKERS = 8
MOST_BYTES = 512 * 2**20  # of plain slices at once; as stored and as decrypted they are there once more
FORMAT = 1
PAGE = 8192
BYTES_A_MAP_PAGE = 32672 * PAGE  # what one page of a visibility map tells of
LEASE_LASTS_S = 7 * 86400  # taken away at the end; this is for a run that is killed
CLOCKS_DIFFER = timedelta(minutes=5)
MARK_LASTS = timedelta(hours=1)  # whatever it says; an expire that deletes for longer writes it again
CODE = "hmac-sha256"
WAL_NAME = re.compile(r"[0-9A-F]{24}(\.partial|\.[0-9A-F]{8}\.backup)?|[0-9A-F]{8}\.history")
# KMS's own: what a person has to see to, and what it says of a wrapped data key that is none of the key's.
KEY_CODES = {"AccessDeniedException", "DisabledException", "KMSInvalidStateException", "NotFoundException"}
DAMAGED_CODES = {"InvalidCiphertextException", "IncorrectKeyException"}
MISSING_CODES = {"NoSuchKey", "404", "NoSuchVersion", "MethodNotAllowed"}
# Names that some file system refuses or reads as something else; "%" itself, so that no two keys become one name.
UNSAFE = re.compile(r'[%\x00-\x1f\x7f\\:*?"<>|]|^ | $|\.$|^\.')
LONGEST_NAME = 180
# What was sealed while the other region did not answer names this key in its header; this vault's own key opens it.
STAND_IN, STAND_IN_KEY = "muniment-stand-in", "stand-in/private.pem"


class Failed(Exception):
    exit_code = 1


class Damaged(Failed):
    exit_code = 3


class Refused(Failed):
    exit_code = 4


# --- the vault ---


class Vault:
    """One bucket and one key."""

    def __init__(
        self,
        bucket: str,
        region: str,
        kms_key: str | None = None,
        endpoint_url: str | None = None,
        raw_key: tuple[str, str] | None = None,
        *,
        takes_unproven: bool = False,
    ) -> None:
        self.bucket, self.takes_unproven = bucket, takes_unproven
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 8}, max_pool_connections=2 * WORKERS, connect_timeout=10
        )
        # boto3's own session keeps the credentials that it found first, whoever asked for them.
        session: Any = boto3.session.Session()
        self._client: Callable[[str, str], Any] = lambda service, where: session.client(
            service, region_name=where, endpoint_url=endpoint_url, config=config
        )
        self.s3 = self._client("s3", region)
        self._refused = threading.local()
        self.get("firm.json")
        self._sdk = EncryptionSDKClient(
            commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT, max_encrypted_data_keys=2
        )
        self.kms_key = None if raw_key else kms_key or self.own_key()
        self._keyring = raw_keyring(*raw_key) if raw_key else self._kms_keyring(self.kms_key or "")
        self._stand_in: Any = None
        self.firm, self._mac_key = "", b""
        self.mark = self.register("firm.json")

    def own_key(self) -> str:
        """The vault's KMS key is the one under which S3 keeps firm.json."""
        key = str(self.s3.head_object(Bucket=self.bucket, Key="firm.json").get("SSEKMSKeyId", ""))
        if not key.startswith("arn:"):
            raise Failed("the vault's KMS key is not known: name it with --kms-key (RESTORE.md tells it)")
        return key

    def _kms_keyring(self, arn: str) -> Any:
        if not re.fullmatch(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+", arn):
            raise Failed(f"--kms-key {arn}: give the whole ARN (arn:aws:kms:REGION:ACCOUNT:key/…), no alias and no id")
        providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
        client = self._client("kms", arn.split(":")[3])
        asked: Any = Overheard(client, self._refused)
        return providers.create_aws_kms_keyring(CreateAwsKmsKeyringInput(kms_key_id=arn, kms_client=asked))

    def _keyring_for(self, message: bytes) -> Any:
        if STAND_IN.encode() not in message[:4096]:
            return self._keyring
        if self._stand_in is None:
            self._stand_in = either(self._keyring, stand_in_keyring(self.sealed(STAND_IN_KEY)[0]))
        return self._stand_in

    def keys(self, prefix: str) -> list[str]:
        """Every key that has bytes, those under a delete marker too: what is expired has no version left."""
        found: set[str] = set()
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix):
            found.update(version["Key"] for version in page.get("Versions", ()))
        return sorted(found)

    def versions(self, key: str) -> Iterator[str]:
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=key):
            yield from (each["VersionId"] for each in page.get("Versions", ()) if each["Key"] == key)

    def get(self, key: str, sha256: str | None = None) -> Read:
        """Bytes and metadata."""
        found = self._first(key, lambda read: is_right(read, sha256))
        return found or self._raise(key, "its sha256 is not the registered one")

    def _first(self, key: str, is_this_it: Callable[[Read], bool]) -> Read | None:
        """A key is written once, so older versions are asked where the current one is not right."""
        found = self._read(key)
        if found is not None and is_this_it(found):
            return found
        for version in self.versions(key):
            older = self._read(key, VersionId=version)
            if older is not None and is_this_it(older):
                print(f"note: {key} was hidden or overwritten; its version {version} is right", file=sys.stderr)
                return older
        return None

    def _raise(self, key: str, reason: str) -> NoReturn:
        if next(self.versions(key), None) is None:
            raise Damaged(f"{self.bucket}/{key} is missing. Try the other vault.")
        raise Damaged(f"{self.bucket}/{key} is damaged: {reason}. Try the other vault.")

    def _read(self, key: str, **version: str) -> Read | None:
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=key, **version)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in MISSING_CODES:
                return None
            raise
        return answer["Body"].read(), answer.get("Metadata", {})

    def register(self, key: str) -> Register:
        """Plain JSON, which its authentication code shows to be the firm's."""
        is_this_it = self._is_mark if key == "firm.json" else partial(self._is_authentic, key)
        found = self._first(key, is_this_it)
        if found is None and self.takes_unproven and (found := self._read(key)):
            print(f"note: nothing shows that {key} is the firm's; it is taken all the same", file=sys.stderr)
        document = as_json(
            (found or self._raise(key, "nothing shows that the firm wrote it, or the key is another one"))[0]
        )
        if document is None:
            raise Damaged(f"{self.bucket}/{key} is damaged: it is no JSON. Try the other vault.")
        if document.get("format") != FORMAT:
            raise Failed(f"{key} has format {document.get('format')}; this script reads format {FORMAT}")
        if key == "firm.json":
            self.firm = str(document["firm"])
        return document

    def _is_mark(self, found: Read) -> bool:
        """firm.json brings the key of all codes, its own too. Without one it is from before there were any, unless
        somebody wrote it over one that has it."""
        mark = as_json(found[0])
        if mark is None:
            return False
        if mark.get("mac_key") is None:
            return len(list(self.versions("firm.json"))) == 1
        context = {"muniment:firm": str(mark.get("firm")), "muniment:key": "firm.json"}
        try:
            self._mac_key = self._opened("firm.json", base64.b64decode(str(mark["mac_key"])), context, is_right=False)
        except (Damaged, ValueError):
            return False
        return self._is_authentic("firm.json", found)

    def _is_authentic(self, key: str, found: Read) -> bool:
        return not self._mac_key or hmac.compare_digest(found[1].get(CODE, ""), self.code_of(key, found[0])[CODE])

    def code_of(self, key: str, body: bytes) -> dict[str, str]:
        """As metadata has it; none in a vault from before there were any."""
        code = hmac.digest(self._mac_key, f"{key}\0{hashlib.sha256(body).hexdigest()}".encode(), "sha256")
        return {CODE: code.hex()} if self._mac_key else {}

    def sealed(self, key: str, sha256: str | None = None) -> Read:
        """Plain bytes and metadata of an object that is encrypt(zstd(content))."""
        message, metadata = self.get(key, sha256)
        context = {"muniment:firm": self.firm, "muniment:key": key}
        return decompressed(key, self._opened(key, message, context, is_right=sha256 is not None)), metadata

    def _opened(self, key: str, message: bytes, context: dict[str, str], *, is_right: bool) -> bytes:
        try:
            keyring = self._keyring_for(message)
            self._refused.by_kms = None
            plain, _ = self._sdk.decrypt(source=message, keyring=keyring, encryption_context=context)
        except InvalidTag as error:
            raise Damaged(f"{self.bucket}/{key} is damaged: it is not authentic. Try the other vault.") from error
        except AWSEncryptionSDKClientError as error:
            raise self._unopened(key, error, is_right=is_right) from error
        except ValueError as error:  # a name in its header that is no UTF-8 any more
            raise Damaged(f"{self.bucket}/{key} is damaged: {error}. Try the other vault.") from error
        return bytes(plain)

    def _unopened(self, key: str, error: BaseException, *, is_right: bool) -> Failed:
        """``is_right``: its sha256 is the registered one, so it is not the object that is wrong."""
        reason = innermost(error)
        refused: ClientError | None = getattr(self._refused, "by_kms", None)
        code = refused.response.get("Error", {}).get("Code") if refused else None
        if code is not None and code not in KEY_CODES | DAMAGED_CODES:
            return Failed(f"KMS did not open {key}: {refused}. Try again; where it goes on, look the code up")
        if is_right or code in KEY_CODES:
            return Failed(f"the key cannot open {key}: {reason}. Is it this firm's, enabled, and may you kms:Decrypt?")
        return Damaged(f"{self.bucket}/{key} is damaged, or the key is another one: {reason}. Try the other vault.")


class Overheard:
    """A KMS client for the SDK, whose errors keep what KMS has said and not its code."""

    def __init__(self, client: Any, refused: threading.local) -> None:
        self._client, self._refused = client, refused

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def decrypt(self, **asked: Any) -> Any:
        try:
            return self._client.decrypt(**asked)
        except ClientError as error:
            self._refused.by_kms = error
            raise


def as_json(text: bytes) -> Register | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def is_right(found: Read, sha256: str | None) -> bool:
    return sha256 is None or hashlib.sha256(found[0]).hexdigest() == sha256


def raw_keyring(file: str, name: str) -> Any:
    """For a vault that was sealed without KMS: 32 bytes in a file."""
    providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
    settings = CreateRawAesKeyringInput(
        key_namespace="muniment",
        key_name=name,
        wrapping_key=Path(file).read_bytes(),
        wrapping_alg=AesWrappingAlg.ALG_AES256_GCM_IV12_TAG16,
    )
    return providers.create_raw_aes_keyring(settings)


def stand_in_keyring(private_key: bytes) -> Any:
    providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
    settings = CreateRawRsaKeyringInput(
        key_namespace="muniment",
        key_name=STAND_IN,
        padding_scheme=PaddingScheme.OAEP_SHA256_MGF1,
        private_key=private_key,
    )
    return providers.create_raw_rsa_keyring(settings)


def either(*keyrings: Any) -> Any:
    providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
    return providers.create_multi_keyring(CreateMultiKeyringInput(child_keyrings=list(keyrings)))


def innermost(error: BaseException) -> str:
    """The first cause in the SDK's nested error lists."""
    inner = error.args[0] if error.args else None
    if isinstance(inner, BaseException):
        return innermost(inner)
    causes = getattr(error, "list", None)
    return "; ".join(innermost(cause) for cause in causes) if causes else str(error) or type(error).__name__


def decompressed(key: str, frames: bytes) -> bytes:
    """A chunk is several zstd frames, one after the other."""
    content = []
    try:
        while frames:
            reader = zstandard.ZstdDecompressor().decompressobj()
            content.append(reader.decompress(frames))
            if not reader.eof:
                raise Damaged(f"{key} is damaged: its last zstd frame has no end. Try the other vault.")
            frames = reader.unused_data
    except zstandard.ZstdError as error:
        raise Damaged(f"{key} is damaged: {error}. Try the other vault.") from error
    return b"".join(content)


def in_order(work: Callable[[Item], Result], items: Iterable[Item], ahead: int = WORKERS) -> Iterator[Result]:
    """work(item) for each, several at once, the results in the items' order; never more than ``ahead`` in memory."""
    with ThreadPoolExecutor(ahead) as pool:
        running: deque[Future[Result]] = deque()
        try:
            for item in items:
                running.append(pool.submit(work, item))
                if len(running) >= ahead:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


# --- what is there ---


def find_point(vault: Vault, wanted: str) -> Register:
    keys = vault.keys("points/")
    if not keys:
        raise Failed(f"{vault.bucket} has no recovery point. Try the other vault.")
    if wanted == "latest":
        found = points(vault, keys)
        serving = [point for point in found if point["system_identifier"] == vault.mark["system_identifier"]]
        return newest_sound(serving or found)
    if f"points/{wanted}.json" not in keys:
        ids = [key[len("points/") : -len(".json")] for key in keys]
        raise Failed(f"there is no recovery point {wanted}; there are: {', '.join(ids)}")
    return vault.register(f"points/{wanted}.json")


def newest_documents(vault: Vault) -> str:
    """Whatever the files of its cluster are like."""
    keys = vault.keys("points/")
    if not keys:
        raise Failed(f"{vault.bucket} has no recovery point. Try the other vault.")
    return str(points(vault, keys)[-1]["documents"])


def newest_sound(those: Sequence[Register]) -> Register:
    """One that names damaged files only where its cluster has no other: WAL leads from an older one as far."""
    newest = those[-1]
    same = [each for each in those if each["system_identifier"] == newest["system_identifier"]]
    sound = [each for each in same if not is_damaged(each)] or same
    if sound[-1] is not newest:
        print(f"note: {newest['id']} names damaged files, so {sound[-1]['id']} is taken, and WAL from there on")
    return sound[-1]


def is_damaged(point: Register) -> bool:
    return any(each["what"] == "relation file" for each in (point.get("incomplete") or {"named": ()})["named"])


def points(vault: Vault, keys: Iterable[str]) -> list[Register]:
    """Oldest first. Not by their names: a run that started late is named after the hour that it was due at."""
    return sorted(in_order(vault.register, keys), key=measured)


def measured(point: Register) -> tuple[datetime, int, str]:
    high, low = point["control_totals"]["lsn"].split("/")
    taken_at = datetime.fromisoformat(point["taken_at"].replace("Z", "+00:00"))
    return taken_at, int(high, 16) << 32 | int(low, 16), point["id"]


def list_points(vault: Vault) -> None:
    print(f"{vault.bucket}: {vault.mark['role']} vault of firm {vault.firm}, cluster {vault.mark['system_identifier']}")
    for former in vault.mark.get("former", []):
        print(f"before it, until {former['until'][:19]}Z: cluster {former['system_identifier']}")
    keys = vault.keys("points/")
    for point in points(vault, keys):
        print(
            f"{point['id']}  taken {point['taken_at'][:19]}Z  {point['kind']:11}  chain of {len(point['chain'])}"
            f"  {size(point['size_bytes'])} in this backup  {point['document_count']} documents"
        )
        if point["system_identifier"] != vault.mark["system_identifier"]:
            print(f"  of cluster {point['system_identifier']}, which another one replaced")
        say_what_it_lacks(point)
    registered = {key[len("points/") : -len(".json")] for key in keys}
    for key in vault.keys("documents/snapshots/"):
        if key.rpartition("/")[2] not in registered:
            print(f"{key.rpartition('/')[2]}  documents alone: `fetch --documents DIR --point` takes this id")


def say_what_it_lacks(point: Register) -> None:
    """What that night could not read is in no vault, and no damage of this one's. Older points do not say."""
    lacking = point.get("incomplete") or {"count": 0, "named": []}
    for each in lacking["named"]:
        print(f"  not in {point['id']}: {each['what']} {each['name']!r}: {each['reason']}")
    if more := lacking["count"] - len(lacking["named"]):
        print(f"  not in {point['id']}: {more} more")


def size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 10 * 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.0f} TiB"


# --- while it is read, none of it may go ---


@contextmanager
def leased(vault: Vault, needs: Register) -> Iterator[None]:
    """Muniment's expire leaves alone what a lease names. First the lease, then a look at what is being deleted now."""
    lease_id = uuid.uuid4().hex
    key, reader = f"leases/{lease_id}.json", f"restore.py (process {os.getpid()} on {socket.gethostname()})"
    lease = {"format": FORMAT, "id": lease_id, "firm": vault.firm, "reader": reader, "needs": needs}
    body = json.dumps({**lease, "lasts_s": LEASE_LASTS_S}, indent=1).encode()
    code = {"Metadata": vault.code_of(key, body)}
    seal = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": vault.kms_key, "BucketKeyEnabled": True}
    version = None
    try:
        written = vault.s3.put_object(
            Bucket=vault.bucket, Key=key, Body=body, **code, **(seal if vault.kms_key else {})
        )
        version = written.get("VersionId", "null")
    except (ClientError, BotoCoreError) as error:
        print(f"note: Muniment cannot be told that this is read, and may delete some of it: {error}", file=sys.stderr)
    try:
        refuse_what_goes(vault, needs)
        yield
    finally:
        if version is not None:
            with suppress(ClientError, BotoCoreError):  # it ends by itself
                vault.s3.delete_object(Bucket=vault.bucket, Key=key, VersionId=version)


def refuse_what_goes(vault: Vault, needs: Register) -> None:
    """Both times are the store's own."""
    try:
        answer = vault.s3.get_object(Bucket=vault.bucket, Key="audit/expiring.json")
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in MISSING_CODES:
            return
        raise
    mark = as_json(answer["Body"].read())
    now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    if mark is None or not {"lasts_s", "deletes"} <= mark.keys():
        if now > answer["LastModified"] + MARK_LASTS + CLOCKS_DIFFER:
            return  # of an expire that was killed long ago
        raise Damaged(f"{vault.bucket}/audit/expiring.json does not say what is being deleted. Try the other vault.")
    until, deletes = answer["LastModified"] + min(timedelta(seconds=mark["lasts_s"]), MARK_LASTS), mark["deletes"]
    going = [name for kind in ("points", "backups", "snapshots") for name in needs[kind] if name in deletes[kind]]
    going += [f"WAL from {mine['first_segment']}" for mine in needs["wal"] if any_overlaps(mine, deletes["wal"])]
    if going and now <= until + CLOCKS_DIFFER:
        raise Refused(
            f"Muniment deletes what would be read: {', '.join(going)}. Take a newer point, or try again after {until}."
        )


def any_overlaps(mine: Register, others: Iterable[Register]) -> bool:
    """By position, whatever timeline."""
    return any(
        mine["system_identifier"] == each["system_identifier"]
        and mine["first_segment"][8:] <= each["last_segment"][8:]
        and each["first_segment"][8:] <= mine["last_segment"][8:]
        for each in others
    )


def needs_of_cluster(point: Register, backup: Register, wal: Sequence[str]) -> Register:
    segments = (key.rpartition("/")[2][:24] for key in wal if not key.endswith(".history"))
    names = sorted(segments, key=lambda name: name[8:])
    stretch = {
        "system_identifier": backup["system_identifier"],
        "segment_bytes": backup["wal_segment_bytes"],
        "first_segment": names[0],
        "last_segment": names[-1],
    }
    named = {"points": [point["id"]], "backups": point["chain"], "snapshots": [point["documents"]]}
    return {**named, "configs": [point["config"]], "wal": [stretch]}


# --- the cluster ---


def fetch_cluster(vault: Vault, point: Register, into: Path, *, tars: bool) -> None:
    backups = [vault.register(f"base/{backup_id}/backup.json") for backup_id in point["chain"]]
    wal = wal_keys(vault, point, backups)
    plain = sum(archive["size_bytes"] for backup in backups for archive in backup["archives"])
    needed = 2 * plain + len(wal) * backups[-1]["wal_segment_bytes"]
    require_space(into, needed)
    with leased(vault, needs_of_cluster(point, backups[-1], wal)):
        fetch_parts(vault, point, backups, wal, into, tars=tars)


def fetch_parts(
    vault: Vault, point: Register, backups: Sequence[Register], wal: Sequence[str], into: Path, *, tars: bool
) -> None:
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    folders = []
    for number, backup in enumerate(backups, 1):
        folder = into / "backups" / f"{number}-{backup['kind']}-{backup['id']}"
        print(f"{backup['kind']} backup {backup['id']}: {size(sum(a['size_bytes'] for a in backup['archives']))}")
        fetch_backup(vault, backup, folder, tars=tars)
        folders.append(folder)
    print(f"WAL: {len(wal)} files")
    fetch_wal(vault, wal, into / "wal")
    write_private(into / "config.json", vault.sealed(f"config/{point['config']}")[0])
    write_private(into / "point.json", json.dumps(point, indent=1).encode())
    say_what_it_lacks(point)
    if not tars:
        write_finish(into, backups, folders, timeline_to_follow(vault, point, backups[-1], wal))


def fetch_backup(vault: Vault, backup: Register, folder: Path, *, tars: bool) -> None:
    folder.mkdir(mode=0o700, parents=True)
    for archive in backup["archives"]:
        if not re.fullmatch(r"base|\d+", archive["name"]):
            raise Damaged(f"backup {backup['id']} names an archive {archive['name']!r}")
        at_once = max(2, min(WORKERS, MOST_BYTES // backup["slice_bytes"]))
        slices = in_order(partial(fetch_chunk, vault), archive["chunks"], at_once)
        if tars:
            write_tar(folder / f"{archive['name']}.tar", slices)
        else:
            extract(slices, folder_of(archive, folder))
    manifest = backup["manifest"]
    (folder / "backup_manifest").write_bytes(vault.sealed(manifest["key"], manifest["sha256"])[0])
    if not tars:
        link_tablespaces(backup, folder)


def folder_of(archive: Register, folder: Path) -> Path:
    return folder if archive["name"] == "base" else tablespaces_of(folder) / str(archive["name"])


def tablespaces_of(folder: Path) -> Path:
    return folder.with_name(folder.name + "-tablespaces")


def fetch_chunk(vault: Vault, chunk: Register) -> bytes:
    plain, _ = vault.sealed(chunk["key"], chunk["sha256"])
    if len(plain) != chunk["size_bytes"]:
        raise Damaged(f"{chunk['key']} holds {len(plain)} bytes, its register says {chunk['size_bytes']}")
    return plain


def write_tar(path: Path, slices: Iterable[bytes]) -> None:
    with path.open("xb") as file:
        for plain in slices:
            file.write(plain)


class Joined:
    """The slices of one tar, read as one stream."""

    def __init__(self, slices: Iterable[bytes]) -> None:
        self._slices, self._rest = iter(slices), memoryview(b"")

    def read(self, count: int) -> bytes:
        """At most ``count`` bytes: all of them unless the stream ends."""
        parts = []
        while count > 0 and self._fill():
            part = self._rest[:count]
            self._rest = self._rest[len(part) :]
            count -= len(part)
            parts.append(part)
        return b"".join(parts)

    def _fill(self) -> bool:
        while not self._rest:
            following = next(self._slices, None)
            if following is None:
                return False
            self._rest = memoryview(following)
        return True


def extract(slices: Iterable[bytes], folder: Path) -> None:
    """Files and folders below ``folder``; PostgreSQL sends nothing else but the links of its tablespaces."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stream: Any = Joined(slices)
    with tarfile.open(fileobj=stream, mode="r|", bufsize=1024 * 1024) as tar:
        for member in tar:
            if not (member.issym() and member.name.startswith("pg_tblspc/")):
                extract_member(tar, member, folder)


def extract_member(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    parts = [part for part in member.name.split("/") if part not in ("", ".")]
    if ".." in parts or member.name.startswith("/") or not (member.isdir() or member.isreg()):
        raise Refused(f"the backup has a member {member.name!r} that does not belong into a data directory")
    path = folder.joinpath(*parts)
    if member.isdir():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    source: Any = tar.extractfile(member)
    with path.open("xb") as file:
        shutil.copyfileobj(source, file, 1024 * 1024)
    path.chmod(member.mode & 0o750)


def link_tablespaces(backup: Register, folder: Path) -> None:
    """Links replace tablespace_map, whose locations are those of the firm's own server."""
    (folder / "tablespace_map").unlink(missing_ok=True)
    for archive in backup["archives"]:
        if archive["name"] != "base":
            (folder / "pg_tblspc").mkdir(mode=0o700, exist_ok=True)
            (folder / "pg_tblspc" / archive["name"]).symlink_to(tablespaces_of(folder).resolve() / archive["name"])


# --- WAL ---


def segment_position(lsn: str, segment_bytes: int) -> str:
    """The sixteen digits of a segment's name that tell where it lies: they sort as positions do."""
    number, each_id = position(lsn) // segment_bytes, 0x100000000 // segment_bytes
    return f"{number // each_id:08X}{number % each_id:08X}"


def next_position(position: str, segment_bytes: int) -> str:
    each_id = 0x100000000 // segment_bytes
    number = int(position[:8], 16) * each_id + int(position[8:], 16) + 1
    return f"{number // each_id:08X}{number % each_id:08X}"


def wal_keys(vault: Vault, point: Register, backups: Sequence[Register]) -> list[str]:
    """Everything from the backup's first segment to the end of the archive, on whichever timeline."""
    backup, last = backups[-1], point["wal"]["last_segment"][8:]
    first = min(segment_position(backup["start_lsn"], backup["wal_segment_bytes"]), point["wal"]["first_segment"][8:])
    names = {key.rpartition("/")[2]: key for key in vault.keys(f"wal/{backup['system_identifier']}/")}
    names = {name: key for name, key in names.items() if WAL_NAME.fullmatch(name)}
    there = {name[8:] for name in names if len(name) == 24}
    missing, position = [], first
    while position <= last:
        if position not in there:
            missing.append(position)
        position = next_position(position, backup["wal_segment_bytes"])
    if missing:
        raise Damaged(f"WAL segments are missing at {', '.join(missing)}. Try the other vault.")
    return [key for name, key in sorted(names.items()) if name.endswith(".history") or name[8:24] >= first]


def fetch_wal(vault: Vault, keys: Iterable[str], folder: Path) -> None:
    folder.mkdir(mode=0o700)
    for key, plain in in_order(lambda key: (key, wal_file(vault, key)), keys):
        (folder / key.rpartition("/")[2]).write_bytes(plain)
    for oid, location in sorted(empty_locations(folder)):
        print(f"tablespace {oid}: {location} in production, made in data/pg_tblspc/{oid} here")


def wal_file(vault: Vault, key: str) -> bytes:
    plain, metadata = vault.sealed(key)
    expected = metadata.get("sha256")
    if expected and hashlib.sha256(plain).hexdigest() != expected:
        raise Damaged(f"{key} is damaged: its contents are not those that were archived. Try the other vault.")
    return plain


# --- tablespaces that the WAL makes ---
#
# The record of CREATE TABLESPACE holds the absolute path of the firm's own server, and its replay makes pg_tblspc/<oid>
# a link to that path: on the firm's host that is where the live cluster has its files. Where the path is empty,
# PostgreSQL makes a folder pg_tblspc/<oid> instead. So each path is emptied: zeros of the same length, and the record's
# CRC-32C anew. Pages have headers between a record's bytes; a record may go on in the next segment.

# xl_rmid 5 and its padding, xl_crc; perhaps an origin and the outer transaction; the data's length; the OID, the path
CREATION = re.compile(rb"\x05\x00\x00.{4}(?:\xfd..)?(?:\xfc.{4})?(?:\xff.|\xfe.{4})(.{4})/", re.DOTALL)
LENGTHS = range(32, 24 + 3 + 5 + 5 + 4 + 1024 + 1)


def empty_locations(folder: Path) -> set[tuple[int, str]]:
    """In every segment of ``folder``. All is looked at before anything is changed: timelines share their segments."""
    segments = sorted(path for path in folder.iterdir() if len(path.name) == 24)
    at_position: dict[str, list[Path]] = {}
    for path in segments:
        at_position.setdefault(path.name[8:], []).append(path)
    found = [each for path in segments for each in creations(path.read_bytes(), [(path, 0)])]
    for path in segments:
        for behind in at_position.get(next_position(path.name[8:], path.stat().st_size), ()):
            there = path.stat().st_size - PAGE
            pages = part_of(path, there) + part_of(behind, 0)
            found += creations(pages, [(path, there), (behind, 0)])
    for _, _, changes in found:
        for path, offset, content in changes:
            with path.open("r+b") as file:
                file.seek(offset)
                file.write(content)
    return {(oid, location) for oid, location, _ in found}


def part_of(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(PAGE)


def creations(raw: bytes, places: Sequence[tuple[Path, int]]) -> Iterator[tuple[int, str, list[Change]]]:
    """OID, location, and what empties it. ``raw``: one file, or a page of each of two, which begin at ``places``."""
    stream, begins = pages_of(raw)
    for match in CREATION.finditer(stream):
        start = match.start() - 17
        length = int.from_bytes(stream[start : start + 4], "little") if start >= 0 else 0
        record, path_at = stream[start : start + length], match.end() - 1 - start
        if length not in LENGTHS or record != with_crc(record) or not begins_at(raw, stream, begins, start):
            continue
        changes, left = [], with_crc(record[:path_at] + bytes(length - path_at))
        while left:
            at = start + length - len(left)
            page = bisect_right(begins, at) - 1
            content = left[: PAGE - header_bytes(raw, page) - (at - begins[page])]
            path, offset = places[page] if len(places) > 1 else (places[0][0], page * PAGE)
            changes.append((path, offset + header_bytes(raw, page) + at - begins[page], content))
            left = left[len(content) :]
        yield int.from_bytes(match[1], "little"), record[path_at:].split(b"\0")[0].decode(errors="replace"), changes


def pages_of(raw: bytes) -> tuple[bytes, list[int]]:
    """The pages' contents as one stream, and where each page begins in it."""
    parts = [raw[page * PAGE + header_bytes(raw, page) : (page + 1) * PAGE] for page in range(len(raw) // PAGE)]
    return b"".join(parts), [0, *accumulate(map(len, parts))][:-1]


def header_bytes(raw: bytes, page: int) -> int:
    return 40 if raw[page * PAGE + 2] & 2 else 24


def begins_at(raw: bytes, stream: bytes, begins: Sequence[int], start: int) -> bool:
    """From record to record on its page: a row may hold what looks like a record."""
    page = bisect_right(begins, start) - 1
    at = begins[page] + aligned(int.from_bytes(raw[page * PAGE + 16 : page * PAGE + 20], "little"))
    while at < start:
        at += max(24, aligned(int.from_bytes(stream[at : at + 4], "little")))
    return at == start


def aligned(length: int) -> int:
    return -(-length // 8) * 8


def with_crc(record: bytes) -> bytes:
    """Of what is behind the record's header, then of the header."""
    return record[:20] + crc32c(record[24:] + record[:20]).to_bytes(4, "little") + record[24:]


def crc32c(content: bytes) -> int:
    checksum = 0xFFFFFFFF
    for byte in content:
        checksum ^= byte
        for _ in range(8):
            checksum = checksum >> 1 ^ (0x82F63B78 if checksum & 1 else 0)
    return checksum ^ 0xFFFFFFFF


def timeline_to_follow(vault: Vault, point: Register, backup: Register, wal: Iterable[str]) -> int:
    """Where the cluster was seen last, if history leads there from the backup; else the point's own timeline.

    Not PostgreSQL's 'latest': when a restore that had gone live was undone, the largest number is the abandoned one.
    """
    files = {key.rpartition("/")[2]: key for key in wal}
    newest = {name[:8]: key for name, key in sorted(files.items()) if len(name) == 24}
    seen = {line: written_at(vault, key) for line, key in newest.items()}
    for back in ways_back(vault):
        if back["timeline"] and served(vault, instant(back["ended_at"])) == backup["system_identifier"]:
            line = f"{back['timeline']:08X}"
            seen[line] = max(seen.get(line, EARLIEST), instant(back["ended_at"]))
    last = max(seen, key=lambda line: (seen[line], line))
    own = f"{backup['stop_timeline']:08X}"
    history = files.get(f"{last}.history")
    if last != own and not (history and passes(vault.sealed(history)[0].decode(), backup)):
        return int(point["wal"]["timeline"])
    return int(last, 16)


def served(vault: Vault, at: datetime) -> int:
    """Which cluster was the firm's then: another one may have been adopted since."""
    former = (each for each in vault.mark.get("former", []) if at < instant(each["until"]))
    return int(next(former, vault.mark)["system_identifier"])


def ways_back(vault: Vault) -> Iterator[Register]:
    """A damaged record stops no restore: WAL tells the same once the cluster has archived again."""
    for key in vault.keys("restores/"):
        if key.endswith(".rolled-back.json"):
            try:
                yield vault.register(key)
            except Damaged as damage:
                print(f"note: {damage}", file=sys.stderr)


def passes(history: str, backup: Register) -> bool:
    """Whether a timeline's history, a line ``<parent> <LSN> <reason>`` each, has the backup's end in it."""
    lines = (line.split() for line in history.splitlines() if line.strip() and not line.startswith("#"))
    left_at = {int(parent): position(lsn) for parent, lsn, *_ in lines}
    return left_at.get(backup["stop_timeline"], -1) >= position(backup["stop_lsn"])


def position(lsn: str) -> int:
    high, low = (int(half, 16) for half in lsn.split("/"))
    return (high << 32) + low


EARLIEST = datetime.fromisoformat("0001-01-01T00:00:00+00:00")  # datetime.UTC is younger than Python 3.10


def written_at(vault: Vault, key: str) -> datetime:
    """When the server wrote to this segment last."""
    told = vault.sealed(key)[1].get("written-at")
    return instant(told) if told else EARLIEST


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


# --- what PostgreSQL's programs do then ---

SETTINGS = """\
# A restored copy that cannot hurt anyone: it archives nothing, subscribes to nothing and listens to nobody outside.
# The firm's own settings are beside it: postgresql.conf.live, postgresql.auto.conf.live, pg_hba.conf.live.
listen_addresses = ''
archive_mode = off
hot_standby = off
max_logical_replication_workers = 0
shared_buffers = '128MB'
# Nothing is left in /dev/shm, and what the WAL tells of replication has room: more origins than this there cannot be.
dynamic_shared_memory_type = 'mmap'
{origins} = 65535
restore_command = {restore_command}
allow_in_place_tablespaces = on
recovery_target_timeline = {timeline}
# To stop earlier, give ONE of these before the first start (times with their zone):
# recovery_target_time = '2026-11-20 14:30:00+00'
# recovery_target_lsn = '0/3000060'
# recovery_target_inclusive = off
# recovery_target_action = 'promote'
# RESTORE.md tells whether the firm's server loads libraries at its start:
# shared_preload_libraries = ''
"""
FINISH = """\
#!/bin/sh
# Made by restore.py: from here on PostgreSQL {major}'s own programs do the work.
# Run it as the user that the server will run as (never root), with the folder of PostgreSQL's programs:
#     sh finish.sh /usr/lib/postgresql/{major}/bin
set -eu
bin=$(cd -- "${{1:?the folder of the programs of PostgreSQL {major}}}" && pwd)
cd -- "$(dirname -- "$0")"
here=$(pwd)
case $("$bin/postgres" --version) in
*" {major}."* | *" {major}"[a-z]*) ;;
*) echo "this backup wants PostgreSQL {major}, $bin has $("$bin/postgres" --version)" >&2 && exit 1 ;;
esac

# 1. Every file is what PostgreSQL's own manifest says.
{verify}

# 2. One data directory.
{combine}

# 3. Settings of its own, so that nothing of production is reached.
for file in postgresql.conf postgresql.auto.conf pg_hba.conf; do
    if [ -e "data/$file" ]; then mv "data/$file" "data/$file.live"; fi
done
rm -f data/standby.signal data/postmaster.pid
cp staging.conf data/postgresql.conf
echo 'local all all trust' >data/pg_hba.conf
: >data/recovery.signal
socket=$(mktemp -d "${{TMPDIR:-/tmp}}/restored-XXXXXX") # nobody else may enter it
echo "unix_socket_directories = '$socket'" >>data/postgresql.conf
# As much room as the firm's own server had, as pg_control tells: transactions that wait for their second phase need
# their places and their locks, WAL its two segments, and the times of commits their files.
told() {{ LC_ALL=C "$bin/pg_controldata" data | sed -n "s/^$1: *//p"; }}
larger() {{ echo $(($1 > $2 ? $1 : $2)); }}
segments=$(($(told 'Bytes per WAL segment') / 524288)) # two of them, in MiB
cat >>data/postgresql.conf <<END
max_connections = $(larger "$(told 'max_connections setting')" 100)
max_worker_processes = $(larger "$(told 'max_worker_processes setting')" 8)
max_prepared_transactions = $(larger "$(told 'max_prepared_xacts setting')" 1000)
max_locks_per_transaction = $(larger "$(told 'max_locks_per_xact setting')" 64)
min_wal_size = $(larger $segments 80)MB
max_wal_size = $(larger $segments 1024)MB
track_commit_timestamp = $(told 'track_commit_timestamp setting')
END
sync

quoted() {{ printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\\\\\''/g")"; }}
start="$(quoted "$bin/pg_ctl") -D $(quoted "$here/data") -l $(quoted "$here/server.log") -w -t 3600 start"
printf 'ready. Start it:    %s\\n' "$start"
echo "Then look inside:   psql -h $socket -U postgres -d template1 -l"
"""
BLANK_MAPS = """\
# A visibility map that an increment holds in part may be stale (PostgreSQL 17 before 17.12; 18, at least up to 18.6):
# index-only scans would return deleted rows. Where no bit of it is set PostgreSQL reads the rows, and VACUUM sets them.
for increment in {increments}; do
    (cd "$increment" && find -L . -name 'INCREMENTAL.*_vm' -exec sh -c '
        for part; do
            map=$0/data/${{part%/*}}/${{part##*INCREMENTAL.}}
            if [ -e "$map" ]; then head -c "$(wc -c <"$map")" "$0/blank_map" >"$map"; fi
            rm -f "$map".[0-9]*
        done' "$here" {{}} +)
done"""


def write_finish(into: Path, backups: Sequence[Register], folders: Sequence[Path], timeline: int) -> None:
    copy = f"cp {shlex.quote(str((into / 'wal').resolve()).replace('%', '%%'))}/%f %p"
    quoted = copy.replace("\\", "\\\\").replace("'", "''")
    major = backups[-1]["server_version"] // 10000
    origins = "max_active_replication_origins" if major >= 18 else "max_replication_slots"
    settings = SETTINGS.format(restore_command=f"'{quoted}'", timeline=timeline, origins=origins)
    (into / "staging.conf").write_text(settings)
    names = [shlex.quote(str(folder.relative_to(into))) for folder in folders]
    verify = [f'"$bin/pg_verifybackup" --no-parse-wal --ignore=tablespace_map {name}' for name in names]
    script = FINISH.format(
        major=major,
        verify="\n".join(verify),
        combine=combine_command(backups, folders, names),
    )
    (into / "finish.sh").write_text(script)
    if len(backups) > 1:
        write_blank_map(into, backups, folders[0])


def combine_command(backups: Sequence[Register], folders: Sequence[Path], names: Sequence[str]) -> str:
    if len(backups) == 1:
        return f"mv {names[0]} data"
    made = [archive["name"] for archive in backups[-1]["archives"] if archive["name"] != "base"]
    mappings = [
        f" --tablespace-mapping={shlex.quote(f'{tablespaces_of(folders[-1]).resolve()}/{oid}')}="
        f'"$here/tablespaces/{oid}"'
        for oid in made
    ]
    # Without a manifest: it would tell of the maps as they were.
    combined = f'"$bin/pg_combinebackup" --no-manifest {" ".join(names)} -o data{"".join(mappings)}'
    return f"{combined}\n{BLANK_MAPS.format(increments=' '.join(names[1:]))}"


def write_blank_map(into: Path, backups: Sequence[Register], full: Path) -> None:
    """A visibility map without a bit, at least as long as the longest of the chain: finish.sh cuts each from it.

    Empty, so that PostgreSQL makes the maps anew from their first block, where pages are not as nearly every server's.
    """
    kinds = {first_bytes(path)[18:20] for path in full.rglob("[0-9]*_vm")}
    bytes_of_tables = sum(archive["size_bytes"] for backup in backups for archive in backup["archives"])
    pages = 2 + bytes_of_tables // BYTES_A_MAP_PAGE if kinds <= {b"", b"\0\0", b"\x04\x20"} else 0
    with (into / "blank_map").open("xb") as file:
        for number in range(pages):
            # Checksum of an empty page, its number mixed in; then where its free space lies, its size and its version.
            checksum = (0x0302625D ^ number) % 65535 + 1
            header = struct.pack("<QHHHHHHI", 0, checksum, 0, 24, PAGE, PAGE, PAGE | 4, 0)
            file.write(header.ljust(PAGE, b"\0"))


def first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(24)


# --- documents ---


def fetch_documents(vault: Vault, snapshot_id: str, into: Path) -> None:
    with leased(vault, {"points": [], "backups": [], "snapshots": [snapshot_id], "configs": [], "wal": []}):
        fetch_snapshot(vault, snapshot_id, into)


def fetch_snapshot(vault: Vault, snapshot_id: str, into: Path) -> None:
    snapshot = json.loads(vault.sealed(f"documents/snapshots/{snapshot_id}")[0])
    documents = snapshot["documents"]
    require_space(into, sum(document["size_bytes"] for document in documents))
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    print(f"documents of {snapshot['taken_at']}: {len(documents)}")
    names = file_names((document["bucket"], document["key"]) for document in documents)
    written = list(in_order(partial(fetch_document, vault, into), zip(documents, names, strict=True)))
    if unsure := [document["key"] for document in written if not document["is_checked"]]:
        print(f"note: of {len(unsure)} documents S3 keeps no checksum of the whole: only their size was compared")
    unread = [document for document in snapshot.get("unread", []) if document["is_current"]]
    for document in unread:
        print(f"  could not be read that night, and is not among them: {document['key']!r}: {document['reason']}")
    told = {"snapshot": snapshot["id"], "firm": vault.firm, "taken_at": snapshot["taken_at"]}
    manifest = {**told, "documents": written, "unread": unread}
    (into / "documents.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False), "utf-8")


def file_names(keys: Iterable[tuple[str, str]]) -> Iterator[str]:
    """A path below the folder for each (bucket, key), readable where it can be, and no two alike on any file system."""
    files: set[str] = {"documents.json"}
    folders: set[str] = set()
    for bucket, key in keys:
        parts = [safe_name(bucket), *(safe_name(part) for part in key.split("/"))]
        folded = unicodedata.normalize("NFKC", "/".join(parts)).casefold()
        above = {folded.rsplit("/", depth)[0] for depth in range(1, len(parts))}
        if folded in files or folded in folders or above & files:
            digest = hashlib.sha256(f"{bucket}\0{key}".encode()).hexdigest()
            parts = ["%same-name", digest[:2], digest]
            folded, above = "/".join(parts), {"%same-name", f"%same-name/{digest[:2]}"}
        files.add(folded)
        folders |= above
        yield "/".join(parts)


def safe_name(part: str) -> str:
    """One name for one path part: a percent sign and the code stand for what a file system could misread."""
    name = UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", part) or "%"
    if len(name.encode("utf-8", "surrogatepass")) > LONGEST_NAME:
        digest = hashlib.sha256(part.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        name = name.encode("utf-8", "surrogatepass")[: LONGEST_NAME - 20].decode("utf-8", "ignore") + f"%{digest}"
    return name


def fetch_document(vault: Vault, into: Path, named: tuple[Register, str]) -> Register:
    """Straight to disk, checked against the snapshot; what documents.json says of it."""
    document, name = named
    path = into.joinpath(*name.split("/"))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The older versions are asked, and listed, only where the current one is not proven to be right.
    for version in chain((None,), vault.versions(document["object"])):
        found = download(vault, document, version, path)
        if found and found["is_checked"]:
            return {**found, "file": name}
    if document["sha256"] is None and (found := download(vault, document, None, path)):
        return {**found, "file": name}
    path.unlink(missing_ok=True)
    raise Damaged(f"document {document['key']!r} ({document['object']}) is missing or damaged. Try the other vault.")


def download(vault: Vault, document: Register, version: str | None, path: Path) -> Register | None:
    """``None`` where it is not there or has another size. Without a sha256, an ETag may be the MD5 of the bytes."""
    which = {"VersionId": version} if version else {}
    try:
        body = vault.s3.get_object(Bucket=vault.bucket, Key=document["object"], **which)["Body"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in MISSING_CODES:
            return None
        raise
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("wb") as file:
        for part in body.iter_chunks(1024 * 1024):
            sha256.update(part)
            md5.update(part)
            file.write(part)
    if path.stat().st_size != document["size_bytes"]:
        return None
    is_checked = document["sha256"] == sha256.hexdigest() or (
        document["sha256"] is None and document["etag"].strip('"') == md5.hexdigest()
    )
    kept = {field: document[field] for field in ("bucket", "key", "version_id", "size_bytes", "modified_at")}
    return {**kept, "sha256": sha256.hexdigest(), "is_checked": is_checked}


# --- this machine ---


def require_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"{folder} is not empty: name an empty or a new folder")


def require_space(folder: Path, needed: int) -> None:
    there = next(parent for parent in (folder, *folder.resolve().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise Failed(f"no space in {folder}: {size(needed)} needed, {size(free)} free")


def write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


# --- the command ---


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="restore.py", description="Gets a firm's data out of its vault.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, told in (("list", "the recovery points of the vault"), ("fetch", "database, documents, configuration")):
        command = commands.add_parser(name, help=told)
        command.add_argument("--bucket", required=True, help="the primary or the replica vault")
        command.add_argument("--region", required=True, help="the bucket's region")
        command.add_argument("--kms-key", help="ARN of the vault's own key (default: the key of its firm.json)")
        command.add_argument("--endpoint-url", help="of an S3 that is not Amazon's; KMS is asked there too")
        command.add_argument("--raw-key", help="file with the 32-byte key of a vault without KMS")
        command.add_argument("--raw-key-name", default="local", help="that key's name (default: local)")
        command.add_argument(
            "--unproven", action="store_true", help="take registers that nothing shows to be the firm's"
        )
        if name == "fetch":
            command.add_argument("--point", default="latest", help="id of a recovery point (default: latest)")
            command.add_argument("--into", type=Path, help="empty folder for the database and the configuration")
            command.add_argument("--documents", type=Path, help="empty folder for the documents")
            command.add_argument("--tars", action="store_true", help="leave plain tars, extract nothing")
    return parser.parse_args(argv)


def run(asked: argparse.Namespace) -> None:
    raw_key = (asked.raw_key, asked.raw_key_name) if asked.raw_key else None
    vault = Vault(asked.bucket, asked.region, asked.kms_key, asked.endpoint_url, raw_key, takes_unproven=asked.unproven)
    if asked.command == "list":
        list_points(vault)
        return
    if not (asked.into or asked.documents):
        raise Failed("say what to fetch: --into DIR for the database, --documents DIR for the documents, or both")
    for folder in filter(None, (asked.into, asked.documents)):
        require_empty(folder)
    if asked.into:
        point = find_point(vault, asked.point)
        fetch_cluster(vault, point, asked.into, tars=asked.tars)
    if asked.documents:
        snapshot = newest_documents(vault) if asked.point == "latest" else asked.point
        fetch_documents(vault, snapshot, asked.documents)
    os.sync()
    if asked.into and not asked.tars:
        print(f"next, as the user that PostgreSQL runs as: sh {asked.into / 'finish.sh'} FOLDER_OF_POSTGRESQL_PROGRAMS")


def main(argv: Sequence[str] | None = None) -> int:
    # The SDK prints a traceback for each message that does not decrypt; we say it once.
    logging.getLogger("aws_encryption_sdk").setLevel(logging.CRITICAL)
    try:
        run(arguments(argv))
    except Failed as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except (ClientError, BotoCoreError) as error:
        print(f"error: AWS refused or did not answer: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
