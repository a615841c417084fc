"""``watch.yaml``, beside the folders of firms and tiers: how the watch works, and who is told."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from muniment.domain.firm.contradictions import Contradiction
from muniment.domain.units import UNITS_REQUIRED
from muniment.domain.watch.contradictions import (
    channel_contradictions,
    firms_without_route,
    route_contradictions,
    store_contradictions,
)
from muniment.domain.watch.settings import Channel, Route, WatchSettings
from muniment.registry.check import validated
from muniment.registry.faults import Fault, did_you_mean
from muniment.registry.load import Registry, default_root, invalid
from muniment.registry.overrides import without_none
from muniment.registry.yaml_files import read_yaml

NAME = "watch.yaml"


def load_watch_settings(root: Path | None = None) -> WatchSettings:
    """Raises ``InvalidConfiguration`` with every fault of the file. What the firms lack in it is none of its own."""
    settings, faults = read_watch_settings(root or default_root())
    if settings is None:
        raise invalid(faults)
    return settings


def require_sound(registry: Registry) -> None:
    """Raises ``InvalidConfiguration`` with every fault that there is, of the firms and of the watch."""
    if faults := (*registry.faults, *watch_faults(registry)):
        raise invalid(faults)


def watch_faults(registry: Registry) -> tuple[Fault, ...]:
    """Of the file, and of what it and the firms' files say of each other."""
    settings, faults = read_watch_settings(registry.root)
    if settings is not None and not faults:
        faults += _of_names(settings, registry)
        faults += _faults(firms_without_route(settings, registry.firms.values()))
    return tuple(sorted(set(faults)))


def read_watch_settings(root: Path) -> tuple[WatchSettings | None, list[Fault]]:
    if not (root / NAME).exists():
        return None, [Fault(NAME, "", f"there is no such file in {root}: nobody would be told of anything")]
    reading = read_yaml(root / NAME)
    faults = [Fault(NAME, path, what) for path, what in reading.faults]
    if faults and not reading.values:
        return None, faults
    settings, found = validated(WatchSettings, NAME, reading.values)
    faults += found
    faults += _rules(reading.values)
    return (None if faults else settings), faults


def _rules(values: dict[str, Any]) -> list[Fault]:
    """Every rule whose values are sound, whatever is wrong elsewhere in the file."""
    channels, routes = _parts(Channel, values.get("channels")), _parts(Route, values.get("routes"))
    faults = _faults(channel_contradictions(channels)) if _are_all(channels, values.get("channels")) else []
    faults += _faults(store_contradictions(values.get("store"), values.get("read_store")))
    if _are_all(routes, values.get("routes")):
        faults += _faults(route_contradictions(routes))
        faults += _unknown_channels(routes, _names(values.get("channels")))
    return faults


def _parts[M: BaseModel](model: type[M], listed: Any) -> list[M]:
    found: list[M] = []
    for item in listed if isinstance(listed, list) else []:
        try:
            found.append(model.model_validate(without_none(model, item), context=UNITS_REQUIRED))
        except ValidationError:
            continue  # its faults are reported with the whole file's
    return found


def _are_all(parts: list[Any], listed: Any) -> bool:
    """Only then do their numbers name places of the file."""
    return len(parts) == (len(listed) if isinstance(listed, list) else 0)


def _names(channels: Any) -> set[str]:
    """Of the faulty ones too: a route that names one of them is right."""
    listed = channels if isinstance(channels, list) else []
    return {str(item["name"]) for item in listed if isinstance(item, dict) and "name" in item}


def _unknown_channels(routes: Iterable[Route], known: set[str]) -> Iterator[Fault]:
    for number, route in enumerate(routes):
        for key, names in (("tell", route.tell), ("also", route.also)):
            for place, name in enumerate(names):
                if name not in known:
                    what = f"{name!r} is no channel; {did_you_mean(name, known)}"
                    yield Fault(NAME, f"routes[{number}].{key}[{place}]", what)


def _of_names(settings: WatchSettings, registry: Registry) -> Iterator[Fault]:
    firms = {*registry.firms, *registry.broken}
    tiers = {file.stem for file in (registry.root / "policies").glob("*.yaml")}
    for number, route in enumerate(settings.routes):
        for key, names, known, word in (
            ("firms", route.firms, firms, "firm"),
            ("tiers", route.tiers, tiers, "tier"),
        ):
            for place, name in enumerate(names):
                if name not in known:
                    what = f"{name!r} is no {word}; {did_you_mean(name, known)}"
                    yield Fault(NAME, f"routes[{number}].{key}[{place}]", what)


def _faults(found: Iterator[Contradiction]) -> list[Fault]:
    return [Fault(NAME, path, what) for path, what in found]
