"""What two firms must never share. Read from the files' plain values, so a firm with other faults counts too."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from muniment.registry.faults import Fault


class Claim(NamedTuple):
    """``path`` of firm ``file`` says that ``thing`` is this firm's own."""

    kind: str
    thing: str
    file: str
    path: str


def clashes(files: Mapping[str, Mapping[str, Any]]) -> Iterator[Fault]:
    """A fault for each of the firms that claim one thing; ``files``: file name → values."""
    claims: dict[tuple[str, str], list[Claim]] = defaultdict(list)
    for file, values in files.items():
        for claim in _claims(file, values):
            claims[claim.kind, claim.thing].append(claim)
    for sharing in claims.values():
        if len(sharing) > 1:
            yield from _between(sharing)


def _between(sharing: list[Claim]) -> Iterator[Fault]:
    for claim in sharing:
        others = sorted({f"{other.file}: {other.path}" for other in sharing if other.file != claim.file})
        if others:
            what = f"{claim.kind} {claim.thing} belongs to one firm, and another one names it: {'; '.join(others)}"
            yield Fault(claim.file, claim.path, what)


def _claims(file: str, values: Mapping[str, Any]) -> Iterator[Claim]:
    for kind, path, thing in _things(values):
        if isinstance(thing, str | int) and not isinstance(thing, bool):
            yield Claim(kind, str(thing), file, path)


def _things(values: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    yield "id", "id", values.get("id")
    yield "connection", "aws_connection", values.get("aws_connection")
    cluster = _mapping(values.get("cluster"))
    yield "connection", "cluster.connection", cluster.get("connection")
    yield "cluster", "cluster.system_identifier", cluster.get("system_identifier")
    for number, bucket in enumerate(_list(values.get("documents"))):
        yield "bucket", f"documents[{number}].bucket", _mapping(bucket).get("bucket")
    for side in ("primary", "replica"):
        place = _mapping(_mapping(values.get("vaults")).get(side))
        yield "bucket", f"vaults.{side}.bucket", place.get("bucket")
        yield "key", f"vaults.{side}.kms_key", _key_everywhere(place.get("kms_key"))
    yield "key", "signing_key", _key_everywhere(values.get("signing_key"))


def _key_everywhere(arn: Any) -> Any:
    """Account and key id: a multi-region key is one key in every region."""
    return ":".join(arn.split(":")[4:]) if isinstance(arn, str) else arn


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
