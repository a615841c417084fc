"""One file's values, checked against its model and its rules: what can be said of the file on its own."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from muniment.domain.firm.contradictions import (
    Contradiction,
    bucket_contradictions,
    live_contradictions,
    policy_contradictions,
    vaults_contradictions,
)
from muniment.domain.firm.firm import DocumentBucket, Firm, Policy, VaultPlace, Vaults
from muniment.domain.units import UNITS_REQUIRED
from muniment.registry.faults import Fault, did_you_mean, faults_in

type Tiers = Mapping[str, dict[str, Any] | None]
"""Tier → the values of its file, ``None`` where that file has faults of its own."""


def check_policy_file(name: str, values: dict[str, Any]) -> list[Fault]:
    policy, faults = _validated(Policy, name, values)
    if policy:
        faults += _contradictions(name, "", policy_contradictions(policy))
    stem = Path(name).stem
    if values.get("tier", stem) != stem:
        faults.append(Fault(name, "tier", f"{values['tier']!r} is not the file's name: it must be {stem!r}"))
    return faults


def check_firm_file(name: str, values: dict[str, Any], tiers: Tiers) -> tuple[Firm | None, list[Fault]]:
    """The firm, with its tier's policy and its own overrides, or what is wrong."""
    faults = [*_name_faults(name, values), *_tier_faults(name, values, tiers)]
    merged = {**values, "policy": _merged_policy(values, tiers)}
    firm, found = _validated(Firm, name, merged)
    faults += _of_the_firm(found, values, tiers)
    faults += _rules(name, firm, {**values, "policy": _merged_policy(_without(found, values), tiers)})
    return (None if faults else firm), faults


def _validated[M: BaseModel](model: type[M], name: str, values: dict[str, Any]) -> tuple[M | None, list[Fault]]:
    try:
        return model.model_validate(values, context=UNITS_REQUIRED), []
    except ValidationError as error:
        return None, [Fault(name, path, what) for path, what in dict.fromkeys(faults_in(model, values, error))]


def _name_faults(name: str, values: dict[str, Any]) -> Iterator[Fault]:
    stem = Path(name).stem
    if isinstance(values.get("id"), str) and values["id"] != stem:
        yield Fault(name, "id", f"{values['id']!r} is not the file's name: it must be {stem!r}")
    overrides = values.get("policy")
    if isinstance(overrides, dict) and "tier" in overrides:
        yield Fault(name, "policy.tier", "a firm overrides values, not the tier's name: write `tier` at the top")


def _tier_faults(name: str, values: dict[str, Any], tiers: Tiers) -> Iterator[Fault]:
    tier = values.get("tier")
    if not isinstance(tier, str):
        return
    if tier not in tiers:
        yield Fault(name, "tier", f"{tier!r} is not a tier of policies/; {did_you_mean(tier, tiers)}")
    elif tiers[tier] is None:
        yield Fault(name, "tier", f"policies/{tier}.yaml has faults of its own")


def _merged_policy(values: dict[str, Any], tiers: Tiers) -> Any:
    tier = values.get("tier")
    base = tiers.get(tier) if isinstance(tier, str) else None
    overrides = values.get("policy", {})
    return merge(base or {}, overrides) if isinstance(overrides, dict) else overrides


def merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings merge key by key; anything else, a list too, replaces what was there."""
    merged = dict(base)
    for key, value in overrides.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _of_the_firm(faults: list[Fault], values: dict[str, Any], tiers: Tiers) -> list[Fault]:
    """Without a sound tier, what a policy lacks is the tier's fault: that one is reported already."""
    tier = values.get("tier")
    if isinstance(tier, str) and tiers.get(tier) is not None:
        return faults
    return [fault for fault in faults if not (fault.path.startswith("policy.") and fault.what.startswith("is missing"))]


def _without(found: list[Fault], values: dict[str, Any]) -> dict[str, Any]:
    """The file without its faulty overrides: the tier's values stand in, so that the other ones are checked as well."""
    faulty = {fault.path.split(".")[1] for fault in found if fault.path.startswith("policy.")}
    overrides = values.get("policy", {})
    if not isinstance(overrides, dict):
        return {**values, "policy": {}}
    return {**values, "policy": {key: value for key, value in overrides.items() if key not in faulty}}


def _rules(name: str, firm: Firm | None, values: dict[str, Any]) -> list[Fault]:
    """Every rule whose values are sound, whatever is wrong elsewhere in the file."""
    policy = firm.policy if firm else _part(Policy, values.get("policy"))
    vaults = firm.vaults if firm else _part(Vaults, values.get("vaults"))
    faults: list[Fault] = []
    if policy:
        faults += _contradictions(name, "policy", policy_contradictions(policy))
    if vaults:
        faults += _contradictions(name, "vaults", vaults_contradictions(vaults))
    if firm:
        faults += _contradictions(name, "cluster.live", live_contradictions(firm.cluster.live))
    places = _places(vaults)
    return faults + _contradictions(name, "", bucket_contradictions(places, _documents(firm, values)))


def _part[M: BaseModel](model: type[M], values: Any) -> M | None:
    try:
        return model.model_validate(values, context=UNITS_REQUIRED)
    except ValidationError:
        return None  # its faults are reported with the whole file's


def _places(vaults: Vaults | None) -> list[tuple[str, VaultPlace]]:
    return [("vaults.primary", vaults.primary), ("vaults.replica", vaults.replica)] if vaults else []


def _documents(firm: Firm | None, values: dict[str, Any]) -> list[tuple[str, DocumentBucket]]:
    listed = values.get("documents")
    written = listed if isinstance(listed, list) else []
    found = firm.documents if firm else [_part(DocumentBucket, item) for item in written]
    return [(f"documents[{number}]", bucket) for number, bucket in enumerate(found) if bucket]


def _contradictions(name: str, prefix: str, found: Iterator[Contradiction]) -> list[Fault]:
    return [Fault(name, ".".join(part for part in (prefix, path) if part), what) for path, what in found]
