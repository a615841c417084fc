"""One file's values, checked against its model and its rules: what can be said of the file on its own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from muniment.domain.firm.application import Application
from muniment.domain.firm.contradictions import (
    Contradiction,
    application_contradictions,
    bucket_contradictions,
    live_contradictions,
    policy_contradictions,
    vaults_contradictions,
)
from muniment.domain.firm.firm import DocumentBucket, Firm, Policy, VaultPlace, Vaults
from muniment.domain.units import UNITS_REQUIRED
from muniment.registry.faults import Fault, did_you_mean, faults_in
from muniment.registry.overrides import merged, without_none

type Sources = Mapping[str, dict[str, Any] | None]
"""File's stem → the values of the file, ``None`` where that file has faults of its own."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What many firms' files name."""

    tiers: Sources
    applications: Sources

    def below(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The policy that a firm's own overrides are laid over: its tier's promises, its application's schema."""
        return merged(_named(self.tiers, values.get("tier")), _named(self.applications, values.get("application")))


def _named(sources: Sources, name: Any) -> dict[str, Any]:
    return (sources.get(name) if isinstance(name, str) else None) or {}


def check_policy_file(name: str, values: dict[str, Any]) -> list[Fault]:
    policy, faults = validated(Policy, name, values)
    if policy:
        faults += _contradictions(name, "", policy_contradictions(policy))
    stem = Path(name).stem
    if values.get("tier", stem) != stem:
        faults.append(Fault(name, "tier", f"{values['tier']!r} is not the file's name: it must be {stem!r}"))
    return faults


def check_application_file(name: str, values: dict[str, Any]) -> list[Fault]:
    application, faults = validated(Application, name, values)
    if application:
        faults += _contradictions(name, "", application_contradictions(application))
    return faults


def check_firm_file(name: str, values: dict[str, Any], shared: Shared) -> tuple[Firm | None, list[Fault]]:
    """The firm, with its tier's policy, its application's schema and its own overrides, or what is wrong."""
    faults = [*_name_faults(name, values), *_source_faults(name, values, shared)]
    whole = {**values, "policy": _merged_policy(values, shared)}
    firm, found = validated(Firm, name, whole)
    faults += _of_the_firm(found, values, shared)
    faults += _rules(name, firm, {**values, "policy": _merged_policy(_without(found, values), shared)})
    return (None if faults else firm), faults


def validated[M: BaseModel](model: type[M], name: str, values: dict[str, Any]) -> tuple[M | None, list[Fault]]:
    try:
        return model.model_validate(without_none(model, values), context=UNITS_REQUIRED), []
    except ValidationError as error:
        return None, [Fault(name, path, what) for path, what in dict.fromkeys(faults_in(model, values, error))]


def _name_faults(name: str, values: dict[str, Any]) -> Iterator[Fault]:
    stem = Path(name).stem
    if isinstance(values.get("id"), str) and values["id"] != stem:
        yield Fault(name, "id", f"{values['id']!r} is not the file's name: it must be {stem!r}")
    overrides = values.get("policy")
    if isinstance(overrides, dict) and "tier" in overrides:
        yield Fault(name, "policy.tier", "a firm overrides values, not the tier's name: write `tier` at the top")


def says_no_application(named: Any) -> bool:
    """As docs/configuration.md writes it, or left empty."""
    return named in (None, "none")


def _source_faults(name: str, values: dict[str, Any], shared: Shared) -> Iterator[Fault]:
    for key, folder, word, sources in (
        ("tier", "policies", "a tier", shared.tiers),
        ("application", "applications", "an application", shared.applications),
    ):
        named = values.get(key)
        if not isinstance(named, str) or (key == "application" and says_no_application(named)):
            continue
        if named not in sources:
            yield Fault(name, key, f"{named!r} is not {word} of {folder}/; {did_you_mean(named, sources)}")
        elif sources[named] is None:
            yield Fault(name, key, f"{folder}/{named}.yaml has faults of its own")


def _merged_policy(values: dict[str, Any], shared: Shared) -> Any:
    overrides = values.get("policy", {})
    return merged(shared.below(values), overrides) if isinstance(overrides, dict) else overrides


def _of_the_firm(faults: list[Fault], values: dict[str, Any], shared: Shared) -> list[Fault]:
    """Without a sound tier, what a policy lacks is the tier's fault: that one is reported already."""
    if _named(shared.tiers, values.get("tier")):
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
        return model.model_validate(without_none(model, values), context=UNITS_REQUIRED)
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
