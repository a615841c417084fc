"""A firm with a signing key."""

import json

from muniment.adapters.site.site import Site
from muniment_demo.cloud import Cloud
from tests.fixtures.sites import iam_policy, with_firm


def with_signing_key(cloud: Cloud, site: Site) -> Site:
    made = cloud.client("kms", "us-east-1").create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")
    signing = with_firm(site, signing_key=made["KeyMetadata"]["Arn"])
    cloud.client("iam").put_user_policy(
        UserName=site.firm.id, PolicyName="firm", PolicyDocument=json.dumps(iam_policy("muniment-firm", signing.firm))
    )
    return signing
