"""Who may do what in the demonstration's cloud: IAM users that have a file of docs/iam/ and nothing else."""

import json
from typing import Any

from muniment.adapters.aws.iam_policies import firm_values, render
from muniment.adapters.site.logins import Login
from muniment.domain.firm.firm import Firm
from muniment_demo.cloud import Cloud
from muniment_demo.world import PROJECT, PUT_BACK

ACCOUNT = "000000000000"
WATCH = "muniment-watch"
"""The IAM user that looks at every firm."""
WAL_PUSH = "wal-push"
OWN_LOGINS = (WAL_PUSH, "restore", PUT_BACK)
"""Files of docs/iam/ for which each firm has a user beside its own."""


def user_of(firm_id: str, policy: str) -> str:
    return f"{firm_id}-{policy}"


def aws_login(cloud: Cloud, endpoint_url: str, firm: Firm, user: str, policy: str) -> Login:
    """A new IAM user under that file of docs/iam/, as the firm's AWS connection."""
    key = cloud.create_user(user, iam_policy(policy, firm))
    where = {"endpoint_url": endpoint_url, "region_name": firm.vaults.primary.region}
    return Login(firm.aws_connection, user=key.access_key_id, password=key.secret_access_key, extra=where)


def may_watch(cloud: Cloud, firm: Firm) -> None:
    cloud.client("iam").put_user_policy(
        UserName=WATCH, PolicyName=firm.id, PolicyDocument=json.dumps(_watch_policy(firm))
    )


def withdraw_wal_push(cloud: Cloud, firm: Firm) -> str:
    """The server's own login to the vault may write nothing any more: archive_command fails with S3's own word.

    Returns the user's name.
    """
    user = user_of(firm.id, WAL_PUSH)
    cloud.client("iam").delete_user_policy(UserName=user, PolicyName=user)
    return user


def grant_wal_push(cloud: Cloud, firm: Firm) -> str:
    """Returns the user's name."""
    user, policy = user_of(firm.id, WAL_PUSH), json.dumps(iam_policy(WAL_PUSH, firm))
    cloud.client("iam").put_user_policy(UserName=user, PolicyName=user, PolicyDocument=policy)
    return user


def iam_policy(name: str, firm: Firm) -> dict[str, Any]:
    return render((PROJECT / "docs" / "iam" / f"{name}.json").read_text(), firm_values(firm, ACCOUNT))


def _watch_policy(firm: Firm) -> dict[str, Any]:
    """Without what ministack tells no policy: the encryption context of a request to KMS, and through whom it comes.
    tests/runbooks/watch/test_watch_rights.py puts each request before the whole file."""
    policy = iam_policy("watch", firm)
    for statement in policy["Statement"]:
        statement.pop("Condition", None)
    return policy
