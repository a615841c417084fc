"""Who may read what RESTORE.md says, and nothing else."""

from muniment.adapters.site.site import Site
from muniment_demo.cloud import Cloud, Credentials


def reader_of(cloud: Cloud, site: Site) -> Credentials:
    """May open what RESTORE.md says and one vault alone: the replica's, with its own key."""
    place = site.firm.vaults.replica
    bucket = f"arn:aws:s3:::{place.bucket}"
    statements = [
        {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:ListBucketVersions"], "Resource": bucket},
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion"], "Resource": f"{bucket}/*"},
        {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": place.kms_key},
    ]
    return cloud.create_user(f"{site.firm.id}-stressed", {"Version": "2012-10-17", "Statement": statements})
