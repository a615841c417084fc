"""The S3 below a vault, for what only a test does: look at it, break it, put another client in its place."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from muniment.adapters.documents.source_bucket import SourceBucket
from muniment.adapters.store.s3 import S3Store
from muniment.adapters.vault.vault import Vault

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def store_of(vault: Vault | SourceBucket) -> S3Store:
    assert isinstance(vault.store, S3Store)
    return vault.store


def s3_of(vault: Vault | SourceBucket) -> "S3Client":
    return store_of(vault).s3


def with_store(vault: Vault, **fields: Any) -> Vault:
    """The same vault with another client, another bucket, another lock mode below it."""
    return replace(vault, store=replace(store_of(vault), **fields))


def impatient(endpoint_url: str, region: str = "us-east-1", **options: Any) -> Any:
    """A client of root's that tries once: botocore's own retries would take most of a minute."""
    config = Config(s3={"addressing_style": "path"}, retries={"mode": "standard", "total_max_attempts": 1}, **options)
    session = boto3.session.Session("test", "test")
    return session.client("s3", region_name=region, endpoint_url=endpoint_url, config=config)
