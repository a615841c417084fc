"""The vaults that are kept: what an earlier version wrote, brought back into an S3."""

import json
from pathlib import Path
from uuid import uuid4

from muniment_demo.cloud import Cloud

GOLDEN = Path(__file__).parent
# No secret: 32 bytes that everybody may know, in place of a firm's two KMS keys.
KEY = bytes(range(32))
KEY_NAME = "golden"
REGION = "us-east-1"


def upload(cloud: Cloud, name: str) -> str:
    """The bucket that now holds it."""
    folder, bucket, s3 = GOLDEN / name, f"{name}-{uuid4().hex[:8]}", cloud.client("s3", REGION)
    metadata = json.loads((folder / "metadata.json").read_text())
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for file in sorted(path for path in (folder / "objects").rglob("*") if path.is_file()):
        key = file.relative_to(folder / "objects").as_posix()
        s3.put_object(Bucket=bucket, Key=key, Body=file.read_bytes(), Metadata=metadata.get(key, {}))
    return bucket
