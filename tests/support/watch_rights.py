"""The watch's own rights, as docs/iam/watch.json gives them: on this server, and by its evaluator where it is blind."""

import json
from copy import deepcopy
from typing import Any

from botocore.awsrequest import AWSResponse
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from muniment.adapters.site.logins import Login
from muniment.adapters.site.site import Site, build_site
from muniment.domain.firm.firm import Firm
from muniment_demo.cloud import Cloud
from tests.fixtures.sites import ACCOUNT, iam_policy


def watching(cloud: Cloud, site: Site, *, without: tuple[str, ...] = ()) -> Site:
    """The same site as the user of the file; ``without`` the resources that end so.

    The server tells no policy the encryption context of a request to KMS. So it enforces the file without those
    conditions, and each request is put before the whole file on its way: what the file refuses gets no further.
    """
    name = "-".join(("watch", *(each.strip("/*") for each in without)))
    user = cloud.create_user(f"{site.firm.id}-{name}", _blind(iam_policy("watch", site.firm), without))
    clients = Login(
        id="watch",
        user=user.access_key_id,
        password=user.secret_access_key,
        extra={"endpoint_url": cloud.endpoint_url, "region_name": "us-east-1"},
    ).clients()
    for place in (site.firm.vaults.primary, site.firm.vaults.replica):
        clients("kms", place.region).meta.events.register("before-call.kms", _Gate(site.firm, place.region))
    return build_site(site.firm, site.postgres.conninfo, clients)


def _blind(policy: dict[str, Any], without: tuple[str, ...]) -> dict[str, Any]:
    found = deepcopy(policy)
    for statement in found["Statement"]:
        statement.pop("Condition", None)
        statement["Resource"] = [each for each in statement["Resource"] if not each.endswith(without)]
    return found


class _Gate:
    """As KMS has it: the condition keys are those of the request's encryption context."""

    def __init__(self, firm: Firm, region: str) -> None:
        self._statements = parse_policy_document(iam_policy("watch", firm))
        self._region = region

    def __call__(self, model: Any, params: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
        asked = json.loads(params["body"])
        context = EvalContext(
            principal_arn=f"arn:aws:iam::{ACCOUNT}:user/watch",
            principal_type="User",
            principal_account=ACCOUNT,
            action=f"kms:{model.name}",
            resource_arn=asked["KeyId"],
            region=self._region,
            service_context={
                f"kms:encryptioncontext:{name}".lower(): value
                for name, value in asked.get("EncryptionContext", {}).items()
            },
        )
        if evaluate(context, [self._statements]).decision == "Allow":
            return None
        answer = {"Error": {"Code": "AccessDeniedException", "Message": "watch.json"}}
        return AWSResponse("", 400, {}, None), {**answer, "ResponseMetadata": {"HTTPStatusCode": 400}}
