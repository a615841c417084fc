"""IAM and bucket policies: the files of docs/iam/ with a firm's own names in place of their ``${placeholders}``."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from muniment.domain.firm.firm import Firm

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
_BUCKET_POLICY = Path(__file__).with_name("vault_bucket_policy.json")

type Values = Mapping[str, str | Sequence[str]]


def vault_bucket_policy(bucket: str, kms_key: str) -> dict[str, Any]:
    """What every vault refuses, whoever asks; docs/iam/vault-bucket-policy.json is the same file."""
    return render(_BUCKET_POLICY.read_text(), {"bucket": bucket, "key": kms_key})


def firm_values(firm: Firm, account: str) -> dict[str, str | Sequence[str]]:
    """What the placeholders of docs/iam/ stand for, for one firm in one AWS account."""
    primary, replica = firm.vaults.primary, firm.vaults.replica
    pushed_to = (primary, replica) if firm.policy.pushes_to_both else (primary,)
    return {
        "firm": firm.id,
        "account": account,
        "vault": (primary.bucket, replica.bucket),
        "primary_vault": primary.bucket,
        "pushed_vault": tuple(place.bucket for place in pushed_to),
        "pushed_region": tuple(place.region for place in pushed_to),
        "pushed_key": tuple(place.kms_key for place in pushed_to),
        "key": (primary.kms_key, replica.kms_key),
        "signing_key": (firm.signing_key,) if firm.signing_key else (),
        "document_bucket": tuple(place.bucket for place in firm.documents),
        "secret": firm.configuration.secrets,
    }


def render(template: str, values: Values) -> dict[str, Any]:
    """A list's entry is repeated for each value of a placeholder with several; a statement about nothing is left out.

    Raises ``KeyError`` for a placeholder without a value.
    """
    policy: dict[str, Any] = _filled(json.loads(template), values)
    policy["Statement"] = [each for each in policy["Statement"] if each.get("Resource") != []]
    return policy


def _filled(node: Any, values: Values) -> Any:
    if isinstance(node, dict):
        return {name: _filled(child, values) for name, child in node.items()}
    if isinstance(node, list):
        return [
            one
            for child in node
            for one in (_each(child, values) if isinstance(child, str) else [_filled(child, values)])
        ]
    if isinstance(node, str):
        (only,) = _each(node, values)
        return only
    return node


def _each(text: str, values: Values) -> list[str]:
    """``text`` once for each value of its first placeholder, the others filled in turn."""
    found = _PLACEHOLDER.search(text)
    if not found:
        return [text]
    value = values[found[1]]
    choices = [value] if isinstance(value, str) else value
    return [one for choice in choices for one in _each(text.replace(found[0], choice), values)]
